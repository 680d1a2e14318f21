"""The probabilities of the labels that were set, as `token._.tag_confidence` and `token._.pos_confidence`."""

from functools import partial
from typing import Dict, Optional, Sequence

import numpy
from spacy.attrs import LENGTH, SPACY
from spacy.tokens import Doc, Token

CONFIDENCE_LAYERS = ("tag", "pos")
USER_DATA_KEY = "lstm_tagger_confidence"


def register_confidence() -> None:
    """Register the extension attributes."""
    for layer in CONFIDENCE_LAYERS:
        if not Token.has_extension(f"{layer}_confidence"):
            Token.set_extension(f"{layer}_confidence", getter=partial(_get_confidence, layer=layer))


def keep_confidence(docs: Sequence[Doc], confidence: Dict[str, numpy.ndarray]) -> None:
    """Keep confidences with docs, where they outlive `doc.to_bytes` and changes of the tokenization.

    docs (Sequence[Doc]): The docs.
    confidence (Dict[str, numpy.ndarray]): For each layer the confidences of the tokens of all docs, shape (n_tokens,);
        NaN where the label is not the tagger's.
    """
    widths = numpy.concatenate([doc.to_array([LENGTH, SPACY]).reshape(-1, 2) for doc in docs]).astype("int64")
    starts = numpy.cumsum(widths.sum(axis=1)) - widths.sum(axis=1)
    ends = starts + widths[:, 0]
    kept = {layer: confidence[layer] for layer in CONFIDENCE_LAYERS if layer in confidence}
    last = 0
    for doc in docs:
        first, last = last, last + len(doc)
        if first < last:
            offsets = starts[first:last] - starts[first]
            parts = {layer: values[first:last] for layer, values in kept.items()}
            doc.user_data[USER_DATA_KEY] = {"offsets": offsets, "end": int(ends[last - 1] - starts[first]), **parts}


def _get_confidence(token: Token, layer: str) -> Optional[float]:
    """The confidence kept for the token that began at this character; None if there is none."""
    kept = token.doc.user_data.get(USER_DATA_KEY, {})
    # A part of the doc that was made a doc of its own has the data, but other offsets.
    if layer not in kept or kept["end"] != _end(token.doc):
        return None
    row = numpy.searchsorted(kept["offsets"], token.idx)
    if row == len(kept["offsets"]) or kept["offsets"][row] != token.idx or numpy.isnan(kept[layer][row]):
        return None
    return float(kept[layer][row])


def _end(doc: Doc) -> int:
    return doc[-1].idx + len(doc[-1])
