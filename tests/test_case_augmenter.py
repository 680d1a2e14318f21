import random

import pytest
import spacy
from spacy.tokens import Doc
from spacy.training import Example
from spacy.util import registry

from spacy_lstm_tagger.case_augmenter import create_case_augmenter_v1

WORDS = ["He", "saw", "New York", "straße", " ", "."]


@pytest.fixture
def example():
    nlp = spacy.blank("en")
    reference = Doc(
        nlp.vocab,
        words=WORDS,
        spaces=[True, True, False, True, False, False],
        tags=["PRP", "VBD", "NNP", "", "_SP", "."],
        pos=["PRON", "VERB", "PROPN", "", "SPACE", "PUNCT"],
        morphs=["Case=Nom", "", "Number=Sing", "", "", ""],
        sent_starts=[True, False, False, True, False, False],
    )
    return Example(Doc(nlp.vocab, words=WORDS), reference)


def augment(example, **shares):
    original, *copies = create_case_augmenter_v1(**shares)(None, example)
    assert original is example
    return copies


@pytest.mark.parametrize(
    "shares, change", [({"lower": 1, "upper": 0}, str.lower), ({"lower": 0, "upper": 1}, str.upper)]
)
def test_changes_words_and_keeps_annotation(example, shares, change):
    (augmented,) = augment(example, **shares)
    assert [token.text for token in augmented.predicted] == list(map(change, WORDS))
    assert [token.text for token in augmented.reference] == list(map(change, WORDS))
    for given, original in zip(augmented.reference, example.reference):
        assert (given.tag_, given.pos_, str(given.morph)) == (original.tag_, original.pos_, str(original.morph))
        assert (given.whitespace_, given.is_sent_start) == (original.whitespace_, original.is_sent_start)
    assert not any(token.tag or token.pos for token in augmented.predicted)


def test_share_of_sentences_is_as_asked(example):
    random.seed(0)
    augmenter = create_case_augmenter_v1(lower=0.1, upper=0.2)
    texts = [eg.reference[0].text for _ in range(3000) for eg in augmenter(None, example)]
    assert texts.count("he") / 3000 == pytest.approx(0.1, abs=0.03)
    assert texts.count("HE") / 3000 == pytest.approx(0.2, abs=0.03)
    assert len(texts) == pytest.approx(3000 * 1.3, abs=120)
    assert augment(example, lower=0, upper=0) == []


@pytest.mark.parametrize("lower, upper", [(-0.1, 0), (0, -0.1), (1.1, 0), (0, 1.1)])
def test_impossible_shares_are_named(lower, upper):
    with pytest.raises(ValueError, match=f"not {lower} and {upper}"):
        create_case_augmenter_v1(lower, upper)


def test_is_registered():
    assert registry.augmenters.get("spacy-lstm-tagger.CaseAugmenter.v1") is create_case_augmenter_v1
