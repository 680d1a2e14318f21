"""`Doc.to_array` and `Doc.from_array` for several docs at once."""

from itertools import accumulate
from typing import Sequence

import numpy
from spacy.tokens import Doc


def get_attributes(docs: Sequence[Doc], attributes: Sequence[int]) -> numpy.ndarray:
    """RETURNS (numpy.ndarray): The attributes of all docs' tokens. uint64, shape (n_tokens, n_attributes)."""
    return numpy.concatenate([doc.to_array(list(attributes)).reshape(-1, len(attributes)) for doc in docs])


def set_attributes(docs: Sequence[Doc], attributes: Sequence[int], values: numpy.ndarray) -> None:
    """Set attributes of all docs' tokens.

    docs (Sequence[Doc]): The docs.
    attributes (Sequence[int]): The attributes, of `spacy.attrs`.
    values (numpy.ndarray): Their values. uint64, shape (n_tokens, n_attributes).
    """
    ends = list(accumulate(map(len, docs)))
    for doc, start, end in zip(docs, [0, *ends], ends):
        if start < end:
            doc.from_array(list(attributes), values[start:end])  # type: ignore[arg-type]
