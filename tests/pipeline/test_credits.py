"""License, author and sources of the pretrained tagger travel with every pipeline that holds it."""

import spacy
import srsly

from spacy_lstm_tagger.shipped import pretrained_directory

with pretrained_directory("en") as DIRECTORY:
    CARD = srsly.read_json(DIRECTORY / "meta.json")
PRETRAINED = {"pretrained": "en"}


def test_saved_pipeline_has_them(tmp_path):
    nlp = spacy.blank("en")
    nlp.add_pipe("lstm_tagger", config=PRETRAINED)
    nlp.to_disk(tmp_path)
    meta = srsly.read_json(tmp_path / "meta.json")
    assert meta["license"] == CARD["license"]
    assert meta["author"] == "the spacy-lstm-tagger maintainers"
    assert meta["sources"][0]["author"] == CARD["sources"]["treebank"]["author"]
    assert CARD["sources"]["encoder"] in meta["sources"]
    assert len(meta["sources"]) == 2 + len(CARD["sources"]["raw_text"])


def test_what_the_pipeline_says_already_is_kept(tmp_path):
    nlp = spacy.blank("en", meta={"license": "MIT", "author": "A. Body", "sources": [{"name": "a corpus"}]})
    nlp.add_pipe("lstm_tagger", config=PRETRAINED)
    assert nlp.meta["license"] == f"MIT, {CARD['license']}"
    assert nlp.meta["author"] == "A. Body, the spacy-lstm-tagger maintainers"
    assert nlp.meta["sources"][:2] == [{"name": "a corpus"}, CARD["sources"]["treebank"]]


def test_loading_and_saving_does_not_repeat_them(tmp_path):
    nlp = spacy.blank("en")
    nlp.add_pipe("lstm_tagger", config=PRETRAINED)
    nlp.to_disk(tmp_path / "first")
    spacy.load(tmp_path / "first").to_disk(tmp_path / "second")
    first, second = (srsly.read_json(tmp_path / name / "meta.json") for name in ("first", "second"))
    assert first == second


def test_they_travel_with_a_component_that_comes_from_another_pipeline(tmp_path):
    source = spacy.blank("en")
    source.add_pipe("lstm_tagger", config=PRETRAINED)
    nlp = spacy.blank("en")
    nlp.add_pipe("lstm_tagger", source=source)
    nlp("She reads.")
    nlp.to_disk(tmp_path)
    meta = srsly.read_json(tmp_path / "meta.json")
    assert meta["license"] == CARD["license"] and meta["sources"][0] == CARD["sources"]["treebank"]


def test_other_taggers_have_none():
    nlp = spacy.blank("en")
    nlp.add_pipe("lstm_tagger")
    assert not nlp.meta.get("license") and not nlp.meta.get("sources")
