import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Callable, Dict, List

import pytest
import spacy
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example

ROOT = Path(__file__).parent.parent

# A network that trains in a second and has every option of the real ones.
SMALL_MODEL: Dict[str, Any] = {
    "@architectures": "spacy-lstm-tagger.LSTMTagger.v1",
    "word_width": 12,
    "affix_width": 4,
    "character_width": 8,
    "mix_width": 16,
    "hidden_width": 8,
    "depth": 2,
    "bidirectional": True,
    "skip": True,
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


def make_examples(nlp: Language, sentences: List[Dict[str, List[str]]] = SENTENCES) -> List[Example]:
    return [Example.from_dict(Doc(nlp.vocab, words=sentence["words"]), sentence) for sentence in sentences]


def make_pipeline(steps: int = 0, model: Dict[str, Any] = SMALL_MODEL, **config: Any) -> Language:
    """An initialized pipeline after a number of updates."""
    spacy.util.fix_random_seed(0)
    nlp = spacy.blank("en")
    nlp.add_pipe("lstm_tagger", config={"model": model, **config})
    examples = make_examples(nlp)
    optimizer = nlp.initialize(lambda: examples)
    optimizer.learn_rate = 0.01
    for _ in range(steps):
        nlp.update(examples, sgd=optimizer)
    return nlp


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


@pytest.fixture(scope="session")
def run() -> Callable[..., subprocess.CompletedProcess]:
    """Runs `python ARGUMENTS...` in a process of its own and returns it with what it printed."""

    def run_python(*arguments: Any, check: bool = True, **kwargs: Any) -> subprocess.CompletedProcess:
        environment = {**os.environ, "ANSI_COLORS_DISABLED": "1", "PYTHONHASHSEED": "random", "OMP_NUM_THREADS": "1"}
        command = [sys.executable, *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, env=environment, encoding="utf8", **kwargs)
        if check and done.returncode:
            raise AssertionError(f"{command} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}")
        return done

    return run_python
