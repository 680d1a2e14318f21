import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from spacy.lang.norm_exceptions import BASE_NORMS

from spacy_lstm_tagger.model.normalization import normalize

words = st.text(min_size=1, max_size=8).filter(lambda word: not word.isspace())


@pytest.mark.parametrize(
    "plain, others",
    [
        ("l'", ["l’", "l‘", "lʼ", "l′", "l`", "l´", "l＇", "lʹ"]),
        ("don't", ["don’t", "don´t", "do\u00adn’t", "ｄｏｎ＇ｔ"]),
        ('"', ["“", "”", "„", "«", "»", "''", "``", "‘‘", "´´", "＂", "″", "״", "〝"]),
        ("'", ["‘", "’", "‚", "‹", "`", "´", "׳", "՚"]),
        ("-", ["–", "—", "--", "---", "——", "−", "‐", "‑", "－", "־"]),
        ("well-known", ["well‑known", "well–known", "well\u00ad-known"]),
        ("...", ["…", "．．．"]),
        ("10 000", ["10\u00a0000", "10\u202f000", "10\u2009000", "１０ ０００"]),
        ("1999", ["１９９９", "١٩٩٩", "۱۹۹۹", "१९९९", "𝟏𝟗𝟗𝟗"]),
        ("office", ["oﬃce", "of\u00adfice", "off\u200bice", "𝐨𝐟𝐟𝐢𝐜𝐞"]),
        ("é", ["e\u0301", "\u00e9"]),
        ("각", ["\u1100\u1161\u11a8", "\uac01"]),
        ("?", ["？", "؟"]),
        (";", ["；", "\N{GREEK QUESTION MARK}"]),
        (".", ["。", "।", "．", "｡"]),
        (",", ["，", "،"]),
        ("$", ["€", "£", "¥", "US$", "E£"]),
        ("aşa", ["așa", "as\u0326a", "as\u0327a"]),
        ("❤", ["❤\ufe0f", "❤\ufe0e"]),
        ("كتاب", ["كتــاب", "\u200fكتاب"]),
        ("1/2", ["½", "1⁄2", "1∕2"]),
    ],
)
def test_one_spelling_for_what_is_the_same_word(plain, others):
    assert {other: normalize(other) for other in [plain, *others]} == dict.fromkeys([plain, *others], normalize(plain))


@pytest.mark.parametrize("word", ["The", "naïve", "日本語", "C++", "3.14", "a_b", "#tag", "@you"])
def test_other_words_stay_as_they_are(word):
    assert normalize(word) == word


@pytest.mark.parametrize("word", ["¿", "¡", "、", "·", "~"])
def test_marks_that_mean_something_else_stay_apart(word):
    assert normalize(word) == word


@pytest.mark.parametrize("word, norm", BASE_NORMS.items())
def test_spacys_norms_are_one_spelling(word, norm):
    assert normalize(word).lower() == normalize(norm).lower()


@pytest.mark.parametrize("word", ["\u200b", "\ufeff", "\u00ad", "\u2009", "\u00a0", ""])
def test_what_would_become_nothing_stays(word):
    assert normalize(word) == word


@given(words)
def test_normalizing_twice_changes_nothing(word):
    assert normalize(normalize(word)) == normalize(word)


@given(words, st.sampled_from(["NFC", "NFD", "NFKC", "NFKD"]))
def test_unicode_normal_forms_are_one_spelling(word, form):
    other = unicodedata.normalize(form, word)
    assert normalize(other) == normalize(word)
