"""Taggers that other packages offer."""

import sys
from pathlib import Path
from typing import Any, Callable

import pytest
import spacy
import srsly
from spacy.language import Language

from spacy_lstm_tagger import load_pipeline, replace_taggers
from spacy_lstm_tagger.corpora.job import digest_model
from spacy_lstm_tagger.model_packages import find_package, pretrained_names

from .conftest import TEXTS

INIT = """
from spacy.util import load_model_from_init_py

def load(**overrides):
    return load_model_from_init_py(__file__, **overrides)
"""
Offer = Callable[..., Path]


@pytest.fixture
def offer(trained: Language, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Offer:
    """Installs a model package that offers its tagger under a name."""

    def install(name: str, package: str = "en_test_model", broken: bool = False) -> Path:
        site = tmp_path / "site"
        directory = site / package
        directory.mkdir(parents=True)
        trained.to_disk(directory / f"{package}-1.0.0")
        meta = {**trained.meta, "name": package[3:], "version": "1.0.0", "license": "CC BY 4.0", "author": "J. Doe"}
        srsly.write_json(directory / "meta.json", {**meta, "sources": [{"name": "A treebank"}]})
        (directory / "__init__.py").write_text("raise RuntimeError('It is broken.')" if broken else INIT)
        info = site / f"{package}-1.0.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0.0\n")
        (info / "entry_points.txt").write_text(f"[spacy_lstm_tagger_models]\n{name} = {package}\n")
        monkeypatch.syspath_prepend(str(site))
        return directory

    yield install  # type: ignore[misc]
    for module in [module for module in sys.modules if module.startswith("en_test_model")]:
        del sys.modules[module]


def annotation(nlp: Language) -> Any:
    return [doc.to_array(["TAG", "POS", "MORPH"]).tolist() for doc in nlp.pipe(TEXTS)]


def blank(name: str) -> Language:
    nlp = spacy.blank("en")
    nlp.add_pipe("lstm_tagger", config={"pretrained": name})
    return nlp


def test_tagger_is_found_by_its_name(offer: Offer, trained: Language) -> None:
    offer("xy")
    assert pretrained_names() == ["en", "en_fast", "xy"]
    for nlp in (load_pipeline("xy"), blank("xy"), replace_taggers(spacy.blank("en"), model="xy")):
        assert annotation(nlp) == annotation(trained)


def test_package_is_not_imported_before_it_is_used(offer: Offer) -> None:
    offer("xy")
    assert find_package("xy") == "en_test_model"
    assert "en_test_model" not in sys.modules


def test_commands_take_the_name(offer: Offer, run_spacy: Any, tmp_path: Path) -> None:
    offer("xy")
    assert "NOUN" in run_spacy("lstm-tagger", "tag", "The dog ate the apples.", "--model", "xy").stdout
    (tmp_path / "text.txt").write_text("Run/VB\n" * 2)
    few = ["--training.max_steps=2", "--training.eval_frequency=1"]
    run_spacy("lstm-tagger", "train", tmp_path / "text.txt", tmp_path / "out", "--base", "xy", *few)
    assert "NNS" in spacy.load(tmp_path / "out" / "model-best").get_pipe("lstm_tagger").labels  # type: ignore[attr-defined]
    assert digest_model("xy") == digest_model("en_test_model") != digest_model("en")


def test_initializing_leads_back_to_it(offer: Offer, trained: Language) -> None:
    offer("xy")
    nlp = blank("xy")
    nlp.initialize()
    assert annotation(nlp) == annotation(trained)


def test_credits_are_those_of_the_package(offer: Offer) -> None:
    offer("xy")
    meta = blank("xy").meta
    assert (meta["license"], meta["author"], meta["sources"]) == ("CC BY 4.0", "J. Doe", [{"name": "A treebank"}])


def test_saved_pipeline_does_not_need_the_package(
    offer: Offer, trained: Language, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer("xy")
    blank("xy").to_disk(tmp_path / "saved")
    monkeypatch.undo()
    assert find_package("xy") == ""
    nlp = spacy.load(tmp_path / "saved")
    assert annotation(nlp) == annotation(trained)
    with pytest.raises(ValueError, match=r"no pretrained tagger 'xy'\. Use one of: en, en_fast"):
        nlp.initialize()


def test_unknown_name_lists_what_is_there(offer: Offer) -> None:
    offer("xy")
    with pytest.raises(ValueError, match=r"no pretrained tagger 'xz'\. Use one of: en, en_fast, xy\."):
        blank("xz")
    with pytest.raises(OSError, match=r"E050.*The pretrained taggers that are here are: en, en_fast, xy\."):
        load_pipeline("xz")


def test_name_that_two_packages_offer_is_an_error_that_names_them(offer: Offer) -> None:
    offer("xy")
    offer("xy", "en_test_model_2")
    with pytest.raises(ValueError, match="en_test_model and en_test_model_2 both offer a tagger 'xy'"):
        load_pipeline("xy")
    assert load_pipeline("en_test_model_2").pipe_names == ["lstm_tagger"]


def test_names_that_ship_stay_with_their_taggers(offer: Offer) -> None:
    offer("en")
    assert find_package("en") == "" and pretrained_names() == ["en", "en_fast"]
    assert "AUX" in load_pipeline("en").get_pipe("lstm_tagger").pos_labels  # type: ignore[attr-defined]


def test_broken_package_is_named(offer: Offer) -> None:
    offer("xy", broken=True)
    for use in (load_pipeline, blank):
        with pytest.raises(ValueError, match="model package en_test_model cannot be loaded: It is broken"):
            use("xy")
