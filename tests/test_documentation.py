"""Every command and all Python in README and in the pages of `docs/` run, page by page, on the sample corpus, and print
what the pages show."""

import contextlib
import io
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List

import pytest
import spacy
import torch

from .conftest import ROOT, Done
from .pages import PAGES, blocks, shell_commands, without_margins
from .serving import serve

LANGUAGES = {"bash", "python", "text", "dockerfile", "html", "ini", "json", "toml", "yaml"}
# What installs packages, which .ci/run does, what runs the tests, and what needs a daemon.
NOT_RUN = ("pip install ", "make ", "docker ")
RUN = ("curl ", "git clone ", "mkdir -p ", "python -m spacy ", "python tests/benchmarks/")
# Long enough to see that it works.
SHORT_TRAINING = "--training.max_steps 20 --training.eval_frequency 10"
SHORT_PROJECT = "--vars.max_steps 20 --vars.eval_frequency 10"
SHORT_BENCHMARKS = {
    "compare_analysis.py": "--max-steps 20 --configs fast",
    "compare_processors.py": "",
    "compare_with_spacy.py": "--max-steps 20 --repeat 1",
    "measure_speed.py": "--words 1000 --longest 1000",
    "measure_pretrained.py": "",
    "measure_raw_text.py": "",
    "measure_replaced.py": "",
    "measure_verbs.py": "",
    "measure_analysis.py": "",
    "measure_memory.py": "--tokens 1000",
    "compare_speed.py": "",
    "learning_curve.py": "--sizes 100 --steps 20 --peer-steps 20",
    "measure_gpu.py": "--words 1000 --steps 2",
    "measure_annotate.py": "--tokens 1000 --ways local-1",
}
TREEBANK = "UD_English-EWT"
# Where `serve` listens.
ADDRESS = re.compile(r"http://(localhost|127\.0\.0\.1):8000")
PIPELINE = "models/en_ewt"


@pytest.mark.parametrize("page", PAGES)
def test_page_names_no_command_that_is_not_run(page: str) -> None:
    known = (*RUN, *NOT_RUN)
    assert [command for command in shell_commands(PAGES[page]) if not command.startswith(known)] == []


def test_every_block_says_what_it_is() -> None:
    for text in PAGES.values():
        fences = re.findall(r"^ *```(.*)$", text, flags=re.MULTILINE)
        assert set(fences[::2]) <= LANGUAGES and set(fences[1::2]) <= {""}


def test_blocks_are_found() -> None:
    assert sum(len(shell_commands(text)) for text in PAGES.values()) > 50
    assert sum(bool(block.shown) for text in PAGES.values() for block in blocks(text)) >= 4


