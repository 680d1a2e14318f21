import json
import random
from collections import Counter
from typing import Any, Dict, List

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spacy_lstm_tagger.model.vocabulary import Vocabulary, WordRows, build_vocabulary_v1

from ..conftest import ROOT

COUNTS = {"The": 3, "the": 4, "dog": 2, "dogs": 1, "apple.": 2, "...": 2, "naïve": 1, "A-1": 2, "x": 1}

# Options under which every table, or one table alone, is filled.
OPTIONS: List[Dict[str, Any]] = [
    {"min_count": 1},
    {"min_count": 3},
    {"lower": False, "strip_punctuation": True, "min_count": 1, "max_characters": 3},
    {"prefixes": [], "suffixes": [], "shape": False, "characters": False},
    {"prefixes": [1], "suffixes": [], "shape": False, "characters": True, "max_characters": 1},
]

words_of_any_kind = st.lists(st.one_of(st.text(max_size=12), st.sampled_from(sorted(COUNTS))), max_size=8)


def make_vocabulary(counts: Dict[str, int] = COUNTS, **options: Any) -> Vocabulary:
    vocabulary = build_vocabulary_v1(**options)()
    vocabulary.fit(counts)
    return vocabulary


def assert_same(left: WordRows, right: WordRows) -> None:
    for name, a, b in zip(WordRows._fields, left, right):
        numpy.testing.assert_array_equal(a, b, err_msg=name)


@pytest.mark.parametrize(
    "word, lower, strip_punctuation, expected",
    [
        ("Dog", True, False, "dog"),
        ("Dog", False, False, "Dog"),
        ("Dog.", True, False, "dog."),
        ("Dog.", True, True, "dog"),
        ("Dog.", False, True, "Dog"),
        ('dog!?."', True, True, "dog"),
        ("犬。", True, True, "犬"),
        ('"dog', True, True, '"dog'),
        ("don't", True, True, "don't"),
        ("5$", True, True, "5$"),  # a currency sign is a symbol and not punctuation
        ("...", True, True, "..."),
        (".", True, True, "."),
        ("", True, True, ""),
    ],
)
def test_clean(word: str, lower: bool, strip_punctuation: bool, expected: str) -> None:
    assert make_vocabulary(lower=lower, strip_punctuation=strip_punctuation).clean(word) == expected


def test_spellings_of_a_word_are_the_same_to_the_network() -> None:
    vocabulary = make_vocabulary({"aujourd'hui": 2, "1999": 2, "-": 2}, min_count=1)
    for plain, other in [("aujourd'hui", "aujourd’hui"), ("1999", "１９９９"), ("-", "—")]:
        assert_same(vocabulary.look_up([plain]), vocabulary.look_up([other]))
        assert other in vocabulary and vocabulary.count(other) == 2


def test_spellings_of_the_training_data_are_counted_together() -> None:
    vocabulary = make_vocabulary({"l'": 1, "l’": 2})
    assert len(vocabulary) == 1 and vocabulary.count("lʼ") == 3


def test_without_normalization_each_spelling_is_a_word() -> None:
    vocabulary = make_vocabulary({"l'": 1, "l’": 2}, normalization=0)
    assert len(vocabulary) == 2 and [vocabulary.count(word) for word in ("l'", "l’", "lʼ")] == [1, 2, 0]


@pytest.mark.parametrize("normalization", [-1, 99, "nfc", None])
def test_unknown_normalization(normalization: Any) -> None:
    with pytest.raises(ValueError, match="normalization must be 0"):
        build_vocabulary_v1(normalization=normalization)


def test_tutorial_has_8_words() -> None:
    sentences = json.loads((ROOT / "corpus" / "tutorial.json").read_text(encoding="utf8"))
    assert [text for text, _ in sentences] == ["The dog ate the apple.", "Everybody read that book."]
    counts = Counter(word for text, _ in sentences for word in text.split())
    vocabulary = make_vocabulary(counts, lower=True, strip_punctuation=True)
    assert len(vocabulary) == 8
    assert vocabulary.table_sizes["n_words"] == 9


