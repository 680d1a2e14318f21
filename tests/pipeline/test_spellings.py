"""The same text in another spelling gets the same labels, and keeps its text."""

import numpy
import pytest
import spacy
from spacy.tokens import Doc
from spacy.vectors import Vectors

from ..conftest import SMALL_MODEL, make_examples


def labels(doc: Doc):
    return [(token.tag_, token.pos_, str(token.morph)) for token in doc]


@pytest.mark.parametrize(
    "plain, other",
    [
        ("The dog 's apples .", "The dog ’s apples ．"),
        ('" Run " - the dog ...', "“ Run ” — the dog …"),
        ("Everybody ate 12 apples !", "Everybody ate １２ ap\u00adples ！"),
        ("Everybody ate office naïve", "𝐄𝐯𝐞𝐫𝐲𝐛𝐨𝐝𝐲 ate oﬃce nai\u0308ve"),
    ],
)
def test_spellings_get_the_same_labels(trained, plain, other):
    docs = [Doc(trained.vocab, words=text.split()) for text in (plain, other)]
    one, two = trained.pipe(docs)
    assert labels(one) == labels(two)
    assert [token.text for token in two] == other.split()


def test_static_vectors_are_those_of_the_normal_spelling():
    nlp = spacy.blank("en")
    nlp.vocab.vectors = Vectors(
        data=numpy.eye(2, 4, dtype="float32"), keys=["dog's", "naïve"], strings=nlp.vocab.strings
    )
    tagger = nlp.add_pipe("lstm_tagger", config={"model": {**SMALL_MODEL, "include_static_vectors": True}})
    nlp.initialize(lambda: make_examples(nlp))
    for plain, other in [("dog's", "dog’s"), ("naïve", "nai\u0308ve")]:
        one, two, unknown = (
            tagger.predict_proba([Doc(nlp.vocab, words=[word])])[0]["tag"] for word in (plain, other, "é")
        )
        numpy.testing.assert_array_equal(one, two)
        assert not numpy.array_equal(one, unknown)
