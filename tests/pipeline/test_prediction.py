from typing import Dict, List

import numpy
import pytest
from spacy.tokens import Doc
from spacy.vocab import Vocab

from spacy_lstm_tagger.pipeline.label_scheme import LabelScheme
from spacy_lstm_tagger.pipeline.prediction import Prediction, find_given, set_predictions
from spacy_lstm_tagger.ragged import split

LABELS = {"tag": ["NN", "VB"], "pos": ["NOUN", "VERB"], "morph": ["_", "Number=Sing|Case=Nom"]}
COMBINATIONS = {0: 1, 1: 1, 6: 1}  # NN NOUN _, NN NOUN Number=Sing|Case=Nom, VB VERB _


def logits_for_a_verb() -> Dict[str, numpy.ndarray]:
    """Of one token; noun with features is second best."""
    rows = ([0.0, 9.0], [0.0, 9.0], [9.0, 8.0])
    return {layer: numpy.array([row], dtype="float32") for layer, row in zip(LABELS, rows)}


def values(vocab: Vocab, *names: str) -> numpy.ndarray:
    doc = Doc(vocab, words=["a"])
    for name, value in zip(("tag_", "pos_"), names):
        if value:
            setattr(doc[0], name, value)
    if len(names) == 3:
        doc[0].set_morph(names[2])
    return doc.to_array(["TAG", "POS", "MORPH"])


@pytest.mark.parametrize(
    "given, expected",
    [
        (["", ""], [1, 1, 0]),
        (["NN", ""], [0, 0, 0]),
        (["", "NOUN"], [0, 0, 0]),
        (["", "", "Case=Nom|Number=Sing"], [0, 0, 1]),
        (["NN", "NOUN"], [0, 0, 0]),
        (["XX", ""], [1, 1, 0]),  # a label that the tagger does not have says nothing of the others
        (["NN", "VERB", "Foo=Bar"], [1, 1, 0]),  # no label is missing
    ],
)
def test_missing_labels_occur_together_with_the_given_ones(given: List[str], expected: List[int]) -> None:
    vocab = Vocab()
    scheme = LabelScheme(vocab, LABELS, COMBINATIONS)
    logits = logits_for_a_verb()
    assert scheme.choose(logits, None, values(vocab, *given))[0].tolist() == [expected]
    assert [part.argmax() for part in logits.values()] == expected
    assert all(numpy.isfinite(part).all() for part in logits.values())


def test_given_labels_that_contradict_each_other_leave_the_likeliest_that_fits_one() -> None:
    vocab = Vocab()
    scheme = LabelScheme(vocab, LABELS, COMBINATIONS)
    assert scheme.choose(logits_for_a_verb(), None, values(vocab, "NN", "VERB"))[0].tolist() == [[1, 1, 0]]


def test_labels_that_few_words_with_the_given_one_have_need_a_network_that_believes_it() -> None:
    """A word of the treebank may be a verb with the tag of nouns by mistake."""
    vocab = Vocab()
    scheme = LabelScheme(vocab, LABELS, {0: 90, 1: 9000, 2: 1, 6: 5000})  # 2 is NN VERB _
    given = values(vocab, "NN", "")
    for tag_logits, expected in (([0.0, 9.0], [0, 0, 1]), ([9.0, 0.0], [0, 1, 0])):
        rows = (tag_logits, [0.0, 6.0], [3.0, 0.0])
        logits = {layer: numpy.array([row], dtype="float32") for layer, row in zip(LABELS, rows)}
        assert scheme.choose(logits, None, given)[0].tolist() == [expected]


def test_tag_fits_a_given_upos_where_upos_follows_from_the_tag() -> None:
    vocab = Vocab()
    scheme = LabelScheme(vocab, {"tag": ["NN", "VB"]}, tag_map={"NN": "NOUN", "VB": "VERB"})
    given = values(vocab, "", "NOUN")[:, :2]
    assert scheme.choose(logits_for_a_verb(), None, given)[0].tolist() == [[0]]


@pytest.mark.parametrize(
    "overwrite, extend, expected",
    [
        (True, False, "Case=Nom|Number=Sing"),
        (True, True, "Case=Nom|Number=Sing|Reading=カナ"),
        (False, True, "Case=Acc|Number=Sing|Reading=カナ"),
        (False, False, "Case=Acc|Reading=カナ"),
    ],
)
def test_extend_adds_features_and_overwrite_decides_between_values(
    overwrite: bool, extend: bool, expected: str
) -> None:
    vocab = Vocab()
    docs = [
        Doc(vocab, words=["a", "b"], morphs=["Case=Acc|Reading=カナ", "Number=Plur"]),
        Doc(vocab),
        Doc(vocab, words=["c"]),
    ]
    scheme = LabelScheme(vocab, LABELS)
    given = split(find_given(docs, scheme, overwrite=overwrite), map(len, docs)) if not overwrite else [None] * 3
    labels = [numpy.array([[0, 0, 1]] * len(doc), dtype="int64").reshape(-1, 3) for doc in docs]
    predictions = [Prediction(rows, given=kept) for rows, kept in zip(labels, given)]
    assert not overwrite or find_given(docs, scheme, overwrite=True) is None
    set_predictions(docs, predictions, scheme, overwrite=overwrite, extend=extend)
    assert str(docs[0][0].morph) == expected
    assert str(docs[2][0].morph) == "Case=Nom|Number=Sing"
    assert [token.tag_ for doc in docs for token in doc] == ["NN"] * 3
