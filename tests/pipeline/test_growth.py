"""What a trained tagger gains from further data, and that it keeps what it has learned."""

from pathlib import Path
from typing import Any, Dict, List

import numpy
import pytest
import spacy
from numpy.testing import assert_allclose, assert_array_equal
from spacy.language import Language
from spacy.tokens import Doc

from spacy_lstm_tagger.model.shim import get_network
from spacy_lstm_tagger.pipeline.component import LSTMTaggerPipe

from ..conftest import SMALL_MODEL, TEXTS, WITH_LEMMAS, make_examples, make_pipeline, train

# New words, tags, features, lemmas; without UPOS in the second sentence.
NEW: List[Dict[str, Any]] = [
    {
        "words": ["Aspirin", "helps", "dogs"],
        "tags": ["DRUG", "VBZ", "NNS"],
        "pos": ["PROPN", "VERB", "NOUN"],
        "morphs": ["Drug=Yes", "Number=Sing|Tense=Pres", "Number=Plur"],
        "lemmas": ["Aspirin", "help", "dog"],
    },
    {"words": ["Ibuprofen", "rocks"], "tags": ["DRUG", "WOW"]},
]
LAYERS = ("tag", "pos", "morph", "lemma")


def grow(nlp: Language, sentences: List[Dict[str, Any]] = NEW) -> LSTMTaggerPipe:
    tagger = nlp.get_pipe("lstm_tagger")
    tagger.initialize(lambda: make_examples(nlp, sentences), nlp=nlp)
    return tagger


@pytest.fixture
def nlp() -> Language:
    return make_pipeline(steps=30, sentences=WITH_LEMMAS, min_tree_freq=1)


def test_labels_and_words_are_added_after_those_that_there_were(nlp: Language) -> None:
    tagger = nlp.get_pipe("lstm_tagger")
    before, n_words = tagger.label_data, len(tagger.vocabulary)
    grow(nlp)
    for layer in LAYERS:
        assert tagger.label_data[layer][: len(before[layer])] == before[layer]
        assert len(set(tagger.label_data[layer])) == len(tagger.label_data[layer])
    assert tagger.labels[-2:] == ("DRUG", "WOW")
    assert "PROPN" in tagger.pos_labels and "Drug=Yes" in tagger.morph_labels
    assert "Ibuprofen" in tagger.vocabulary and len(tagger.vocabulary) == n_words + 5
    assert tagger.vocabulary.count("the") == 2 and tagger.vocabulary.count("dogs") == 1


def test_old_logits_are_unchanged_and_new_labels_are_not_likeliest(nlp: Language) -> None:
    tagger = nlp.get_pipe("lstm_tagger")
    docs = [nlp.make_doc(text) for text in [*TEXTS, "Ibuprofen rocks"]]
    old = numpy.concatenate(tagger.model.predict(docs))
    columns = tagger.label_scheme.split_heads(old)
    grow(nlp)
    heads = tagger.label_scheme.split_heads(numpy.concatenate(tagger.model.predict(docs)))
    for before, after in zip(columns, heads):
        n_old = before.shape[1]
        assert_allclose(after[:, :n_old], before, atol=2e-2)  # stored as float16
        assert (after[:, n_old:].max(axis=1, initial=-numpy.inf) <= after[:, :n_old].max(axis=1)).all()


def test_old_annotation_is_unchanged(nlp: Language) -> None:
    before = [[(token.tag_, token.pos_, str(token.morph), token.lemma_) for token in nlp(text)] for text in TEXTS]
    grow(nlp)
    after = [[(token.tag_, token.pos_, str(token.morph), token.lemma_) for token in nlp(text)] for text in TEXTS]
    assert after == before


def test_new_labels_are_learned_with_the_optimizer_that_there_was(nlp: Language) -> None:
    optimizer = nlp.resume_training()
    optimizer.learn_rate = 0.01
    nlp.update(make_examples(nlp, WITH_LEMMAS), sgd=optimizer)
    grow(nlp)
    examples = make_examples(nlp, [*NEW, *WITH_LEMMAS])
    for _ in range(60):
        nlp.update(examples, sgd=optimizer)
    assert [token.tag_ for token in nlp("Ibuprofen rocks")] == ["DRUG", "WOW"]
    scores = nlp.evaluate(examples)
    assert scores["tag_acc"] == scores["pos_acc"] == scores["morph_acc"] == scores["lemma_acc"] == 1.0


