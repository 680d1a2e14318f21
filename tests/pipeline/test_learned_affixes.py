"""Rules for punctuation that are learned from a treebank."""

import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st
from spacy.tokens import Doc

from spacy_lstm_tagger.pipeline.learned_affixes import count_pieces, learn_affixes

SETTINGS = ("prefix_search", "suffix_search", "infix_finditer")


def learn(lang, *texts, end="a|."):
    """A tokenizer that learned from texts, in which | is between words without a space; "a|." is added to each."""
    nlp = spacy.blank(lang)
    docs = []
    for text in texts:
        pieces = [piece.split("|") for piece in f"{text} {end}".split()]
        words = [word for piece in pieces for word in piece]
        docs.append(Doc(nlp.vocab, words, [i == len(piece) - 1 for piece in pieces for i in range(len(piece))]))
    learn_affixes(nlp.tokenizer, count_pieces(docs))
    return nlp.tokenizer


def patterns(tokenizer):
    return [getattr(tokenizer, name).__self__.pattern for name in SETTINGS]


def split(tokenizer, text):
    return "|".join(token.text for token in tokenizer(text))


@pytest.mark.parametrize(
    ["lang", "texts", "text", "expected"],
    [
        # Between letters, and not at a place of another kind.
        ("de", ["USB|-|Sticks", "A|-|Team"], "PC-Spiele", "PC|-|Spiele"),
        ("de", ["USB|-|Sticks", "A|-|Team"], "80-mal", "80-mal"),
        ("eu", ["CD-ROM", "parte-hartzea"], "gorri-berdeak,", "gorri-berdeak|,"),
        # Between digits.
        ("eu", ["2-0", "11-11"], "22-17", "22-17"),
        # At the end of a word, before other punctuation, and at a vowel sign.
        ("hy", ["չկա|։", "ես|։"], "խաղում։ «Ուազիկը։»", "խաղում|։|«|Ուազիկը|։|»"),
        ("sa", ["सः|॥", "अहम्|॥", "रामः|॥", "वनम्|॥"], "तत्॥", "तत्|॥"),
        ("eu", ["10. 2.", "31. mendea"], "17. mendea.", "17.|mendea|."),
        # At the beginning.
        ("eu", ["%70 eta", "%15 da"], "%48", "%48"),
        ("fr", ["-|non", "-|oui"], "-peut", "-|peut"),
        # A character that is repeated is one word, however often.
        ("en", ["wow|!!", "yes|!!!"], "great!!!! Yes!", "great|!!!!|Yes|!"),
        ("en", ["====", "=== a"], "======= b", "=======|b"),
        # URLs are as they were.
        ("de", ["USB|-|Sticks", "A|-|Team"], "http://a-b.de/c-d", "http://a-b.de/c-d"),
    ],
)
def test_rule_for_what_most_words_have(lang, texts, text, expected):
    assert split(learn(lang, *texts), text) == expected


@pytest.mark.parametrize(
    ["lang", "texts"],
    [
        # Once may be an error.
        ("de", ["USB|-|Sticks"]),
        ("de", ["USB|-|Sticks", "A|-|Team", "E-Mail", "U-Bahn", "T-Shirt"]),
        # They are split so without it.
        ("en", ["well|-|known man", "left|-|handed man"]),
        # A rule would not help: spaCy takes it for a URL.
        ("en", ["x|-|y.com/a", "z|-|y.com/a"]),
        ("en", ["do|n't it|'s", "I|'m"]),
    ],
)
def test_no_rule_without_gain(lang, texts):
    assert patterns(learn(lang, *texts)) == patterns(spacy.blank(lang).tokenizer)


def test_no_rule_from_texts_with_a_space_after_each_word():
    texts = ["Mr. Smith has an e-mail .", "He writes to Dr. Jones , a well - known T-shirt designer ."]
    tokenizer = learn("en", *texts, end="")
    assert patterns(tokenizer) == patterns(spacy.blank("en").tokenizer)
    assert patterns(learn("en", *texts)) != patterns(tokenizer)


def test_learned_rules_stay_on_disk(tmp_path):
    tokenizer = learn("de", "USB|-|Sticks", "A|-|Team")
    tokenizer.to_disk(tmp_path / "tokenizer")
    other = spacy.blank("de").tokenizer.from_disk(tmp_path / "tokenizer")
    assert patterns(other) == patterns(tokenizer)
    assert split(other, "PC-Spiele") == "PC|-|Spiele"


@given(st.lists(st.text(st.sampled_from("aé9-.'!_^]\\ \u0301|"), min_size=1, max_size=12).map(str.strip), max_size=6))
def test_text_stays_as_it_is(texts):
    tokenizer = learn("en", *(text for text in texts if all(word for word in text.replace("|", " ").split(" "))))
    for text in texts:
        assert tokenizer(text).text == text