@pytest.mark.parametrize("word, known", [("DOG", True), ("dog.", True), ("apple", True), ("cat", False), (".", False)])
def test_contains_cleans_the_word(word: str, known: bool) -> None:
    assert (word in make_vocabulary(lower=True, strip_punctuation=True)) is known


def test_count_is_of_the_cleaned_word() -> None:
    vocabulary = make_vocabulary({"Dog": 2, "dog.": 3, "cat": 1}, lower=True, strip_punctuation=True)
    assert [vocabulary.count(word) for word in ("DOG", "dog!", "cat", "bird")] == [5, 5, 1, 0]
    assert build_vocabulary_v1()().count("dog") == 0


def test_empty_vocabulary_has_row_0_alone() -> None:
    vocabulary = build_vocabulary_v1()()
    assert vocabulary.table_sizes == {"n_words": 1, "n_affixes": [1] * 7, "n_characters": 2}
    rows = vocabulary.look_up(["dog"])
    assert not rows.words.any() and not rows.affixes.any() and (rows.characters == 1).all()


def test_unknown_word_and_affixes_are_row_0() -> None:
    rows = make_vocabulary(min_count=1).look_up(["dog", "Qzzyv9"])
    assert rows.words[0] > 0 and (rows.affixes[0] > 0).all()
    assert rows.words[1] == 0 and (rows.affixes[1] == 0).all()


def test_unknown_character_is_row_1_and_padding_0() -> None:
    characters = make_vocabulary({"ab": 2}).look_up(["aqb", "b", ""]).characters
    a, b = characters[0, 0], characters[0, 2]
    assert sorted([a, b]) == [2, 3]
    assert characters.tolist() == [[a, 1, b], [b, 0, 0], [0, 0, 0]]


def test_characters_tell_upper_case() -> None:
    lower, upper = make_vocabulary({"aA": 2}).look_up(["a", "A"]).characters
    assert lower != upper


def test_affixes_are_prefixes_suffixes_and_shape() -> None:
    vocabulary = make_vocabulary({"Walking": 1}, prefixes=[2], suffixes=[3], min_count=1)
    # The same prefix, the same suffix, the same shape, and a word shorter than both affixes.
    rows = vocabulary.look_up(["wall", "KING", "Running", "w"]).affixes
    assert rows.tolist() == [[1, 0, 0], [0, 1, 0], [0, 1, 1], [0, 0, 0]]


def test_affixes_of_a_short_word_are_the_word() -> None:
    assert (
        make_vocabulary({"at": 1}, prefixes=[3], suffixes=[4], shape=False, min_count=1).look_up(["at"]).affixes.all()
    )


def test_min_count_drops_affixes_and_characters_but_no_words() -> None:
    vocabulary = make_vocabulary({"cab": 1, "bad": 1}, prefixes=[1], suffixes=[1], shape=False, min_count=2)
    rows = vocabulary.look_up(["cab", "bad"])
    assert (rows.words > 0).all()
    assert (rows.affixes == 0).all()
    assert (rows.characters == 1).tolist() == [[True, False, False], [False, False, True]]


def test_min_word_count_drops_words_and_keeps_their_affixes() -> None:
    vocabulary = make_vocabulary({"cab": 1, "CAB": 1, "cad": 1}, prefixes=[1], min_word_count=2, min_count=1)
    assert ["cab" in vocabulary, "cad" in vocabulary, len(vocabulary)] == [True, False, 1]
    assert vocabulary.look_up(["cad"]).affixes.all()


def test_min_count_counts_tokens_and_not_types() -> None:
    rows = make_vocabulary({"cab": 2}, min_count=2).look_up(["cab"])
    assert (rows.affixes > 0).all() and (rows.characters > 1).all()


