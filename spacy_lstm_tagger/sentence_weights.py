"""How much each sentence counts in training: a small treebank need not drown in much text that was labelled quickly."""

from math import inf
from typing import Any, Dict, Optional

import numpy
from spacy.tokens import Doc

# Where a doc keeps the weight of a sentence, in `Doc.user_data`: the key of an extension attribute of the sentence's
# first token, which spaCy adapts when docs are joined or cut.
KEY = ("._.", "sentence_weight")


def set_weight(doc: Doc, weight: float) -> None:
    """Set how much the sentences of a doc count in training.

        >>> import spacy
        >>> from spacy_lstm_tagger import set_weight
        >>> doc = spacy.blank("en")("It rains.")
        >>> set_weight(doc, 0.2)

    doc (Doc): The doc, with all its sentence boundaries if it is to have any. It keeps the weight in a
        `DocBin(store_user_data=True)`.
    weight (float): By which the loss of each token is multiplied; that of other docs has the weight 1. Raises a
        ValueError if it is negative or not finite.
    """
    if not 0 <= weight < inf:
        raise ValueError(f"a weight must be a number from 0 on, not {weight!r}")
    user_data: Dict[Any, Any] = doc.user_data
    for token in doc:
        if token.i == 0 or token.is_sent_start:
            key = (*KEY, token.idx, None)
            user_data[key] = float(weight)


def find_weights(doc: Doc) -> Optional[numpy.ndarray]:
    """RETURNS (Optional[numpy.ndarray]): The weight of each token, float32, shape (n_tokens,); None if all are 1."""
    user_data: Dict[Any, Any] = doc.user_data
    found = {key[2]: value for key, value in user_data.items() if isinstance(key, tuple) and key[:2] == KEY}
    if not found:
        return None
    weights = numpy.ones(len(doc), dtype="float32")
    for token in doc:
        if token.i == 0 or token.is_sent_start:
            weights[token.i :] = found.get(token.idx, 1.0)
    return weights
