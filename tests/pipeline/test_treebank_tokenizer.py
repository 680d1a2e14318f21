"""spaCy's tokenizer with exceptions that are learned."""

import pickle

import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st
from spacy.tokens import Doc
from spacy.training import Example

from spacy_lstm_tagger.formats.multiword_tokens import MultiwordToken
from spacy_lstm_tagger.formats.sentence import Sentence, to_doc

CONFIG = {"nlp": {"tokenizer": {"@tokenizers": "spacy-lstm-tagger.TreebankTokenizer.v1"}}}


def doc(vocab, *words):
    """A doc of words of which those that end with "_" have no space behind them."""
    return Doc(vocab, [word.removesuffix("_") for word in words], [not word.endswith("_") for word in words])


def make(*sentences, lang="en"):
    nlp = spacy.blank(lang, config=CONFIG)
    docs = [doc(nlp.vocab, *sentence, "a_", ".") for sentence in sentences]
    nlp.initialize(lambda: [Example(gold, gold) for gold in docs])
    return nlp


def tokens(nlp, text):
    return [token.text for token in nlp(text)]


@pytest.mark.parametrize(
    ["sentences", "text", "expected"],
    [
        ([["An", "e-mail_", "."]], "E-mail, an E-MAIL.", ["E-mail", ",", "an", "E-MAIL", "."]),
        ([["an", "e-mail"], ["e_", "-_", "mail"], ["an", "e_", "-_", "mail"]], "e-mail", ["e", "-", "mail"]),
        ([["500_", "$"]], "500$ 600$", ["500", "$", "600", "$"]),
        ([["300_", "percent"]], "300percent", ["300", "percent"]),
        # Not right more often than wrong.
        ([["some_", "thing"], ["something"], ["something", "else"]], "something", ["something"]),
        ([["the_", "cat"], ["thecat"]], "thecat", ["thecat"]),
        # A rule of the language, which the training data does not have.
        ([["im", "Herbst"]], "im", ["im"]),
        # In capitals it may be another word.
        ([["a_", "lot"]], "alot ALOT", ["a", "lot", "ALOT"]),
        ([["It", "is", "n't_", "."]], "It isn't.", ["It", "is", "n't", "."]),
    ],
)
def test_what_the_training_data_splits_otherwise_is_split_so(sentences, text, expected):
    assert tokens(make(*sentences), text) == expected


def test_words_of_multiword_tokens_are_no_text():
    nlp = spacy.blank("de", config=CONFIG)
    sentence = Sentence(["zu", "dem", "Haus"], [True, True, False], multiword_tokens=[MultiwordToken(0, 2, "zum", 0)])
    gold = to_doc(sentence, nlp.vocab)
    nlp.initialize(lambda: [Example(gold, gold)])
    assert tokens(nlp, "zudem zum") == ["zudem", "zum"]


def test_is_the_same_from_disk_and_bytes_and_in_other_processes(tmp_path):
    nlp = make(["An", "e-mail"])
    nlp.to_disk(tmp_path)
    for other in (spacy.load(tmp_path), spacy.blank("en", config=CONFIG).from_bytes(nlp.to_bytes())):
        assert tokens(other, "e-mail") == ["e-mail"]
    assert [token.text for token in pickle.loads(pickle.dumps(nlp.tokenizer))("e-mail")] == ["e-mail"]


def test_is_learned_once():
    nlp = make(["An", "e-mail"])
    first = dict(nlp.tokenizer.rules)
    nlp.initialize(lambda: [Example(gold, gold) for gold in [doc(nlp.vocab, "An", "e-mail")]])
    assert nlp.tokenizer.rules == first


def test_without_training_data_it_is_spacys_own():
    text = "An e-mail isn't 500$."
    assert tokens(spacy.blank("en", config=CONFIG), text) == tokens(spacy.blank("en"), text)


@given(st.text(st.sampled_from("ae- m.$\n5"), max_size=30))
def test_text_stays_as_it_is(text):
    assert make(["e-mail", "5_", "$_", "a"], ["e_", ".", "m_", "m"])(text).text == text
