from typing import List

import numpy
import pytest
import spacy
from spacy.tokens import Doc
from spacy.vocab import Vocab

from spacy_lstm_tagger.model.normalization import normalize
from spacy_lstm_tagger.model.quotation_marks import ATTRIBUTES, POINTED, count_marks, forget_direction, point_marks
from spacy_lstm_tagger.model.vocabulary import Vocabulary, build_vocabulary_v1
from spacy_lstm_tagger.model.windows import cut_windows


def read(text: str, points_marks: bool = True) -> List[str]:
    """The words of a text, as they are looked up."""
    doc = spacy.blank("en")(text)
    return [doc.vocab.strings[orth] for orth in cut_windows([doc], 100, 10, points_marks).orths.tolist()]


@pytest.mark.parametrize(
    "text, words",
    [
        ('She said: "Go!"', ["She", "said", ":", ' "', "Go", "!", '" ']),
        ('"Go!" she said.', [' "', "Go", "!", '" ', "she", "said", "."]),
        ("She said: “Go!”", ["She", "said", ":", ' "', "Go", "!", '" ']),
        ("Sie sagte: „Geh!“", ["Sie", "sagte", ":", ' "', "Geh", "!", '" ']),
        ("« Vas-y », dit-elle", [' "', "Vas", "-", "y", '" ', ",", "dit", "-", "elle"]),
        ("Er sagt: »Geh!«", ["Er", "sagt", ":", '" ', "Geh", "!", ' "']),
        ("the dogs' owners", ["the", "dogs", "' ", "owners"]),
        ('a " b', ["a", '"', "b"]),
        ('12"x3', ['12"x3']),
        ('She said\n"Go"\n', ["She", "said", ' "', "Go", '" ']),
        ("", []),
    ],
)
def test_marks_open_or_close(text: str, words: List[str]) -> None:
    assert read(text) == words
    assert [word.strip() for word in words] == [normalize(word).strip() for word in read(text, False) if word.strip()]


def test_marks_in_a_text_without_spaces_are_plain() -> None:
    words = ["She", "said", ":", '"', "Go", "'", '"']
    assert count_marks(Doc(Vocab(), words=words, spaces=[True] * 7)) == {}
    assert count_marks(Doc(Vocab(), words=[*words, "."], spaces=[False] * 8)) == {}


def test_marks_are_found_in_all_docs() -> None:
    nlp = spacy.blank("en")
    docs = [nlp(text) for text in ("x", '"Go!"', "", 'Say "x"', '"', "no")]
    table = numpy.concatenate([doc.to_array(ATTRIBUTES) for doc in docs])
    assert point_marks(docs, table) == {1: ' "', 4: '" ', 6: ' "', 8: '" '}
    assert count_marks(docs[1]) == {' "': 1, '" ': 1}
    assert count_marks(docs[2]) == {}


def make_vocabulary(normalization: int) -> Vocabulary:
    vocabulary = build_vocabulary_v1(normalization=normalization, min_count=1)()
    vocabulary.fit({'"': 4, ' "': 2, "Go": 1})
    return vocabulary


def test_opening_mark_is_a_word_of_its_own_and_an_unknown_one_is_plain() -> None:
    vocabulary = make_vocabulary(2)
    plain, opening, closing = vocabulary.look_up(['"', ' "', '" ']).words.tolist()
    assert plain == closing != opening and len({0, plain, opening}) == 3


def test_vocabulary_of_before_has_plain_marks() -> None:
    vocabulary = make_vocabulary(1)
    assert len(vocabulary) == 2 and vocabulary.count('"') == 4
    assert len(set(vocabulary.look_up(['"', ' "', '" ']).words.tolist())) == 1


def test_some_marks_are_plain_in_training() -> None:
    words = [*POINTED, "Go"] * 500
    numpy.random.seed(0)
    changed = forget_direction(words, 0.2)
    assert [word.strip() for word in changed] == [word.strip() for word in words]
    assert 0.15 < sum(a != b for a, b in zip(words, changed)) / 2000 < 0.25
