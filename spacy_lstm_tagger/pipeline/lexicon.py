"""A lexicon of the labels that words may have. All others get a logit that excludes them."""

import warnings
from typing import Any, Dict, List, Mapping, NamedTuple, Sequence, Tuple

import numpy
import srsly
from spacy.strings import get_string_id

from ..annotation_layers import NAMES, TAG_LAYERS
from ..model.normalization import normalize
from ..model.tagging_pass import LATE
from .hash_tables import find_numbers, is_hash_table
from .label_scheme import Labels, LabelScheme
from .probabilities import IMPOSSIBLE

# Words in a warning.
MOST_NAMED = 10


class Lexicon(NamedTuple):
    """Words and the labels that they may have. It has hashes of the words, not their text.

    keys (numpy.ndarray): The hashes of the words' spellings, see `normalize`; sorted. uint64, shape (n_words,).
    allowed (List[Dict[str, List[str]]]): The distinct allowed labels, by layer.
    numbers (numpy.ndarray): Each word's place in `allowed`. uint32, shape (n_words,).
    """

    keys: numpy.ndarray
    allowed: List[Labels]
    numbers: numpy.ndarray

    @classmethod
    def of(cls, entries: Mapping[str, Mapping[str, Sequence[str]]]) -> "Lexicon":
        """RETURNS (Lexicon): The words of which the allowed labels are given, by layer. One in lower case stands for
        the word in any case."""
        by_key: Dict[int, Labels] = {}
        for word, labels in entries.items():
            of_word = {layer: sorted(labels[layer]) for layer in TAG_LAYERS if layer in labels}
            if of_word:
                by_key[get_string_id(normalize(word))] = of_word
        index: Dict[str, int] = {}
        numbers = {key: index.setdefault(srsly.json_dumps(by_key[key]), len(index)) for key in sorted(by_key)}
        allowed = [srsly.json_loads(labels) for labels in index]
        return cls(numpy.array(list(numbers), "uint64"), allowed, numpy.array(list(numbers.values()), "uint32"))

    def to_bytes(self) -> bytes:
        """RETURNS (bytes): The lexicon."""
        data = {"keys": self.keys.tobytes(), "allowed": self.allowed, "numbers": self.numbers.tobytes()}
        return bytes(srsly.msgpack_dumps(data))

    @classmethod
    def from_bytes(cls, data: bytes) -> "Lexicon":
        """RETURNS (Lexicon): What `to_bytes` wrote. Raises an error for anything else."""
        parts = srsly.msgpack_loads(data)
        keys = numpy.frombuffer(parts["keys"], "uint64")
        lexicon = cls(keys, list(parts["allowed"]), numpy.frombuffer(parts["numbers"], "uint32"))
        if not is_hash_table(keys, lexicon.numbers, len(lexicon.allowed)):
            raise ValueError("words and labels do not belong together")
        for labels in lexicon.allowed:
            if not all(
                layer in TAG_LAYERS and all(isinstance(name, str) for name in labels[layer]) for layer in labels
            ):
                raise ValueError(f"{labels!s:.80} are not labels by layer")
        return lexicon


class LexiconMask:
    """What is added to the logits of words, so that they get labels that they may have."""

    def __init__(self, lexicon: Lexicon, scheme: LabelScheme) -> None:
        """Set up the mask. Raises a ValueError for labels that the tagger does not have.

        lexicon (Lexicon): The words.
        scheme (LabelScheme): The labels of the columns.
        """
        self.lexicon = lexicon
        columns = [(layer, name) for layer, names in scheme.labels.items() if layer != LATE for name in names]
        self._masks = numpy.zeros((1 + len(lexicon.allowed), len(columns)), dtype="float32")
        for number, labels in enumerate(lexicon.allowed):
            check_allowed(labels, scheme)
            for column, (layer, name) in enumerate(columns):
                if layer in labels and name not in labels[layer]:
                    self._masks[number, column] = IMPOSSIBLE

    def find(self, words: Sequence[str]) -> numpy.ndarray:
        """RETURNS (numpy.ndarray): What is added to each word's logits of all heads but `LATE`. float32, shape
        (n_words, n_labels)."""
        keys, numbers = self.lexicon.keys, self.lexicon.numbers
        spellings = list(map(normalize, words))
        in_lower_case = numpy.array([get_string_id(spelling.lower()) for spelling in spellings], "uint64")
        found = find_numbers(keys, numbers, in_lower_case, -1)
        return self._masks[
            find_numbers(keys, numbers, numpy.array(list(map(get_string_id, spellings)), "uint64"), found)
        ]


