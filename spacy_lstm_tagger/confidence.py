"""The probabilities of the labels that were set, as `token._.tag_confidence` and `token._.pos_confidence`."""

from functools import partial
from typing import Dict, Optional

import numpy
from spacy.tokens import Doc, Token

CONFIDENCE_LAYERS = ("tag", "pos")
USER_DATA_KEY = "lstm_tagger_confidence"


def register_confidence() -> None:
    """Register the extension attributes."""
    for layer in CONFIDENCE_LAYERS:
        if not Token.has_extension(f"{layer}_confidence"):
            Token.set_extension(f"{layer}_confidence", getter=partial(_get_confidence, layer=layer))


def keep_confidence(doc: Doc, confidence: Dict[str, numpy.ndarray]) -> None:
    """Keep confidences with a doc, where they outlive `doc.to_bytes` and changes of the tokenization.

    doc (Doc): The doc.
    confidence (Dict[str, numpy.ndarray]): For each layer the tokens' confidences, shape (n_tokens,); NaN where the
        label is not the tagger's.
    """
    offsets = numpy.asarray([token.idx for token in doc], dtype="int64")
    doc.user_data[USER_DATA_KEY] = {"offsets": offsets, "end": _end(doc), **confidence}


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
