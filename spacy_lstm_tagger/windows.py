"""Cut docs into the stretches of words that the network reads as one sequence."""

from typing import List, NamedTuple, Sequence

import numpy
from spacy.attrs import IS_SPACE, ORTH, SENT_START
from spacy.tokens import Doc


class Windows(NamedTuple):
    """Stretches of words, one after another: sentences, or overlapping parts of long ones.

    orths (numpy.ndarray): The words' hashes, uint64, shape (n_cells,).
    lengths (numpy.ndarray): The windows' lengths, int64, shape (n_windows,).
    targets (numpy.ndarray): For each cell, which token of the docs (counted from the first doc's first
        token on) takes its output, or -1 if the cell is context alone. int64, shape (n_cells,).
    """

    orths: numpy.ndarray
    lengths: numpy.ndarray
    targets: numpy.ndarray


def cut_windows(docs: Sequence[Doc], size: int, overlap: int) -> Windows:
    """Cut docs into windows: at sentence boundaries where they are set, and into overlapping parts where a
    sentence, or a doc without boundaries, is longer than a window. Whitespace tokens are left out.

    docs (Sequence[Doc]): The docs.
    size (int): The most words a window may have.
    overlap (int): How many words two neighbouring parts share. Each takes its half of them.
    RETURNS (Windows): The windows, in the order of the text.
    """
    orths: List[numpy.ndarray] = []
    lengths: List[int] = []
    targets: List[numpy.ndarray] = []
    offset = 0
    for doc in docs:
        attributes = doc.to_array([ORTH, IS_SPACE, SENT_START])
        tokens = numpy.flatnonzero(attributes[:, 1] == 0)
        sentences = numpy.cumsum(attributes[:, 2] == 1)[tokens]
        bounds = [0, *(numpy.flatnonzero(numpy.diff(sentences)) + 1).tolist(), len(tokens)]
        for start, end in zip(bounds, bounds[1:]):
            for left in range(start, max(start + 1, end - overlap), size - overlap):
                right = min(left + size, end)
                cells = tokens[left:right]
                if not len(cells):
                    continue
                target = cells + offset
                if left > start:
                    target[: overlap // 2] = -1
                if right < end:
                    target[len(target) - (overlap - overlap // 2) :] = -1
                orths.append(attributes[cells, 0])
                lengths.append(len(cells))
                targets.append(target)
        offset += len(doc)
    return Windows(
        numpy.concatenate(orths) if orths else numpy.zeros(0, "uint64"),
        numpy.asarray(lengths, dtype="int64"),
        numpy.concatenate(targets) if targets else numpy.zeros(0, "int64"),
    )
