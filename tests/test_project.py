"""The spaCy project: from a treebank's folder to a package."""

import shutil
import subprocess
from pathlib import Path
from typing import Any, Callable

import pytest
import spacy
import srsly
from spacy.util import load_config

from .conftest import ROOT, Done

PROJECT = ROOT / "projects" / "ud_treebank"
SHORT = ["--vars.max_steps", "20", "--vars.eval_frequency", "10"]
VARS = ["--vars.treebank", "UD_English-Sample", "--vars.lang", "en", *SHORT]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of the project, with the sample as a treebank's folder."""
    directory = tmp_path / "project"
    shutil.copytree(PROJECT, directory)
    treebank = directory / "assets" / "UD_English-Sample"
    treebank.mkdir(parents=True)
    for part in ("train", "dev"):
        shutil.copy(ROOT / "corpus" / f"en_sample-{part}.conllu", treebank / f"en_sample-ud-{part}.conllu")
    (treebank / "README.md").write_text("=== Machine-readable metadata\nLicense: MIT\n")
    return directory


@pytest.mark.slow
def test_whole_workflow(project: Path, run: Callable[..., Done]) -> None:
    run("-m", "spacy", "project", "run", "all", project, *VARS)
    nlp = spacy.load(project / "training" / "lstm" / "model-best")
    assert nlp.meta["license"] == "MIT" and nlp.meta["sources"][0]["name"] == "UD_English-Sample"
    peer = spacy.load(project / "training" / "spacy" / "model-best")
    assert peer.pipe_names == ["tok2vec", "tagger", "morphologizer", "trainable_lemmatizer", "senter"]
    header, _, *rows = (project / "metrics" / "comparison.md").read_text().splitlines()
    assert "UPOS on text" in header and [row.split()[1] for row in rows] == ["lstm", "spacy"]
    assert srsly.read_json(project / "metrics" / "scores.json")["raw_pos_f"] > 0
    package = project / "packages" / "en_lstm_ud-0.1.0"
    assert "UD_English-Sample" in (package / "README.md").read_text() and (package / "setup.py").exists()
    # What is done is not done again.
    again = run("-m", "spacy", "project", "run", "all", project, *VARS).stdout
    assert "Skipping 'train'" in again and "Skipping 'train-spacy'" in again


@pytest.mark.slow
def test_treebank_without_xpos_is_compared_without_a_tagger(project: Path, run: Callable[..., Done]) -> None:
    for file in (project / "assets").rglob("*.conllu"):
        lines = [line.split("\t") for line in file.read_text("utf8").split("\n")]
        file.write_text("\n".join("\t".join([*x[:4], "_", *x[5:]] if len(x) > 5 else x) for x in lines), "utf8")
    run("-m", "spacy", "project", "run", "convert", project, *VARS)
    config = load_config(project / "corpus" / "spacy.cfg")
    assert config["nlp"]["pipeline"] == ["tok2vec", "morphologizer", "trainable_lemmatizer", "senter"]


def test_readme_is_what_spacy_makes_of_the_project(run_spacy: Any, tmp_path: Path) -> None:
    run_spacy("project", "document", PROJECT, "--output", tmp_path / "README.md")
    assert (tmp_path / "README.md").read_text("utf8") == (PROJECT / "README.md").read_text("utf8")


def test_treebank_in_git_is_an_asset(project: Path, run: Callable[..., Done], tmp_path: Path) -> None:
    upstream = tmp_path / "upstream"
    shutil.move(project / "assets", upstream)
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@localhost", "-C", str(upstream / "UD_English-Sample")]
    for command in (["init", "--quiet", "--initial-branch", "master"], ["add", "."], ["commit", "-qm", "Sample"]):
        subprocess.run([*git, *command], check=True)
    run("-m", "spacy", "project", "assets", project, *VARS, "--vars.repository", upstream)
    assert (project / "assets" / "UD_English-Sample" / "en_sample-ud-dev.conllu").exists()
