"""The tokenizer that joins words with spaces in them."""

import pickle

import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st
from spacy.tokens import Doc
from spacy.training import Example

CONFIG = {"nlp": {"tokenizer": {"@tokenizers": "spacy-lstm-tagger.JoiningTokenizer.v1"}}}
# Twice "a b" is one word and once it is two; "c d" is two more often.
SENTENCES = [
    ["a b", "x", "New York City", "."],
    ["a b", "y z"],
    ["a", "b", "c d"],
    ["c", "d", "c", "d"],
    ["TP. HCM", "New York", "!"],
]


def make(sentences=SENTENCES):
    nlp = spacy.blank("xx", config=CONFIG)
    docs = [Doc(nlp.vocab, words) for words in sentences]
    nlp.tokenizer.initialize(lambda: [Example(doc, doc) for doc in docs], nlp=nlp)
    return nlp


def tokens(nlp, text):
    return [token.text for token in nlp(text)]


@pytest.mark.parametrize(
    ["text", "expected"],
    [
        ("x a b y", ["x", "a b", "y"]),
        ("c d", ["c", "d"]),
        ("New York City?", ["New York City", "?"]),
        ("New York Times", ["New York", "Times"]),
        ("New", ["New"]),
        ("A B, a  b", ["A B", ",", "a", " ", "b"]),
        ("TP. HCM.", ["TP. HCM", "."]),
        ("", []),
    ],
)
def test_longest_known_word_is_joined(text, expected):
    assert tokens(make(), text) == expected


def test_spellings_of_a_word_are_the_same():
    nlp = make([["ch\u1ee7 t\u1ecbch", "v\u1ec1"]])
    assert tokens(nlp, "Chu\u0309 ti\u0323ch ve\u0302\u0300") == ["Chu\u0309 ti\u0323ch", "ve\u0302\u0300"]


@given(st.text(st.sampled_from("abcdxyz .\n\u00a0é东京の。"), max_size=40))
def test_text_stays_as_it_is(text):
    assert make()(text).text == text


def test_is_the_same_from_disk_and_bytes_and_in_other_processes(tmp_path):
    nlp = make()
    nlp.to_disk(tmp_path)
    text = "x a b New York City"
    for other in (spacy.load(tmp_path), spacy.blank("xx", config=CONFIG).from_bytes(nlp.to_bytes())):
        assert tokens(other, text) == tokens(nlp, text) == ["x", "a b", "New York City"]
    assert [token.text for token in pickle.loads(pickle.dumps(nlp.tokenizer))(text)] == tokens(nlp, text)
    assert b"york" not in (tmp_path / "tokenizer").read_bytes().lower()


def test_words_without_spaces_between_them_are_found():
    nlp = make([["我们", "在", "东京", "。"], ["东京大学", "的", "３", "人", "！"], ["カメラ", "を", "見る"]])
    assert (
        " ".join(tokens(nlp, "我们在东京大学。东京的ABC，人」（北京）"))
        == "我们 在 东京大学 。 东京 的 ABC ， 人 」 （ 北 京 ）"
    )
    assert tokens(nlp, "カメラを見る、が x") == ["カメラ", "を", "見る", "、", "が", "x"]


@pytest.mark.parametrize(
    ["sentences", "text", "expected"],
    [
        # Thai: ณ is a word of one letter, น and ม are not.
        ([["แมว", "กิน", "ปลา"], ["อยู่", "ณ", "บ้าน"]], "ปลากินแมวณบ้าน", "ปลา กิน แมว ณ บ้าน"),
        ([["แมว", "กิน", "ปลา"], ["ณ", "บ้าน"]], "แมวกินขนมปัง ขนม12ปลา", "แมว กิน ขนมปัง ขนม 12 ปลา"),
        # No word begins behind a vowel that is read after its consonant, and none ends before a silent consonant.
        ([["กา"]], "เกา กา", "เกา กา"),
        ([["กาน"]], "กานต์ กานดา", "กานต์ กาน ดา"),
        # Lao, Burmese and Khmer, whose stacked consonants are not split.
        ([["ແມວ", "ກິນ"]], "ແມວກິນປາ", "ແມວ ກິນ ປາ"),
        ([["ကြောင်", "စား"]], "ကြောင်စားငါး။", "ကြောင် စား ငါး ။"),
        ([["ឆ្មា", "ស៊ី"], ["មា"]], "ឆ្មាស៊ីត្រី", "ឆ្មា ស៊ី ត្រី"),
    ],
)
def test_letters_of_scripts_without_spaces_are_words_where_no_word_is_known(sentences, text, expected):
    assert " ".join(tokens(make(sentences), text)) == expected


def test_other_words_that_are_split_are_joined():
    nlp = make([["e-mail", "!!"]])
    assert tokens(nlp, "E-mail, unknown-word!!") == ["E-mail", ",", "unknown", "-", "word", "!!"]


def test_settings_of_the_languages_own_tokenizer_are_no_error():
    nlp = spacy.blank("zh", config=CONFIG)
    assert nlp.config["initialize"]["tokenizer"]
    nlp.initialize(lambda: [Example(doc, doc) for doc in [Doc(nlp.vocab, ["东京"])]])
    assert tokens(nlp, "东京") == ["东京"]


def test_norms_of_the_tokenizers_rules_are_kept():
    nlp = make()
    nlp.tokenizer.tokenizer.add_special_case("cannot", [{"ORTH": "can"}, {"ORTH": "not", "NORM": "NOT"}])
    assert [token.norm_ for token in nlp("It cannot a b")] == ["it", "can", "NOT", "a b"]
    assert [token.norm_ for token in nlp("cannot 东 a b")] == ["can", "NOT", "东", "a b"]


def test_without_training_data_it_joins_nothing():
    assert tokens(spacy.blank("xx", config=CONFIG), "a b") == ["a", "b"]


def test_without_words_with_spaces_it_is_spacys_own():
    nlp = make([["It", "is", "n't", "."]])
    text = "It isn't a b."
    assert tokens(nlp, text) == [token.text for token in spacy.blank("xx")(text)]