def test_growing_by_what_is_known_changes_no_size(nlp: Language) -> None:
    before = get_network(nlp.get_pipe("lstm_tagger").model).sizes
    tagger = grow(nlp, WITH_LEMMAS)
    assert get_network(tagger.model).sizes == before


def test_grown_tagger_is_saved_and_loaded(nlp: Language, tmp_path: Path) -> None:
    tagger = grow(nlp)
    nlp.to_disk(tmp_path)
    loaded = spacy.load(tmp_path)
    docs = [nlp.make_doc(text) for text in TEXTS]
    assert_array_equal(
        numpy.concatenate(tagger.model.predict(docs)),
        numpy.concatenate(loaded.get_pipe("lstm_tagger").model.predict(docs)),
    )
    assert loaded.get_pipe("lstm_tagger").label_data == tagger.label_data


def test_add_label_adds_a_tag_that_can_be_learned(nlp: Language) -> None:
    tagger = nlp.get_pipe("lstm_tagger")
    assert [tagger.add_label("DRUG"), tagger.add_label("DRUG"), tagger.add_label("NN")] == [1, 0, 0]
    train(nlp, make_examples(nlp, [{"words": ["Aspirin"], "tags": ["DRUG"]}]), nlp.resume_training(), 40)
    (token,) = nlp("Aspirin")
    assert token.tag_ == "DRUG"
    assert token.pos_  # of a combination: it may be any


def test_add_label_where_there_are_no_tags() -> None:
    sentences = [{"words": sentence["words"], "pos": sentence["pos"]} for sentence in WITH_LEMMAS]
    nlp = make_pipeline(steps=2, sentences=sentences)
    tagger = nlp.get_pipe("lstm_tagger")
    assert tagger.add_label("NN") == 1
    assert list(tagger.label_data) == ["tag", "pos"]
    assert [token.tag_ for token in nlp("Run")] == ["NN"]


def test_new_layer_is_learned_beside_the_old_ones() -> None:
    nlp = make_pipeline(steps=30, sentences=[{key: s[key] for key in ("words", "tags")} for s in WITH_LEMMAS])
    grow(nlp, WITH_LEMMAS)
    train(nlp, make_examples(nlp, WITH_LEMMAS), nlp.resume_training(), 40)
    assert nlp.evaluate(make_examples(nlp, WITH_LEMMAS))["pos_acc"] == 1.0


def test_words_with_another_lemma_are_no_longer_known(nlp: Language) -> None:
    tagger = nlp.get_pipe("lstm_tagger")
    (apples,) = nlp(Doc(nlp.vocab, ["apples"]))
    tagger.add_known_lemmas({("apples", apples.pos_): "pomme"})
    assert nlp(Doc(nlp.vocab, ["apples"]))[0].lemma_ == "pomme"
    grow(nlp, [{"words": ["apples"], "pos": [apples.pos_], "lemmas": ["apple"]}])
    assert nlp(Doc(nlp.vocab, ["apples"]))[0].lemma_ != "pomme"


def test_rehearsal_goes_on_after_labels_were_added(nlp: Language) -> None:
    optimizer = nlp.resume_training()
    nlp.get_pipe("lstm_tagger").add_label("DRUG")
    losses = nlp.rehearse(make_examples(nlp, WITH_LEMMAS), sgd=optimizer)
    assert losses["lstm_tagger"] < 0.1


@pytest.mark.parametrize("is_directory", [True, False])
def test_base_is_where_training_starts(nlp: Language, tmp_path: Path, is_directory: bool) -> None:
    base = "en_fast"
    if is_directory:
        nlp.to_disk(tmp_path / "base")
        base = str(tmp_path / "base")
    other = spacy.blank("en")
    tagger = other.add_pipe("lstm_tagger", config={"model": SMALL_MODEL})
    other.config["initialize"]["components"]["lstm_tagger"] = {"base": base}
    other.initialize(lambda: make_examples(other, NEW))
    assert tagger.labels[-2:] == ("DRUG", "WOW")
    assert [token.tag_ for token in other("The dog ate the apples .")] == ["DT", "NN", "VBD", "DT", "NNS", "."]


def test_base_without_a_tagger_is_an_error(tmp_path: Path) -> None:
    spacy.blank("en").to_disk(tmp_path)
    nlp = spacy.blank("en")
    tagger = nlp.add_pipe("lstm_tagger", config={"model": SMALL_MODEL})
    with pytest.raises(ValueError, match="has no component of the factory 'lstm_tagger' to start from"):
        tagger.initialize(lambda: make_examples(nlp), base=str(tmp_path))