@pytest.mark.slow
@pytest.mark.parametrize("page", [page for page, text in PAGES.items() if any(blocks(text))])
def test_commands_and_python(
    page: str,
    run: Callable[..., Done],
    run_spacy: Callable[..., Done],
    trained_path: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    prepare(tmp_path, PAGES[page], trained_path)
    namespace: Any = {}
    with contextlib.ExitStack() as stack:
        address = "http://127.0.0.1:8000"
        for block in blocks(PAGES[page]):
            output = ""
            if block.language == "python":
                with contextlib.redirect_stdout(io.StringIO()) as printed:
                    exec(compile(ADDRESS.sub(address, block.code), page, "exec"), namespace)
                output = printed.getvalue()
            elif block.language == "bash":
                for command in block.commands:
                    if command.startswith("python -m spacy lstm-tagger serve"):
                        address = stack.enter_context(serve_in_background(command))
                    else:
                        output += run_command(ADDRESS.sub(address, command), tmp_path, run, run_spacy)
            if block.shown:
                assert without_margins(output) == without_margins(block.shown)


def prepare(directory: Path, page: str, trained_path: Path) -> None:
    """The files that pages name, and do not make themselves."""
    for name in ("configs", "corpus", "projects", "tests/benchmarks"):
        shutil.copytree(ROOT / name, directory / name)
    (directory / "notes.txt").write_text(6 * "She reads.\nThe dog ate the apple.\n", encoding="utf8")
    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    nlp.to_disk(directory / "my_pipeline")
    (directory / "models").mkdir()
    if f"git clone https://github.com/UniversalDependencies/{TREEBANK}" not in page:
        write_treebank(directory / TREEBANK)
    if f" {PIPELINE}\n" not in page:
        shutil.copytree(trained_path, directory / PIPELINE / "model-best")


def run_command(command: str, directory: Path, run: Callable[..., Done], run_spacy: Callable[..., Done]) -> str:
    """Run a command of a page, and return what it prints."""
    program, *arguments = shlex.split(command)
    if command.startswith(NOT_RUN):
        return ""
    if program == "git":
        clone(arguments, directory)
    elif program == "curl":
        if shutil.which("curl"):
            curl = ["curl", "--fail", "--silent", *arguments]
            return subprocess.run(curl, check=True, capture_output=True, text=True).stdout
    elif program == "mkdir":
        (directory / arguments[-1]).mkdir(parents=True, exist_ok=True)
    elif command.startswith("python tests/benchmarks/"):
        benchmark = Path(arguments[0]).name
        if benchmark != "measure_gpu.py" or torch.cuda.is_available():
            run(*arguments, *SHORT_BENCHMARKS[benchmark].split())
    elif command.startswith("python -m spacy project assets "):
        write_treebank(directory / arguments[4] / "assets" / TREEBANK)
    elif command.startswith("python -m spacy project run "):
        run(*arguments, *SHORT_PROJECT.split())
    elif command.startswith("python -m spacy huggingface-hub "):
        if find_spec("spacy_huggingface_hub"):
            push(arguments, run)
    elif command.startswith("python -m spacy package "):
        build_wheel(arguments[2:], run_spacy, run)
    else:
        if "train" in arguments[2:4] and "tutorial" not in arguments:
            arguments += SHORT_TRAINING.split()
        return run_spacy(*arguments[2:]).stdout
    return ""


@contextlib.contextmanager
def serve_in_background(command: str) -> Iterator[str]:
    """Start a service at a port that is free, and give its address."""
    arguments = [*shlex.split(command)[1:], "--port", "0"]
    with subprocess.Popen([sys.executable, *arguments], stdout=subprocess.PIPE, text=True) as service:
        assert service.stdout is not None
        (address,) = re.findall(r"http://[\w.]+:\d+", service.stdout.readline())
        try:
            yield address
        finally:
            service.send_signal(signal.SIGINT)
            service.wait(60)


def write_treebank(directory: Path) -> None:
    """The sample, under the names of the treebank."""
    directory.mkdir(parents=True)
    for part in ("train", "dev"):
        sample = (ROOT / "corpus" / f"en_sample-{part}.conllu").read_text(encoding="utf8")
        # So often that spaCy's lemmatizer learns edit trees from its part of it.
        (directory / f"en_ewt-ud-{part}.conllu").write_text(3 * sample, encoding="utf8")


def clone(arguments: List[str], directory: Path) -> None:
    """Clone from a repository on this machine that holds the sample, in the place of the one on the network."""
    url = arguments[-1]
    upstream = directory / "upstream" / Path(url).name
    write_treebank(upstream)
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@localhost"]
    for command in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "--message", "Sample"]):
        subprocess.run([*git, *command], cwd=upstream, check=True)
    instead = f"url.{upstream.parent.as_uri()}/.insteadOf={url[: url.rindex('/') + 1]}"
    subprocess.run([*git, "-c", instead, *arguments, "--quiet"], check=True)


def build_wheel(arguments: List[str], run_spacy: Callable[..., Done], run: Callable[..., Done]) -> None:
    """Build as spaCy does, but with the setuptools that are here: spaCy fetches its own from the network."""
    run_spacy(*["none" if argument == "wheel" else argument for argument in arguments])
    (package,) = Path(arguments[2]).iterdir()
    run("setup.py", "--quiet", "bdist_wheel", cwd=package)


def push(arguments: List[str], run: Callable[..., Done]) -> None:
    """Publish on a server of this machine that answers as the Hub does."""
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import JSONResponse
    from starlette.routing import Route

    pushed = []

    def create(request: Request) -> JSONResponse:
        return JSONResponse({"url": f"{request.base_url}me/model"})

    async def commit(request: Request) -> JSONResponse:
        entries = [json.loads(line) for line in (await request.body()).splitlines()]
        pushed.extend(entry["value"]["path"] for entry in entries if entry["key"] == "file")
        return JSONResponse({"commitUrl": f"{request.base_url}me/model/commit/1", "commitOid": "1"})

    async def plan_upload(request: Request) -> JSONResponse:
        files = (await request.json())["files"]
        return JSONResponse({"files": [{**file, "uploadMode": "regular", "shouldIgnore": False} for file in files]})

    def answer(content: Dict[str, Any]) -> Callable[[Request], JSONResponse]:
        return lambda request: JSONResponse(content)

    routes = [
        Route("/api/whoami-v2", answer({"name": "me"})),
        Route("/api/repos/create", create, methods=["POST"]),
        Route("/api/validate-yaml", answer({"errors": [], "warnings": []}), methods=["POST"]),
        Route("/api/models/me/{name}/preupload/main", plan_upload, methods=["POST"]),
        Route("/api/models/me/{name}/commit/main", commit, methods=["POST"]),
    ]
    with serve(Starlette(routes=routes)) as url:
        run(*arguments, env={**os.environ, "HF_ENDPOINT": url, "HF_TOKEN": "hf_test"})
    assert "lstm_tagger/model.safetensors" in pushed
    assert any(name.endswith(".whl") for name in pushed)
