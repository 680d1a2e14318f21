"""Every command and every piece of Python in the README runs, in their order, on the sample corpus."""

import json
import os
import re
import shlex
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Callable, Dict, List

import pytest
import spacy
import torch

from .conftest import ROOT, Done
from .serving import serve

README = (ROOT / "README.md").read_text("utf8")

# What installs packages, which .ci/run does, and what runs the tests.
NOT_RUN = ("pip install ", "make ")
# Long enough to see that it works.
SHORT_TRAINING = "--training.max_steps 20 --training.eval_frequency 10"
SHORT_BENCHMARKS = {
    "compare_with_spacy.py": "--max-steps 20 --repeat 1",
    "measure_speed.py": "--words 1000 --longest 1000",
    "measure_pretrained.py": "",
    "measure_raw_text.py": "",
    "measure_replaced.py": "",
    "measure_verbs.py": "",
    "measure_analysis.py": "",
    "compare_speed.py": "",
    "learning_curve.py": "--sizes 100 --steps 20",
    "measure_gpu.py": "--words 1000 --steps 2",
    "measure_annotate.py": "--tokens 1000 --ways local-1",
}


def shell_commands(text: str) -> List[str]:
    lines = map(str.strip, re.findall(r"^    (?=\S).*$", text, flags=re.MULTILINE))
    return [line for line in lines if re.match(r"(git|pip|make|python|uvicorn) ", line)]


def test_readme_names_no_command_that_is_not_run() -> None:
    run = [command for command in shell_commands(README) if not command.startswith(NOT_RUN)]
    assert all(command.startswith(("git clone ", "python -m spacy ", "python tests/benchmarks/")) for command in run)
    assert len(run) > 10


@pytest.mark.slow
def test_readme_commands_and_python(
    run: Callable[..., Done], run_spacy: Callable[..., Done], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    prepare(tmp_path)
    namespace: Any = {}
    for block in re.findall(r"^```python\n(.*?)^```|^((?:    [^\n]+\n)+)", README, flags=re.MULTILINE | re.DOTALL):
        python, shell = block
        if python:
            exec(compile(python, "README.md", "exec"), namespace)
        for command in shell_commands(shell):
            program, *arguments = shlex.split(command)
            if program == "git":
                clone(arguments, tmp_path)
            elif command.startswith("python tests/benchmarks/"):
                benchmark = Path(arguments[0]).name
                if benchmark != "measure_gpu.py" or torch.cuda.is_available():
                    run(*arguments, *SHORT_BENCHMARKS[benchmark].split())
            elif command.startswith("python -m spacy huggingface-hub "):
                if find_spec("spacy_huggingface_hub"):
                    push(arguments, run)
            elif command.startswith("python -m spacy package "):
                build_wheel(arguments[2:], run_spacy, run)
            elif command.startswith("python -m spacy "):
                if "train" in arguments[2:4] and "tutorial" not in arguments:
                    arguments += SHORT_TRAINING.split()
                run_spacy(*arguments[2:])


def prepare(directory: Path) -> None:
    """The files that the README speaks of."""
    for name in ("configs", "corpus", "tests/benchmarks"):
        shutil.copytree(ROOT / name, directory / name)
    (directory / "notes.txt").write_text("She reads.\nThe dog ate the apple.\n", encoding="utf8")
    (directory / "packages").mkdir()
    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    nlp.to_disk(directory / "my_pipeline")


def clone(arguments: List[str], directory: Path) -> None:
    """Clone from a repository on this machine that holds the sample, in the place of the one on the network."""
    url = arguments[-1]
    upstream = directory / "upstream" / Path(url).name
    upstream.mkdir(parents=True)
    for part in ("train", "dev"):
        sample = (ROOT / "corpus" / f"en_sample-{part}.conllu").read_text(encoding="utf8")
        # So often that spaCy's lemmatizer learns edit trees from its part of it.
        (upstream / f"en_ewt-ud-{part}.conllu").write_text(3 * sample, encoding="utf8")
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
