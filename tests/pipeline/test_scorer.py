import pytest
import spacy
from spacy.tokens import Doc
from spacy.training import Example

from spacy_lstm_tagger.formats.raw_text import RAW_TEXT
from spacy_lstm_tagger.pipeline.scorer import lstm_tagger_score, score_raw_text

VOCAB = spacy.blank("en").vocab


def example(predicted, reference, raw=True):
    """Docs of triples of word, UPOS and whether a space follows."""
    docs = []
    for rows in (predicted, reference):
        words, pos, spaces = zip(*rows)
        docs.append(Doc(VOCAB, words=list(words), pos=list(pos), spaces=list(spaces)))
    eg = Example(*docs)
    if raw:
        eg.reference.user_data[RAW_TEXT] = True
    return eg


GOLD = [("can", "AUX", False), ("not", "PART", True), ("go", "VERB", False), (".", "PUNCT", False)]


@pytest.mark.parametrize(
    "predicted, right",
    [
        (GOLD, 4),
        ([("can", "NOUN", False), *GOLD[1:]], 3),
        # A token with other characters is wrong, whatever its label, and so are those that it takes the place of.
        ([("cannot", "AUX", True), *GOLD[2:]], 2),
        ([*GOLD[:2], ("go.", "VERB", False)], 2),
        ([("can", "AUX", False), ("n", "PART", False), ("ot", "PART", True), *GOLD[2:]], 3),
    ],
)
def test_tokens_are_aligned_by_characters(predicted, right):
    score = score_raw_text([example(predicted, GOLD)])["pos"]
    assert score.precision == pytest.approx(right / len(predicted))
    assert score.recall == pytest.approx(right / len(GOLD))


def test_whitespace_tokens_do_not_count():
    predicted = [*GOLD[:2], ("\n", "SPACE", False), *GOLD[2:]]
    reference = [*GOLD[:2], ("\n", "SPACE", False), *GOLD[2:]]
    assert score_raw_text([example(predicted, reference)])["pos"].tp == 4


def test_tokens_without_a_gold_label_do_not_count():
    gold = [GOLD[0], ("not", "", True), *GOLD[2:]]
    score = score_raw_text([example(GOLD, gold)])["pos"]
    assert (score.tp, score.fp, score.fn) == (3, 0, 0)


def test_layers_that_are_not_annotated_have_no_score():
    assert set(score_raw_text([example(GOLD, GOLD)])) == {"pos"}
    assert score_raw_text([]) == {}


def test_raw_text_is_scored_by_itself():
    wrong = [("can", "NOUN", False), *GOLD[1:]]
    scores = lstm_tagger_score([example(GOLD, GOLD, raw=False), example(wrong, GOLD)])
    assert scores["pos_acc"] == 1.0
    assert scores["raw_pos_f"] == pytest.approx(0.75)
    assert "raw_pos_f" not in lstm_tagger_score([example(GOLD, GOLD, raw=False)])
