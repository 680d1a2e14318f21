"""Annotation that leaves open which of several labels a token has."""

from typing import Any, Collection, Dict, List, Mapping, Sequence

from spacy.tokens import Doc

from .annotation_layers import TAG_LAYERS, UPOS

# Where a doc keeps the labels of a token, in `Doc.user_data`: the key of an extension attribute, which spaCy adapts
# when docs are joined or cut.
KEY = ("._.", "allowed_labels")
# What a label begins with that a token does not have.
NOT = "!"


def set_allowed_labels(doc: Doc, layers: Mapping[str, Sequence[Collection[str]]]) -> None:
    """Tell of which labels a token has one, where it is not known which.

    Training then makes it likely that the token has one of them, whichever. The token's own label is removed.

        >>> import spacy
        >>> from spacy_lstm_tagger import set_allowed_labels
        >>> doc = spacy.blank("en")("They fish")
        >>> set_allowed_labels(doc, {"tag": [{"PRP"}, {"VB", "VBP"}], "pos": [(), {"!NOUN"}]})

    doc (Doc): The doc. It keeps them in a `DocBin(store_user_data=True)`.
    layers (Mapping[str, Sequence[Collection[str]]]): For "tag", "pos" and "morph", or some of them, and for each token
        its possible labels, or none where nothing is said of it. With "!" before it, a label is one that the token does
        not have. Raises a ValueError for other layers, another number of tokens, and values of "pos" that are not UPOS
        tags.
    """
    for layer, tokens in layers.items():
        if layer not in TAG_LAYERS:
            raise ValueError(f"Allowed labels can be those of {', '.join(TAG_LAYERS)}, not of {layer!r}.")
        if len(tokens) != len(doc):
            raise ValueError(f"the doc has {len(doc)} tokens, but {len(tokens)} have allowed labels of {layer!r}")
        unknown = sorted({name for names in tokens for name in names} - set(UPOS) - {NOT + name for name in UPOS})
        if layer == "pos" and unknown:
            raise ValueError(f"{unknown[0]!r:.20} is not a UPOS tag. Use: {', '.join(UPOS)}.")
    user_data: Dict[Any, Any] = doc.user_data
    for layer, tokens in layers.items():
        labels = doc.to_array(TAG_LAYERS[layer])
        for token, names in zip(doc, tokens):
            if names:
                user_data.setdefault((*KEY, token.idx, None), {})[layer] = sorted(names)
                labels[token.i] = 0
        doc.from_array([TAG_LAYERS[layer]], labels)  # type: ignore[arg-type]


def find_allowed_labels(doc: Doc) -> Dict[int, Dict[str, List[str]]]:
    """RETURNS (Dict[int, Dict[str, List[str]]]): The allowed labels of each layer, by the index of the token."""
    user_data: Dict[Any, Any] = doc.user_data
    found = {key[2]: value for key, value in user_data.items() if isinstance(key, tuple) and key[:2] == KEY}
    return {token.i: found[token.idx] for token in doc if token.idx in found} if found else {}


def is_excluded(name: str) -> bool:
    """RETURNS (bool): Whether a name among allowed labels is that of a label that a token does not have."""
    return name.startswith(NOT) and name != NOT