def check_allowed(labels: Mapping[str, Sequence[str]], scheme: LabelScheme, word: str = "") -> None:
    """Raise a ValueError for allowed labels that a tagger does not have.

    labels (Mapping[str, Sequence[str]]): The allowed labels by layer.
    scheme (LabelScheme): The tagger's labels.
    word (str): Their word, for the error.
    """
    of_word = f" of {word!r:.40}" if word else ""
    for layer, names in labels.items():
        unknown = [name for name in names if name not in scheme.labels.get(layer, ())]
        if layer not in scheme.labels:
            raise ValueError(f"The lexicon has {NAMES[layer]}{of_word}, for which the tagger has no head.")
        if unknown:
            raise ValueError(
                f"The lexicon has the {NAMES[layer]} {unknown[0]!r:.40}{of_word}, which the tagger does not have. It "
                f"has: {', '.join(scheme.labels[layer][:40])}."
            )


def keep_possible(entries: Mapping[str, Mapping[str, Sequence[str]]], scheme: LabelScheme) -> Dict[str, Labels]:
    """Leave out the words that could get no labels at all, with one warning: they are chosen freely.

    entries (Mapping[str, Mapping[str, Sequence[str]]]): The allowed labels of words, by layer. Raises a ValueError for
        labels that the tagger does not have.
    scheme (LabelScheme): The tagger's labels.
    RETURNS (Dict[str, Labels]): The other words.
    """
    known: Dict[Tuple[Any, ...], bool] = {}
    kept = {}
    impossible = []
    for word, of_word in entries.items():
        labels = {layer: list(names) for layer, names in of_word.items() if layer in TAG_LAYERS}
        check_allowed(labels, scheme, word)
        key = tuple((layer, *names) for layer, names in labels.items())
        if key not in known:
            known[key] = scheme.occur_together(labels)
        if known[key]:
            kept[word] = labels
        else:
            impossible.append(word)
    if impossible:
        listed = ", ".join(map(repr, impossible[:MOST_NAMED])) + (", ..." if impossible[MOST_NAMED:] else "")
        warnings.warn(
            f"The lexicon leaves {len(impossible)} words no labels that occur together, so these are chosen freely: "
            f"{listed}",
            stacklevel=3,
        )
    return kept


def learn_entries(counts: Mapping[Tuple[str, str, str], int], min_count: int) -> Dict[str, Labels]:
    """Find the labels of frequent words.

    counts (Mapping[Tuple[str, str, str], int]): How often each word occurs with a fine-grained tag and a UPOS tag, ""
        where it has none.
    min_count (int): How often a word must occur, in any case.
    RETURNS (Dict[str, Labels]): The labels that these words have, by layer.
    """
    totals: Dict[str, int] = {}
    found: Dict[str, Labels] = {}
    for (form, *labels), count in counts.items():
        word = normalize(form).lower()
        totals[word] = totals.get(word, 0) + count
        for layer, name in zip(("tag", "pos"), labels):
            names = found.setdefault(word, {}).setdefault(layer, [])
            if name not in names:
                names.append(name)
    complete = {
        word: {layer: names for layer, names in labels.items() if "" not in names}
        for word, labels in found.items()
        if totals[word] >= min_count
    }
    return {word: labels for word, labels in complete.items() if labels}
