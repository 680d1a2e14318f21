"""Every command and every piece of Python in the README runs, in their order, on the sample corpus."""

import re
import shlex
import shutil
from pathlib import Path
from typing import Any, Callable, List

import pytest
import spacy

from .conftest import ROOT, Done

README = (ROOT / "README.md").read_text("utf8")

# What needs a network, or is what runs the tests; and benchmarks, which train for an hour.
NOT_RUN = ("git clone ", "pip install ", "make ", "python tests/benchmarks/", "python configs/en/")
# Training long enough to see that it works.
SHORT = "--training.max_steps 20 --training.eval_frequency 10"


def shell_commands() -> List[str]:
    lines = [line.strip() for line in re.findall(r"^    (?=\S).*$", README, flags=re.MULTILINE)]
    return [line for line in lines if re.match(r"(git|pip|make|python|uvicorn) ", line)]


def test_readme_names_no_command_that_is_not_run() -> None:
    left = [command for command in shell_commands() if not command.startswith(NOT_RUN)]
    assert all(command.startswith("python -m spacy ") for command in left)
    assert len(left) > 10


@pytest.mark.slow
def test_readme_commands_and_python(
    run_spacy: Callable[..., Done], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    prepare(tmp_path)
    namespace: Any = {}
    for block in re.findall(r"^```python\n(.*?)^```|^((?:    [^\n]+\n)+)", README, flags=re.MULTILINE | re.DOTALL):
        python, shell = block
        if python:
            exec(compile(python, "README.md", "exec"), namespace)
        for command in map(str.strip, shell.splitlines()):
            if command.startswith("python -m spacy "):
                arguments = shlex.split(command)[3:]
                if "train" in arguments[:2] and "tutorial" not in arguments:
                    arguments += SHORT.split()
                # A wheel is built with tools from the network.
                arguments = ["none" if argument == "wheel" else argument for argument in arguments]
                run_spacy(*arguments)


def prepare(directory: Path) -> None:
    """The files that the README speaks of."""
    for name in ("configs", "corpus"):
        shutil.copytree(ROOT / name, directory / name)
    treebank = directory / "UD_English-EWT"
    treebank.mkdir()
    for part in ("train", "dev"):
        shutil.copy(ROOT / "corpus" / f"en_sample-{part}.conllu", treebank / f"en_ewt-ud-{part}.conllu")
    (directory / "notes.txt").write_text("She reads.\nThe dog ate the apple.\n", encoding="utf8")
    (directory / "packages").mkdir()
    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    nlp.to_disk(directory / "my_pipeline")
