"""Which way quotation marks point. In the normal spelling of words there is one for all double marks, and one for all
single ones; here it gets a space on the outside: ' "' opens, and '" ' closes."""

import unicodedata
from collections import Counter
from functools import lru_cache
from typing import Dict, List, Sequence, Tuple

import numpy
from spacy.attrs import IS_QUOTE, IS_SPACE, ORTH, SPACY
from spacy.tokens import Doc

from .normalization import normalize

ATTRIBUTES = [ORTH, IS_SPACE, SPACY, IS_QUOTE]
MARKS = ('"', "'")
POINTED = frozenset([*(f" {mark}" for mark in MARKS), *(f"{mark} " for mark in MARKS)])
# Angle quotation marks: in French they have spaces within, and in no language do both kinds open.
ANGLES = "\u00ab\u00bb\u2039\u203a"


def point_marks(docs: Sequence[Doc], table: numpy.ndarray) -> Dict[int, str]:
    """Find the quotation marks of which it is known whether they open or close: from the space on one side of them, or
    from the character itself if it is an angle, or if there is a space on both sides or on none.

    docs (Sequence[Doc]): The docs.
    table (numpy.ndarray): The `ATTRIBUTES` of all of their tokens. uint64, shape (n_tokens, 4).
    RETURNS (Dict[int, str]): For tokens, counted from the first doc's first one on, one of `POINTED`.
    """
    (quotes,) = table[:, 3].nonzero()
    if not len(quotes):
        return {}
    is_space, space_after = table[:, 1:3].T.astype(bool)
    is_last = numpy.zeros(len(table), dtype=bool)
    is_last[numpy.cumsum([len(doc) for doc in docs if len(doc)]) - 1] = True
    before = numpy.roll(space_after | is_space | is_last, 1)
    after = space_after | is_last | numpy.roll(is_space, -1)
    found: Dict[int, str] = {}
    for i in quotes.tolist():
        text = docs[0].vocab.strings[table[i, 0]]
        mark, category = _describe(text)
        by_space = before[i] != after[i] and text not in ANGLES
        if mark in MARKS and (by_space or category in ("Pi", "Pf")):
            opens = before[i] if by_space else category == "Pi"
            found[i] = f" {mark}" if opens else f"{mark} "
    return found


@lru_cache(2**8)
def _describe(text: str) -> Tuple[str, str]:
    """The normal spelling of a quotation mark, and the category that Unicode has for it."""
    return normalize(text), unicodedata.category(text[0])


def count_marks(doc: Doc) -> "Counter[str]":
    """RETURNS (Counter[str]): How often each of `POINTED` is in a doc."""
    return Counter(point_marks([doc], doc.to_array(ATTRIBUTES)).values())


def write_marks(docs: Sequence[Doc], table: numpy.ndarray) -> None:
    """Write the marks that open or close.

    docs (Sequence[Doc]): The docs. Their strings get the marks.
    table (numpy.ndarray): As for `point_marks`; the hashes of the marks are changed in place.
    """
    for token, mark in point_marks(docs, table).items():
        table[token, 0] = docs[0].vocab.strings.add(mark)


def forget_direction(words: List[str], rate: float) -> List[str]:
    """RETURNS (List[str]): Words, where some of the marks that open or close are plain ones, as in text of which the
    spaces are not known."""
    return [unpoint(word) if word in POINTED and numpy.random.random() < rate else word for word in words]


def unpoint(word: str) -> str:
    """RETURNS (str): The plain mark of one that opens or closes; any other word as it is."""
    return word.strip() if word in POINTED else word
