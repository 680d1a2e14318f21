"""The script that builds the English model, in small."""

import lzma
import shutil
import sys
from importlib.util import module_from_spec, spec_from_file_location

import pytest
import spacy
import srsly
from spacy.tokens import Doc

from .conftest import ROOT

pytest.importorskip("floret", reason="the script learns word vectors with floret")

SIZES = ("word_width", "affix_width", "character_width", "mix_width", "hidden_width")
SHORT = {
    **{f"components.lstm_tagger.model.{size}": 8 for size in SIZES},
    "training.max_steps": 20,
    "training.eval_frequency": 10,
}


@pytest.fixture
def build_model(monkeypatch):
    spec = spec_from_file_location("build_model", ROOT / "configs" / "en" / "build_model.py")
    script = module_from_spec(spec)
    spec.loader.exec_module(script)
    for overrides in (script.LABELLER, script.STUDENT):
        overrides.update(SHORT)
    monkeypatch.setattr(script, "TUNING_STEPS", 10)
    return script


@pytest.mark.slow
def test_ends_with_a_model_and_its_card(build_model, tmp_path, monkeypatch):
    for part in ("train", "dev"):
        shutil.copy(ROOT / "corpus" / f"en_sample-{part}.conllu", tmp_path / f"sample-{part}.conllu")
    (tmp_path / "raw").mkdir()
    with lzma.open(tmp_path / "raw" / "animals.txt.xz", "wt", encoding="utf8") as file:
        file.writelines(f"The dog ate {n} apples. She reads an old book about dogs and apples.\n" for n in range(200))
    output = tmp_path / "en"
    arguments = [tmp_path, tmp_path / "raw", "--work", tmp_path / "work", "--output", output]
    monkeypatch.setattr(sys, "argv", ["build_model.py", *map(str, arguments)])
    build_model.main()
    card = srsly.read_json(output / "meta.json")
    assert card["lang"] == "en" and 0 < card["performance"]["pos_acc"] < 1
    nlp = spacy.blank("en")
    nlp.add_pipe("lstm_tagger").from_disk(output, exclude=["vocab"])
    assert all(token.pos_ for token in nlp("The dog ate the apples."))

    def train_again(*args, **kwargs):
        raise AssertionError("a step is done again")

    monkeypatch.setattr(build_model, "train", train_again)
    build_model.main()
    assert srsly.read_json(output / "meta.json") == card


def test_second_opinion_is_taken_of_names_in_lower_case_alone(build_model):
    nlp = spacy.blank("en")
    opinions = {"apple": "NOUN", "dog": "PROPN"}

    @spacy.Language.component("opinions")
    def give_opinions(doc):
        for token in doc:
            token.pos_ = opinions.get(token.text, "X")
        return doc

    nlp.add_pipe("opinions")
    words = ["The", "apple", ".", "Of", "dog"]
    first = ["DET", "PROPN", "PUNCT", "ADP", "PROPN"], ["DET", "NOUN", "PUNCT", "ADP", "PROPN"]
    (again,) = build_model.label_names_again([Doc(nlp.vocab, words, pos=pos) for pos in first], nlp)
    assert [(token.text, token.pos_) for token in again] == [("The", "DET"), ("apple", "NOUN"), (".", "PUNCT")]
