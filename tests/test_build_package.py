"""The script that builds a model package from a treebank, in small."""

import os
import shutil
import sys
from pathlib import Path
from typing import Any, Callable, Dict

import pytest
import spacy
import srsly

from spacy_lstm_tagger import __version__

from .conftest import ROOT, Done

PACKAGES = sorted((ROOT / "models").glob("*_lstm_ud"))
USE = """
import spacy, spacy_lstm_tagger
text = "She reads old books."
by_name = spacy.load("en_lstm_ud")(text)
nlp = spacy.blank("en")
nlp.add_pipe("lstm_tagger", config={"pretrained": "sample"})
for doc in (nlp(text), spacy_lstm_tagger.load_pipeline("sample")(text)):
    assert doc.to_array(["POS", "TAG", "MORPH"]).tolist() == by_name.to_array(["POS", "TAG", "MORPH"]).tolist()
print(nlp.meta["license"], by_name[1].pos_ != "")
"""


@pytest.fixture
def treebank(tmp_path: Path) -> Path:
    directory = tmp_path / "UD_English-Sample"
    directory.mkdir()
    for part in ("train", "dev"):
        shutil.copy(ROOT / "corpus" / f"en_sample-{part}.conllu", directory / f"en_sample-ud-{part}.conllu")
    with (directory / "en_sample-ud-train.conllu").open("a", encoding="utf8") as file:
        for word in ("Yes", "Wow"):
            file.write(f"1\t{word}\t{word.lower()}\tINTJ\tUH\t_\t_\t_\t_\tSpaceAfter=No\n")
            file.write("2\t!!\t!!\tPUNCT\t.\t_\t_\t_\t_\t_\n\n")
    (directory / "LICENSE.txt").write_text("CC BY-SA 4.0")
    return directory


@pytest.mark.slow
def test_package_is_built_installed_and_found(treebank: Path, tmp_path: Path, run: Callable[..., Done]) -> None:
    output, site = tmp_path / "en_lstm_ud", tmp_path / "site"
    build = [ROOT / "models" / "build.py", treebank, output, "--offers", "sample"]
    run(*build, "--steps", 20)
    meta = srsly.read_json(output / "en_lstm_ud" / "meta.json")
    assert meta["license"] == "CC BY-SA 4.0" and meta["sources"][0]["name"] == "UD_English-Sample"
    assert {"pos_acc", "tag_acc", "morph_acc", "lemma_acc", "raw_pos_f", "raw_sents_f"} <= set(meta["performance"])
    assert meta["requirements"] == [f"spacy-lstm-tagger>={__version__}", "spacy>=3.8.2,<3.9.0"]
    assert not any(str(tmp_path).encode() in file.read_bytes() for file in output.rglob("*") if file.is_file())

    # Of what the tokenizer learned, rules for punctuation are there, and words of the treebank are not.
    trained = output.with_name("en_lstm_ud-training") / "model-best"
    packaged = output / "en_lstm_ud" / f"en_lstm_ud-{__version__}"
    for directory, e_mail in ((trained, ["e-mail"]), (packaged, ["e", "-", "mail"])):
        assert [token.text for token in spacy.load(directory).tokenizer("great!!!! e-mail")] == [
            "great",
            "!!!!",
            *e_mail,
        ]
    assert "e-mail" not in spacy.load(packaged).vocab.strings

    install = ["--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--target", site]
    run("-m", "pip", "install", *install, output)
    environment = {**os.environ, "PYTHONPATH": str(site), "OMP_NUM_THREADS": "1"}
    assert run("-c", USE, env=environment, cwd=tmp_path).stdout.split() == ["CC", "BY-SA", "4.0", "True"]

    # A training that is complete is not done again.
    before = (packaged / "lstm_tagger" / "model.safetensors").read_bytes()
    assert "Training pipeline" not in run(*build, "--steps", 20).stdout
    assert before == (packaged / "lstm_tagger" / "model.safetensors").read_bytes()


@pytest.mark.parametrize("package", PACKAGES, ids=lambda path: path.name)
def test_package_that_is_ready(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(package))
    directory = next((package / package.name).glob(f"{package.name}-*"))
    nlp = spacy.load(directory)
    lang = package.name.partition("_")[0]
    text = {"fr": "Les enfants mangent.", "pt": "As crianças comem.", "vi": "Tôi ăn cơm."}[lang]
    expected: Dict[str, Any] = {"fr": ["DET", "NOUN", "VERB"], "pt": ["DET", "NOUN", "VERB"], "vi": ["PRON", "VERB"]}
    assert [token.pos_ for token in nlp(text)][: len(expected[lang])] == expected[lang]
    assert nlp.lang == lang and nlp.meta["license"] and nlp.meta["sources"][0]["url"]
    assert nlp.meta["performance"]["pos_acc"] > 0.8 and nlp.meta["performance"]["raw_pos_f"] > 0.5
    assert sum(file.stat().st_size for file in package.rglob("*") if file.is_file()) <= 7_000_000
    assert f'{lang} = "{package.name}"' in (package / "pyproject.toml").read_text("utf8")
    # Labels and what the tokenizer splits off. The words of the treebank are there as hashes alone.
    assert len(srsly.read_json(directory / "vocab" / "strings.json")) < 1_500
    assert sys.modules.get("pyvi") is None
