"""Which way quotation marks point. In the normal spelling of words there is one for all double marks, and one for all
single ones; here it gets a space on the outside: ' "' opens, and '" ' closes."""

import unicodedata
from collections import Counter
from typing import Dict, List, Sequence

import numpy
from spacy.attrs import IS_QUOTE, IS_SPACE, SPACY
from spacy.tokens import Doc

from .normalization import normalize

MARKS = ('"', "'")
POINTED = frozenset([*(f" {mark}" for mark in MARKS), *(f"{mark} " for mark in MARKS)])
# Angle quotation marks: in French they have spaces within, and in no language do both kinds open.
ANGLES = "\u00ab\u00bb\u2039\u203a"


def point_marks(docs: Sequence[Doc]) -> Dict[int, str]:
    """Find the quotation marks of which it is known whether they open or close: from the space on one side of them, or
    from the character itself if it is an angle, or if there is a space on both sides or on none.

    docs (Sequence[Doc]): The docs.
    RETURNS (Dict[int, str]): For tokens, counted from the first doc's first one on, one of `POINTED`.
    """
    found: Dict[int, str] = {}
    start = 0
    for doc in docs:
        is_quote, is_space, space_after = doc.to_array([IS_QUOTE, IS_SPACE, SPACY]).T.astype(bool)
        if is_quote.any():
            after = space_after | numpy.append(is_space[1:], True)
            before = numpy.append(True, (space_after | is_space)[:-1])
            for i in is_quote.nonzero()[0].tolist():
                text = doc[i].text
                mark, category = normalize(text), unicodedata.category(text[0])
                by_space = before[i] != after[i] and text not in ANGLES
                if mark in MARKS and (by_space or category in ("Pi", "Pf")):
                    opens = before[i] if by_space else category == "Pi"
                    found[start + i] = f" {mark}" if opens else f"{mark} "
        start += len(doc)
    return found


def count_marks(doc: Doc) -> "Counter[str]":
    """RETURNS (Counter[str]): How often each of `POINTED` is in a doc."""
    return Counter(point_marks([doc]).values())


def write_marks(docs: Sequence[Doc], orths: numpy.ndarray) -> None:
    """Write the marks that open or close.

    docs (Sequence[Doc]): The docs. Their strings get the marks.
    orths (numpy.ndarray): The hashes of their tokens, changed in place. uint64, shape (n_tokens,).
    """
    for token, mark in point_marks(docs).items():
        orths[token] = docs[0].vocab.strings.add(mark)


def forget_direction(words: List[str], rate: float) -> List[str]:
    """RETURNS (List[str]): Words, where some of the marks that open or close are plain ones, as in text of which the
    spaces are not known."""
    return [word.strip() if word in POINTED and numpy.random.random() < rate else word for word in words]
