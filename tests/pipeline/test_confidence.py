from pathlib import Path
from typing import Any, List

import numpy
import pytest
import spacy
from spacy.language import Language
from spacy.tokens import Doc, DocBin

from spacy_lstm_tagger.pipeline.confidence import register_confidence
from spacy_lstm_tagger.pipeline.loading import find_tagger, load_pipeline

from ..conftest import SMALL_MODEL, TEXTS, make_examples, make_pipeline

ATTRIBUTES = ["tag_confidence", "pos_confidence", "morph_confidence"]


@pytest.fixture(scope="module")
def confident(trained_path: Path) -> Language:
    """A trained pipeline that keeps confidences. Not to be changed."""
    return load_pipeline(trained_path, store_confidence=True)


def confidences(doc: Doc) -> List[List[Any]]:
    return [[token._.get(name) for name in ATTRIBUTES] for token in doc]


def test_confidence_is_the_highest_probability(confident: Language) -> None:
    docs = list(confident.pipe(TEXTS))
    probabilities = find_tagger(confident).predict_proba([confident.make_doc(text) for text in TEXTS])
    for doc, by_layer in zip(docs, probabilities):
        for token in doc:
            if not token.is_space:
                expected = [by_layer[layer][token.i].max() for layer in ("tag", "pos", "morph")]
                assert [token._.get(name) for name in ATTRIBUTES] == pytest.approx(expected, abs=1e-5)


def test_confidence_is_that_of_the_label_that_was_set(confident: Language) -> None:
    tagger = find_tagger(confident)
    doc = confident(TEXTS[3])
    (best,) = tagger.top_k([confident.make_doc(TEXTS[3])], k=1)
    for token in doc:
        if not token.is_space:
            assert best["tag"][token.i] == [(token.tag_, pytest.approx(token._.tag_confidence, abs=1e-5))]
            assert best["pos"][token.i] == [(token.pos_, pytest.approx(token._.pos_confidence, abs=1e-5))]
            morph = str(token.morph) or "_"
            assert best["morph"][token.i] == [(morph, pytest.approx(token._.morph_confidence, abs=1e-5))]


def test_confidence_does_not_change_the_labels(confident: Language, trained: Language) -> None:
    for with_it, without in zip(confident.pipe(TEXTS), trained.pipe(TEXTS)):
        assert with_it.to_array(["TAG", "POS", "MORPH"]).tolist() == without.to_array(["TAG", "POS", "MORPH"]).tolist()


def test_confidence_is_a_plain_float(confident: Language) -> None:
    assert {type(value) for row in confidences(confident("Run !")) for value in row} == {float}


def test_whitespace_does_not_shift_the_confidence_of_words(confident: Language) -> None:
    doc = confident("  Yes \n ! ")
    words = [row for token, row in zip(doc, confidences(doc)) if not token.is_space]
    assert len(words) < len(doc)
    plain = confidences(confident("Yes !"))
    numpy.testing.assert_allclose(words, plain, atol=1e-5)


@pytest.mark.parametrize("text", TEXTS)
def test_off_stores_nothing(text: str, trained: Language) -> None:
    register_confidence()
    doc = trained(text)
    assert doc.user_data == {}
    assert confidences(doc) == [[None, None, None]] * len(doc)


def test_on_and_off_can_be_switched() -> None:
    nlp = make_pipeline()
    tagger = find_tagger(nlp)
    stored = []
    for value in (True, False, True):
        tagger.store_confidence = value
        assert tagger.store_confidence is value
        stored.append(None not in confidences(nlp("Run"))[0])
    assert stored == [True, False, True]


def test_doc_that_was_not_tagged_has_none(confident: Language) -> None:
    assert confidences(confident.make_doc("Run !")) == [[None, None, None]] * 2


def test_layer_without_head_has_none() -> None:
    nlp = spacy.blank("en")
    nlp.add_pipe("lstm_tagger", config={"model": SMALL_MODEL, "store_confidence": True})
    sentence = {"words": ["Run", "!"], "tags": ["VB", "."]}
    nlp.initialize(lambda: make_examples(nlp, [sentence]))
    assert [[value is None for value in row] for row in confidences(nlp("Run"))] == [[False, True, True]]


@pytest.mark.parametrize("text", TEXTS)
def test_confidence_survives_bytes(text: str, confident: Language) -> None:
    doc = confident(text)
    assert confidences(Doc(confident.vocab).from_bytes(doc.to_bytes())) == confidences(doc)


def test_confidence_survives_doc_bin(confident: Language) -> None:
    docs = list(confident.pipe(TEXTS))
    doc_bin = DocBin(docs=docs, store_user_data=True)
    loaded = list(DocBin(store_user_data=True).from_bytes(doc_bin.to_bytes()).get_docs(confident.vocab))
    assert list(map(confidences, loaded)) == list(map(confidences, docs))


def test_confidence_survives_copying(confident: Language) -> None:
    doc = confident(TEXTS[3])
    assert confidences(doc.copy()) == confidences(doc)


def test_merged_token_keeps_the_first_and_later_tokens_their_own(confident: Language) -> None:
    doc = confident("The dog ate the apples .")
    before = confidences(doc)
    assert len({tuple(row) for row in before}) == 6
    with doc.retokenize() as retokenizer:
        retokenizer.merge(doc[1:3])
        retokenizer.merge(doc[3:5])
    assert confidences(doc) == [before[0], before[1], before[3], before[5]]


def test_second_part_of_a_split_token_has_none(confident: Language) -> None:
    doc = confident("The dog ate")
    before = confidences(doc)
    with doc.retokenize() as retokenizer:
        retokenizer.split(doc[1], ["do", "g"], heads=[doc[1], doc[1]])
    assert confidences(doc) == [before[0], before[1], [None, None, None], before[2]]


def test_tagging_again_replaces_the_confidence(confident: Language) -> None:
    doc = confident("The dog ate")
    before = confidences(doc)
    doc[1]._.tag_confidence = 0.0
    assert confidences(confident(doc)) == before


def test_registering_twice_is_harmless(confident: Language) -> None:
    doc = confident("Run")
    before = confidences(doc)
    register_confidence()
    assert confidences(doc) == before


def test_label_that_was_there_before_has_no_confidence() -> None:
    nlp = make_pipeline(overwrite=False, store_confidence=True)
    doc = nlp(Doc(nlp.vocab, words=["dog", "dog"], tags=["ZZ", ""]))
    assert [token._.tag_confidence is None for token in doc] == [True, False]


def test_docs_that_are_put_together_keep_it(confident: Language) -> None:
    docs = list(confident.pipe(TEXTS[1:]))
    assert confidences(Doc.from_docs(docs)) == [row for doc in docs for row in confidences(doc)]


def test_part_of_a_doc_keeps_it(confident: Language) -> None:
    doc = confident("The dog ate the apples .")
    assert confidences(doc[1:4].as_doc(copy_user_data=True)) == confidences(doc)[1:4]


def test_label_that_is_kept_when_tagged_again_has_no_confidence_any_more() -> None:
    nlp = make_pipeline(store_confidence=True)
    doc = nlp("dog dog")
    nlp.get_pipe("lstm_tagger").cfg["overwrite"] = False
    doc[0].tag_ = "ZZ"
    assert [token._.tag_confidence is None for token in nlp(doc)] == [True, False]
