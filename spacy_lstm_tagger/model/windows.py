"""Cut docs into the stretches of words that the network reads as one sequence."""

import re
from itertools import accumulate
from typing import NamedTuple, Sequence

import numpy
from spacy.attrs import IS_SPACE, SENT_START
from spacy.tokens import Doc

from ..ragged import numbers_within, starts_of
from .quotation_marks import ATTRIBUTES, write_marks

EMPTY_LINE = re.compile(r"\n\s*?\n")


class Windows(NamedTuple):
    """Stretches of words, one after another: sentences, or overlapping parts of long ones.

    orths (numpy.ndarray): The words' hashes, uint64, shape (n_cells,).
    lengths (numpy.ndarray): The windows' lengths, int64, shape (n_windows,).
    targets (numpy.ndarray): For each cell, which token of the docs (counted from the first doc's first
        token on) takes its output, or -1 if the cell is context alone. int64, shape (n_cells,).
    tokens (numpy.ndarray): For each cell which token it is, counted likewise. int64, shape (n_cells,).
    """

    orths: numpy.ndarray
    lengths: numpy.ndarray
    targets: numpy.ndarray
    tokens: numpy.ndarray


def cut_windows(docs: Sequence[Doc], size: int, overlap: int, points_marks: bool = False) -> Windows:
    """Cut docs into windows: at sentence boundaries where they are set, else at empty lines, and into overlapping parts
    where a sentence, or a paragraph, is longer than a window. Whitespace tokens are left out.

    docs (Sequence[Doc]): The docs.
    size (int): The most words a window may have.
    overlap (int): How many words two neighbouring parts share. Each takes its half of them.
    points_marks (bool): Whether quotation marks show which way they point, see `quotation_marks`.
    RETURNS (Windows): The windows, in the order of the text.
    """
    attributes = [doc.to_array([*ATTRIBUTES, SENT_START]) for doc in docs]
    # shape: (n_tokens, 5)
    table = numpy.concatenate(attributes) if docs else numpy.zeros((0, 5), "uint64")
    if points_marks:
        write_marks(docs, table)
    begins = table[:, 4] == 1
    if table[:, 1].any():
        begins |= numpy.concatenate([begins_paragraph(doc) for doc in docs])
    # The first token of each doc that has any.
    begins[list(accumulate((len(doc) for doc in docs if len(doc)), initial=0))[:-1]] = True
    (tokens,) = (table[:, 1] == 0).nonzero()
    sentence_lengths = numpy.bincount(numpy.cumsum(begins)[tokens])
    sentence_lengths = sentence_lengths[sentence_lengths > 0]
    if sentence_lengths.max(initial=0) <= size:
        return Windows(table[tokens, 0], sentence_lengths, tokens, tokens)

    # shape: (n_windows,)
    step = size - overlap
    n_parts = numpy.maximum(1, -(-(sentence_lengths - overlap) // step))
    part = numbers_within(n_parts)
    rest = numpy.repeat(sentence_lengths, n_parts) - part * step
    lengths = numpy.minimum(rest, size)

    # shape: (n_cells,)
    position = numbers_within(lengths)
    cells = numpy.repeat(numpy.repeat(starts_of(sentence_lengths), n_parts) + part * step, lengths) + position
    left_to_others = (position < numpy.repeat(numpy.where(part > 0, overlap // 2, 0), lengths)) | (
        position >= numpy.repeat(numpy.where(rest > size, size - (overlap - overlap // 2), size), lengths)
    )
    tokens = tokens[cells]
    return Windows(table[tokens, 0], lengths, numpy.where(left_to_others, -1, tokens), tokens)


def begins_paragraph(doc: Doc) -> numpy.ndarray:
    """Find the tokens that follow an empty line.

    doc (Doc): The doc.
    RETURNS (numpy.ndarray): Whether each token does, False for all in a doc that has sentence boundaries. bool, shape
        (n_tokens,).
    """
    begins = numpy.zeros(len(doc), dtype=bool)
    if not doc.has_annotation("SENT_START"):
        for i in doc.to_array(IS_SPACE)[:-1].nonzero()[0].tolist():
            begins[i + 1] = EMPTY_LINE.search(doc[i].text) is not None
    return begins