def test_rows_are_numbered_by_frequency() -> None:
    vocabulary = make_vocabulary({"rare": 1, "common": 9, "The": 3, "the": 4})
    assert vocabulary.look_up(["common", "THE", "rare"]).words.tolist() == [1, 2, 3]
    assert vocabulary.word_counts.tolist() == [0, 9, 7, 1]


@pytest.mark.parametrize("options", OPTIONS)
def test_rows_do_not_depend_on_the_order_of_counting(options: Dict[str, Any]) -> None:
    shuffled = list(COUNTS.items())
    random.Random(1).shuffle(shuffled)
    assert shuffled != list(COUNTS.items())
    expected = make_vocabulary(**options)
    vocabulary = make_vocabulary(dict(shuffled), **options)
    assert_same(vocabulary.look_up(list(COUNTS)), expected.look_up(list(COUNTS)))
    assert vocabulary.to_bytes() == expected.to_bytes()


@pytest.mark.parametrize("max_characters, read", [(1, "f"), (2, "af"), (3, "aef"), (5, "abdef"), (6, "abcdef")])
def test_long_words_are_read_at_both_ends(max_characters: int, read: str) -> None:
    vocabulary = make_vocabulary({"abcdef": 1}, max_characters=max_characters, min_count=1)
    rows = {character: vocabulary.look_up([character]).characters[0, 0] for character in "abcdef"}
    assert len(set(rows.values())) == 6
    assert vocabulary.look_up(["abcdef"]).characters.tolist() == [[rows[character] for character in read]]


@pytest.mark.parametrize("options", OPTIONS)
def test_round_trip(options: Dict[str, Any]) -> None:
    words = [*COUNTS, "unknown", "", "日本"]
    vocabulary = make_vocabulary(**options)
    loaded = build_vocabulary_v1(**options)().from_bytes(vocabulary.to_bytes())
    assert_same(loaded.look_up(words), vocabulary.look_up(words))
    assert loaded.table_sizes == vocabulary.table_sizes
    assert loaded.word_counts.tolist() == vocabulary.word_counts.tolist()
    assert [word in loaded for word in words] == [word in vocabulary for word in words]


@pytest.mark.parametrize("options", OPTIONS)
@settings(deadline=None)
@given(words=words_of_any_kind)
def test_rows_fit_their_tables(options: Dict[str, Any], words: List[str]) -> None:
    vocabulary = make_vocabulary(**options)
    rows, sizes = vocabulary.look_up(words), vocabulary.table_sizes
    limit = vocabulary.settings["max_characters"]
    width = (
        max((min(len(vocabulary.spell(word)), limit) for word in words), default=0)
        if vocabulary.settings["characters"]
        else 0
    )
    assert [part.shape for part in rows] == [
        (len(words),),
        (len(words), len(sizes["n_affixes"])),
        (len(words), width),
    ]
    assert all(part.dtype == "int64" and (part >= 0).all() for part in rows)
    assert (rows.words < sizes["n_words"]).all()
    assert (rows.affixes < numpy.asarray(sizes["n_affixes"])).all()
    assert (rows.characters < max(1, sizes["n_characters"])).all()


@pytest.mark.parametrize("options", OPTIONS)
@settings(deadline=None)
@given(words=words_of_any_kind)
def test_together_equals_alone(options: Dict[str, Any], words: List[str]) -> None:
    vocabulary = make_vocabulary(**options)
    together = vocabulary.look_up(words)
    for i, word in enumerate(words):
        alone = vocabulary.look_up([word])
        width = alone.characters.shape[1]
        assert_same(
            WordRows(*(part[i : i + 1] for part in together[:2]), together.characters[i : i + 1, :width]), alone
        )
        assert not together.characters[i, width:].any()


@pytest.mark.parametrize("settings", [{"prefixes": [0]}, {"suffixes": [2, -1]}, {"max_characters": 0}])
def test_lengths_below_one_are_refused(settings: Any) -> None:
    with pytest.raises(ValueError, match="lengths of at least 1"):
        build_vocabulary_v1(**settings)
