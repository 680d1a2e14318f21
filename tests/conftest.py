import os
import shutil
import signal
import subprocess
import sys
import traceback
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, NamedTuple

import pytest
import spacy
import torch
from hypothesis import HealthCheck, settings
from spacy.cli import app
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example
from spacy.util import registry
from thinc.api import Optimizer
from typer.testing import CliRunner

ROOT = Path(__file__).parent.parent

# A shell lets the processes that it runs in the background ignore Ctrl-C, which some tests send.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Ray's statistics of its use poll and log in a thread for as long as the process lives.
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"

# No test asserts a time.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")

# A network that trains in a second and has every option of the real ones.
SMALL_MODEL: Dict[str, Any] = {
    "@architectures": "spacy-lstm-tagger.LSTMTagger.v1",
    "word_width": 12,
    "affix_width": 4,
    "character_width": 8,
    "mix_width": 16,
    "convolution_width": 4,
    "hidden_width": 8,
    "depth": 2,
    "bidirectional": True,
    "skip": True,
    "n_members": 2,
    "compose_labels": True,
    "word_dropout": 0.25,
    "vocabulary": {"@misc": "spacy-lstm-tagger.Vocabulary.v1", "min_count": 1},
}

SENTENCES: List[Dict[str, List[str]]] = [
    {
        "words": ["The", "dog", "ate", "the", "apples", "."],
        "tags": ["DT", "NN", "VBD", "DT", "NNS", "."],
        "pos": ["DET", "NOUN", "VERB", "DET", "NOUN", "PUNCT"],
        "morphs": ["Definite=Def", "Number=Sing", "Tense=Past", "Definite=Def", "Number=Plur", ""],
    },
    {
        "words": ["Everybody", "reads", "books"],
        "tags": ["NN", "VBZ", "NNS"],
        "pos": ["PRON", "VERB", "NOUN"],
        "morphs": ["Number=Sing", "Number=Sing|Tense=Pres", "Number=Plur"],
    },
    {"words": ["Yes", "!"], "tags": ["UH", "."], "pos": ["INTJ", "PUNCT"], "morphs": ["", ""]},
    {"words": ["Run"], "tags": ["VB"], "pos": ["VERB"], "morphs": ["VerbForm=Inf"]},
]

LEMMAS = [["the", "dog", "eat", "the", "apple", "."], ["everybody", "read", "book"], ["yes", "!"], ["run"]]
WITH_LEMMAS = [{**sentence, "lemmas": lemmas} for sentence, lemmas in zip(SENTENCES, LEMMAS)]

# An empty text, one word, whitespace at every place, unknown words, and mixed lengths.
TEXTS = [
    "",
    "Run",
    "  ",
    "The dog  ate\n the apples . \t",
    "Yes !",
    "Zyzzyva's naïve 日本語 qwerty 12,5 everybody reads the the the books",
    "Everybody reads books",
]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--slow", action="store_true", help="run the long tests too")


def pytest_collection_modifyitems(config: pytest.Config, items: List[pytest.Item]) -> None:
    if not config.getoption("--slow"):
        for item in items:
            if "slow" in item.keywords:
                item.add_marker(pytest.mark.skip(reason="needs --slow"))


@pytest.fixture(autouse=True)
def few_threads() -> None:
    """Threads that wait for a busy processor would make small networks slow."""
    torch.set_num_threads(1)


def make_examples(nlp: Language, sentences: List[Dict[str, List[str]]] = SENTENCES) -> List[Example]:
    return [Example.from_dict(Doc(nlp.vocab, words=sentence["words"]), sentence) for sentence in sentences]


def make_pipeline(
    steps: int = 0,
    model: Dict[str, Any] = SMALL_MODEL,
    sentences: List[Dict[str, List[str]]] = SENTENCES,
    **config: Any,
) -> Language:
    """An initialized pipeline after a number of updates."""
    spacy.util.fix_random_seed(0)
    nlp = spacy.blank("en")
    nlp.add_pipe("lstm_tagger", config={"model": model, **config})
    examples = make_examples(nlp, sentences)
    train(nlp, examples, nlp.initialize(lambda: examples), steps)
    return nlp


def train(nlp: Language, examples: List[Example], optimizer: Optimizer, steps: int, **options: Any) -> None:
    """Make updates that learn fast. options: those of `nlp.update`."""
    optimizer.learn_rate = 0.01
    for _ in range(steps):
        nlp.update(examples, sgd=optimizer, **options)


@pytest.fixture
def nlp() -> Language:
    """An initialized pipeline that has not been trained."""
    return make_pipeline()


@pytest.fixture(scope="session")
def trained() -> Language:
    """A pipeline that knows SENTENCES by heart. Not to be changed."""
    return make_pipeline(steps=60)


@pytest.fixture(scope="session")
def trained_path(trained: Language, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same on disk."""
    path = tmp_path_factory.mktemp("pipeline") / "trained"
    trained.to_disk(path)
    return path


class Done(NamedTuple):
    """What came of a command."""

    returncode: int
    stdout: str
    stderr: str


@pytest.fixture(scope="session")
def run() -> Callable[..., Done]:
    """Runs `python ARGUMENTS...` in a process of its own."""

    def run_python(*arguments: Any, **kwargs: Any) -> Done:
        environment = {**os.environ, "ANSI_COLORS_DISABLED": "1", "PYTHONHASHSEED": "random", "OMP_NUM_THREADS": "1"}
        command = [sys.executable, *map(str, arguments)]
        kwargs = {"capture_output": True, "text": True, "encoding": "utf8", "env": environment, **kwargs}
        done = subprocess.run(command, check=False, **kwargs)
        assert done.returncode == 0, f"{command} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}"
        return Done(done.returncode, done.stdout, done.stderr)

    return run_python


@pytest.fixture
def run_spacy(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Done]:
    """Runs `python -m spacy ARGUMENTS...` in this process, which saves the seconds that importing takes."""
    monkeypatch.setenv("ANSI_COLORS_DISABLED", "1")
    registry.cli.get_all()

    def run_command(*arguments: Any, check: bool = True, **kwargs: Any) -> Done:
        result = CliRunner().invoke(app, list(map(str, arguments)), **kwargs)
        unexpected = result.exception is not None and not isinstance(result.exception, SystemExit)
        trace = "".join(traceback.format_exception(result.exception)) if unexpected else ""
        done = Done(result.exit_code, result.stdout, result.stderr + trace)
        assert not check or done.returncode == 0, f"{arguments} ended with {done}"
        return done

    return run_command


@pytest.fixture(scope="session")
def driver() -> Iterator[Any]:
    """A browser without a network."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="needs selenium, of the extra 'dev'")
    chromium, chromedriver = shutil.which("chromium"), shutil.which("chromedriver")
    if not (chromium and chromedriver):
        pytest.skip("needs chromium and chromedriver (Debian: chromium, chromium-driver)")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=1300,1000"):
        options.add_argument(argument)
    # No request gets anywhere but to this machine.
    options.add_argument("--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(chromedriver))
    yield driver
    driver.quit()
