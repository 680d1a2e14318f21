"""The probabilities of the labels that were set: `token._.tag_confidence`, `pos_confidence` and `morph_confidence`."""

from math import isnan
from typing import Any, Dict, Mapping, Sequence

import numpy
from spacy.tokens import Doc, Token

from ..annotation_layers import LAYERS


def register_confidence() -> None:
    """Register the extension attributes."""
    for layer in LAYERS:
        if not Token.has_extension(f"{layer}_confidence"):
            Token.set_extension(f"{layer}_confidence", default=None)


def keep_confidence(docs: Sequence[Doc], confidence: Mapping[str, numpy.ndarray]) -> None:
    """Set the extension attributes, where spaCy keeps them: in `doc.user_data`. So they go wherever the doc goes.

    docs (Sequence[Doc]): The docs.
    confidence (Mapping[str, numpy.ndarray]): For each layer the confidences of the tokens of all docs, shape
        (n_tokens,); NaN where the label is not the tagger's.
    """
    last = 0
    for doc in docs:
        first, last = last, last + len(doc)
        user_data: Dict[Any, Any] = doc.user_data
        for layer, values in confidence.items():
            for token, value in zip(doc, values[first:last].tolist()):
                key = ("._.", f"{layer}_confidence", token.idx, None)
                if isnan(value):
                    user_data.pop(key, None)
                else:
                    user_data[key] = value
