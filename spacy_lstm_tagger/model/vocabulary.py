"""Words, affixes and characters as rows of the network's embedding tables."""

import unicodedata
from collections import Counter
from typing import Any, Callable, Dict, List, Mapping, NamedTuple, Sequence

import numpy
import srsly
from spacy.lang.lex_attrs import word_shape
from spacy.strings import hash_string  # type: ignore[attr-defined]
from srsly import msgpack

from .normalization import LATEST_RULES, normalize
from .quotation_marks import POINTED, unpoint

# The row of a character that is not in the table; row 0 is padding.
UNKNOWN_CHARACTER = 1


class WordRows(NamedTuple):
    """Words as rows of embedding tables, where row 0 is an unknown word, affix or shape.

    words (numpy.ndarray): int64, shape (n_words,).
    affixes (numpy.ndarray): int64, shape (n_words, n_tables).
    characters (numpy.ndarray): int64, shape (n_words, n_positions); 0 is padding, 1 an unknown character.
    """

    words: numpy.ndarray
    affixes: numpy.ndarray
    characters: numpy.ndarray


class Vocabulary:
    """The words that a tagger was trained on, and what it reads of a word: affixes, shape, characters.

    Tables hold 64-bit hashes (spaCy's), not text.
    """

    def __init__(
        self,
        *,
        normalization: int,
        lower: bool,
        strip_punctuation: bool,
        prefixes: Sequence[int],
        suffixes: Sequence[int],
        shape: bool,
        characters: bool,
        min_word_count: int,
        min_count: int,
        max_characters: int,
    ) -> None:
        """Set up an empty vocabulary. See `build_vocabulary_v1` for the settings."""
        self.settings: Dict[str, Any] = {
            "normalization": normalization,
            "lower": lower,
            "strip_punctuation": strip_punctuation,
            "prefixes": list(prefixes),
            "suffixes": list(suffixes),
            "shape": shape,
            "characters": characters,
            "min_word_count": min_word_count,
            "min_count": min_count,
            "max_characters": max_characters,
        }
        self.word_rows: Dict[int, int] = {}
        self.word_counts = numpy.zeros(1, dtype="uint32")
        self.affix_rows: List[Dict[int, int]] = [{} for _ in self._affixes("")]
        self.character_rows: Dict[int, int] = {}

    def __len__(self) -> int:
        """RETURNS (int): The number of known words."""
        return len(self.word_rows)

    def __contains__(self, word: str) -> bool:
        """Whether a word was in the training data."""
        return self._key(self.spell(word)) in self.word_rows

    def count(self, word: str) -> int:
        """RETURNS (int): How often a word occurs in the training data."""
        return int(self.word_counts[self.word_rows.get(self._key(self.spell(word)), 0)])

    @property
    def points_marks(self) -> bool:
        """RETURNS (bool): Whether quotation marks show which way they point."""
        return bool(self.settings["normalization"] >= 2)

    @property
    def table_sizes(self) -> Dict[str, Any]:
        """RETURNS (Dict[str, Any]): Rows that each embedding table needs, by the names of `NetworkSizes`."""
        return {
            "n_words": len(self.word_rows) + 1,
            "n_affixes": [len(rows) + 1 for rows in self.affix_rows],
            "n_characters": len(self.character_rows) + 2 if self.settings["characters"] else 0,
        }

    def fit(self, counts: Mapping[str, int]) -> None:
        """Fill the tables. Words, affixes and characters that are known keep their rows, and their counts grow.

        counts (Mapping[str, int]): How often each word occurs in the training data, and each of `POINTED`.
        """
        words: Counter[int] = Counter()
        affixes: List[Counter[int]] = [Counter() for _ in self.affix_rows]
        characters: Counter[int] = Counter()
        for word, count in counts.items():
            if word in POINTED and not self.points_marks:
                continue
            spelling = self.spell(word)
            words[self._key(spelling)] += count
            for counter, affix in zip(affixes, self._affixes(spelling)):
                counter[hash_string(affix)] += count
            for character in spelling:
                characters[ord(character)] += count
        min_count = self.settings["min_count"]
        known = dict(zip(self.word_rows, self.word_counts[1:].tolist()))
        self.word_rows = _number_by_frequency(self.word_rows, words, 1, self.settings["min_word_count"])
        grown = (known.get(key, 0) + words[key] for key in self.word_rows)
        self.word_counts = numpy.asarray([0, *grown], dtype="uint32")
        self.affix_rows = [
            _number_by_frequency(rows, counter, 1, min_count) for rows, counter in zip(self.affix_rows, affixes)
        ]
        if self.settings["characters"]:
            self.character_rows = _number_by_frequency(self.character_rows, characters, 2, min_count)

    def look_up(self, words: Sequence[str]) -> WordRows:
        """Find the rows of words.

        words (Sequence[str]): The words.
        RETURNS (WordRows): Their rows.
        """
        words = [unpoint(word) if word in POINTED and word not in self else word for word in words]
        n_affixes = len(self.affix_rows)
        rows = numpy.zeros((len(words), 1 + n_affixes), dtype="int64")
        character_rows: List[List[int]] = []
        for i, word in enumerate(words):
            spelling = self.spell(word)
            rows[i, 0] = self.word_rows.get(self._key(spelling), 0)
            for j, affix in enumerate(self._affixes(spelling)):
                rows[i, 1 + j] = self.affix_rows[j].get(hash_string(affix), 0)
            if self.settings["characters"]:
                character_rows.append(
                    [self.character_rows.get(ord(c), UNKNOWN_CHARACTER) for c in self._shorten(spelling)]
                )
        characters = numpy.zeros((len(words), max(map(len, character_rows), default=0)), dtype="int64")
        for i, row in enumerate(character_rows):
            characters[i, : len(row)] = row
        return WordRows(rows[:, 0], rows[:, 1:], characters)

    def spell(self, word: str) -> str:
        """RETURNS (str): The spelling by which a word is looked up, see `normalize`."""
        if word in POINTED and self.points_marks:
            return word
        return normalize(word) if self.settings["normalization"] else word

    def clean(self, word: str) -> str:
        """RETURNS (str): The form of a word by which it is known."""
        return self._clean(self.spell(word))

    def read_characters(self, word: str) -> str:
        """RETURNS (str): The characters that are read: of a very long word both ends."""
        return self._shorten(self.spell(word))

    def to_bytes(self) -> bytes:
        """RETURNS (bytes): The tables as msgpack: keys in the order of their rows."""
        return srsly.msgpack_dumps(
            {
                "words": _pack(self.word_rows, "<u8"),
                "word_counts": _pack(self.word_counts, "<u4"),
                "affixes": [_pack(rows, "<u8") for rows in self.affix_rows],
                "characters": _pack(self.character_rows, "<u4"),
            }
        )

    def from_bytes(self, bytes_data: bytes) -> "Vocabulary":
        """Load the tables.

        bytes_data (bytes): What `to_bytes` returned.
        RETURNS (Vocabulary): Itself. Raises a ValueError if the tables do not fit the settings.
        """
        # Lists and maps get their declared sizes before they are read, so these are limited. `object_pairs_hook`
        # switches srsly's extensions off.
        limits = {"max_array_len": len(self.affix_rows), "max_map_len": 4, "max_ext_len": 0}
        tables = msgpack.unpackb(bytes_data, raw=False, object_pairs_hook=dict, **limits)
        words = _unpack(tables["words"], "<u8", 1)
        word_counts = numpy.frombuffer(tables["word_counts"], dtype="<u4").astype("uint32")
        affixes = [_unpack(keys, "<u8", 1) for keys in tables["affixes"]]
        characters = _unpack(tables["characters"], "<u4", 2)
        if len(word_counts) != len(words) + 1 or len(affixes) != len(self.affix_rows):
            raise ValueError(
                f"{len(words)} words need {len(words) + 1} counts, not {len(word_counts)}, and the settings need "
                f"{len(self.affix_rows)} tables of affixes, not {len(affixes)}"
            )
        self.word_rows, self.word_counts, self.affix_rows, self.character_rows = words, word_counts, affixes, characters
        return self

    def _key(self, spelling: str) -> int:
        return int(hash_string(self._clean(spelling)))

    def _clean(self, spelling: str) -> str:
        if self.settings["strip_punctuation"]:
            end = len(spelling)
            while end and unicodedata.category(spelling[end - 1]).startswith("P"):
                end -= 1
            spelling = spelling[:end] or spelling
        return spelling.lower() if self.settings["lower"] else spelling

    def _shorten(self, spelling: str) -> str:
        limit = self.settings["max_characters"]
        return spelling if len(spelling) <= limit else spelling[: limit // 2] + spelling[limit // 2 - limit :]

    def _affixes(self, spelling: str) -> List[str]:
        lowered = spelling.lower()
        affixes = [lowered[:n] for n in self.settings["prefixes"]]
        affixes += [lowered[-n:] for n in self.settings["suffixes"]]
        if self.settings["shape"]:
            affixes.append(word_shape(spelling))
        return affixes


def build_vocabulary_v1(
    *,
    normalization: int = LATEST_RULES,
    lower: bool = True,
    strip_punctuation: bool = False,
    prefixes: List[int] = [2, 3],
    suffixes: List[int] = [1, 2, 3, 4],
    shape: bool = True,
    characters: bool = True,
    min_word_count: int = 1,
    min_count: int = 2,
    max_characters: int = 32,
) -> Callable[[], Vocabulary]:
    """Set what the tagger reads of a word.

    normalization (int): The rules that bring the spellings of a word into one (quotes, dashes, digits, Unicode normal
        forms), as `normalize` says, and by 2, the default, quotation marks that open differ from those that close;
        0 leaves each spelling as it is.
    lower (bool): Whether upper-case and lower-case forms are one word. Case still shows in shape and characters.
    strip_punctuation (bool): Whether punctuation at a word's end is cut off, for text that is split at spaces alone.
    prefixes (List[int]): Lengths of the prefixes that are read.
    suffixes (List[int]): Lengths of the suffixes that are read.
    shape (bool): Whether the word's shape is read, as spaCy writes it: "Xxxx", "dd".
    characters (bool): Whether characters are read one by one.
    min_word_count (int): How often a word must occur to be known.
    min_count (int): How often an affix, a shape or a character must occur to be kept.
    max_characters (int): Longer words are read at both ends only.
    RETURNS (Callable[[], Vocabulary]): Makes an empty vocabulary with these settings.
    """
    settings = dict(locals())
    if normalization not in range(LATEST_RULES + 1):
        raise ValueError(f"normalization must be 0 (none) or up to {LATEST_RULES}, not {normalization!r}.")
    if min([*prefixes, *suffixes, max_characters]) < 1:
        raise ValueError(
            "prefixes, suffixes and max_characters must be lengths of at least 1, not "
            f"{prefixes}, {suffixes} and {max_characters}."
        )
    return lambda: Vocabulary(**settings)


def _number_by_frequency(
    known: Mapping[int, int], counter: Mapping[int, int], first: int, min_count: int
) -> Dict[int, int]:
    """Give rows to those that are frequent enough, after those that have one."""
    new = [key for key, count in counter.items() if count >= min_count and key not in known]
    new.sort(key=lambda key: (-counter[key], key))
    return {key: row for row, key in enumerate([*known, *new], first)}


def _pack(keys: Any, dtype: str) -> bytes:
    return numpy.fromiter(keys, dtype=dtype, count=len(keys)).tobytes()


def _unpack(packed: bytes, dtype: str, first: int) -> Dict[int, int]:
    keys = numpy.frombuffer(packed, dtype=dtype).tolist()
    rows = {key: row for row, key in enumerate(keys, first)}
    if len(rows) != len(keys):
        raise ValueError("a key is in a table twice")
    return rows
