"""Soft labels: the probabilities that a teacher gives to the labels of a token.

They say more than its likeliest label: where the teacher doubts, and between what.
Hinton et al. (2015), https://arxiv.org/abs/1503.02531
"""

from itertools import chain
from typing import Any, Dict, List, Mapping, NamedTuple, Sequence, Tuple

import numpy
from spacy.tokens import Doc, Span
from spacy.vocab import Vocab

from .annotation_layers import LAYERS, TAG_LAYERS, UPOS

# Where a doc keeps its soft labels, in `Doc.user_data`.
KEY = "lstm_tagger_soft_labels"
NO_LABEL = -1
# How far above 1 the sum of probabilities may be, since they may be rounded.
TOLERANCE = 0.01


class SoftLabels(NamedTuple):
    """The likeliest labels of a doc's tokens in one layer.

    names (List[str]): Labels, those of "morph" in spaCy's normal form.
    indices (numpy.ndarray): For each token some of them; NO_LABEL where it has fewer than others. Integers, shape
        (n_tokens, k).
    probabilities (numpy.ndarray): Their probabilities, 0 where there is no label. float32, shape (n_tokens, k).
    """

    names: List[str]
    indices: numpy.ndarray
    probabilities: numpy.ndarray


def set_soft_labels(doc: Doc, layers: Mapping[str, Sequence[Sequence[Tuple[str, float]]]]) -> None:
    """Give a doc the probabilities of its tokens' labels, to train a tagger with.

    They replace a token's own label in training. What they leave of 1 is shared by all other labels. A token without
    soft labels is trained with its own label, and one that has no label of its own gets the likeliest.

        >>> import spacy
        >>> from spacy_lstm_tagger import set_soft_labels
        >>> doc = spacy.blank("en")("It may rain")
        >>> set_soft_labels(doc, {"pos": [[("PRON", 1.0)], [("AUX", 0.98)], [("VERB", 0.7), ("NOUN", 0.3)]]})
        >>> [token.pos_ for token in doc]
        ['PRON', 'AUX', 'VERB']

    doc (Doc): The doc. It keeps them in a `DocBin(store_user_data=True)`.
    layers (Mapping[str, Sequence[Sequence[Tuple[str, float]]]]): For "tag", "pos" and "morph", or some of them, and for
        each token its likeliest labels with their probabilities, as `LSTMTaggerPipe.top_k` returns them. Lemmas and
        sentence boundaries have no soft labels, and are left out. Raises a ValueError for other layers, another number
        of tokens, values of "pos" that are not UPOS tags, and probabilities that are negative or sum up to more than 1.
    """
    soft_labels = {}
    for layer, tokens in layers.items():
        if layer in LAYERS and layer not in TAG_LAYERS:
            continue
        if layer not in TAG_LAYERS:
            raise ValueError(f"Soft labels can be those of {', '.join(TAG_LAYERS)}, not of {layer!r}.")
        names = {name: i for i, name in enumerate(dict.fromkeys(name for token in tokens for name, _ in token))}
        shape = len(tokens), max(map(len, tokens), default=0)
        indices = numpy.full(shape, NO_LABEL, dtype="int32")
        probabilities = numpy.zeros(shape, dtype="float32")
        for i, token in enumerate(tokens):
            for j, (name, probability) in enumerate(token):
                indices[i, j] = names[name]
                probabilities[i, j] = probability
        soft_labels[layer] = SoftLabels([normalize(doc.vocab, layer, name) for name in names], indices, probabilities)
    keep_soft_labels(doc, soft_labels)


def keep_soft_labels(doc: Doc, layers: Mapping[str, SoftLabels]) -> None:
    """As `set_soft_labels`, with the labels in arrays.

    doc (Doc): The doc.
    layers (Mapping[str, SoftLabels]): The soft labels of some layers. Raises the same errors.
    """
    for layer, labels in layers.items():
        _check(doc, layer, labels)
        _set_missing(doc, layer, labels)
    if layers:
        # Plain values, which DocBin can store.
        kept: Dict[str, Any] = {layer: tuple(labels) for layer, labels in layers.items()}
        doc.user_data[KEY] = {**doc.user_data.get(KEY, {}), **kept}


def find_soft_labels(doc: Doc) -> Dict[str, SoftLabels]:
    """RETURNS (Dict[str, SoftLabels]): The soft labels of each layer that a doc has some of."""
    return {layer: SoftLabels(*labels) for layer, labels in doc.user_data.get(KEY, {}).items()}


def cut_out(span: Span) -> Doc:
    """RETURNS (Doc): What `Span.as_doc` returns, with the soft labels, allowed labels and weights of its tokens."""
    doc = span.as_doc(copy_user_data=True)
    doc.user_data.pop(KEY, None)
    part = slice(span.start, span.end)
    soft_labels = find_soft_labels(span.doc)
    keep_soft_labels(doc, {layer: SoftLabels(a, b[part], c[part]) for layer, (a, b, c) in soft_labels.items()})
    return doc


def join(docs: Sequence[Doc]) -> Doc:
    """RETURNS (Doc): What `Doc.from_docs` returns without further whitespace, with the soft labels of the tokens."""
    of_docs = [find_soft_labels(doc) for doc in docs]
    kept = [doc.user_data.pop(KEY, None) for doc in docs]  # spaCy would warn of them
    joined: Any = Doc.from_docs(list(docs), ensure_whitespace=False)
    for doc, labels in zip(docs, kept):
        if labels is not None:
            doc.user_data[KEY] = labels
    keep_soft_labels(joined, {layer: _concatenate(docs, of_docs, layer) for layer in {*chain(*of_docs)}})
    return joined


def _concatenate(docs: Sequence[Doc], of_docs: Sequence[Mapping[str, SoftLabels]], layer: str) -> SoftLabels:
    none = {len(doc): SoftLabels([], numpy.zeros((len(doc), 0), int), numpy.zeros((len(doc), 0))) for doc in docs}
    parts = [of_doc.get(layer, none[len(doc)]) for doc, of_doc in zip(docs, of_docs)]
    names = list(dict.fromkeys(name for part in parts for name in part.names))
    index = {name: i for i, name in enumerate(names)}
    shape = sum(map(len, docs)), max(part.indices.shape[1] for part in parts)
    indices = numpy.full(shape, NO_LABEL, dtype="int32")
    probabilities = numpy.zeros(shape, dtype="float32")
    start = 0
    for part in parts:
        rows = slice(start, start + len(part.indices)), slice(part.indices.shape[1])
        indices[rows] = numpy.array([*(index[name] for name in part.names), NO_LABEL])[part.indices]
        probabilities[rows] = part.probabilities
        start = rows[0].stop
    return SoftLabels(names, indices, probabilities)


def normalize(vocab: Vocab, layer: str, name: str) -> str:
    """RETURNS (str): The label as taggers have it."""
    return vocab.strings[vocab.morphology.add(name)] if layer == "morph" else name


def _check(doc: Doc, layer: str, labels: SoftLabels) -> None:
    names, indices, probabilities = labels
    if len(indices) != len(doc):
        raise ValueError(f"the doc has {len(doc)} tokens, but {len(indices)} have soft labels of {layer!r}")
    # The names may be those of many docs.
    used = {names[i] for i in numpy.unique(indices[indices != NO_LABEL]).tolist()} if layer == "pos" else set()
    unknown = sorted(used - set(UPOS))
    if unknown:
        raise ValueError(f"{unknown[0]!r:.20} is not a UPOS tag. Use: {', '.join(UPOS)}.")
    is_valid = (probabilities >= 0).all(axis=1) & (probabilities.sum(axis=1) <= 1 + TOLERANCE)
    if not is_valid.all():
        i = int(is_valid.argmin())
        raise ValueError(
            f"the soft labels of {layer!r} of {doc[i].text!r:.40} have the probabilities {probabilities[i].tolist()}, "
            "which must not be negative nor sum up to more than 1"
        )


def _set_missing(doc: Doc, layer: str, labels: SoftLabels) -> None:
    """Set the likeliest label of each token that has none of the layer."""
    missing = doc.to_array(TAG_LAYERS[layer]) == 0
    if not labels.indices.size or not missing.any():
        return
    likeliest = labels.indices[numpy.arange(len(doc)), labels.probabilities.argmax(axis=1)]
    for i in numpy.flatnonzero(missing & (likeliest != NO_LABEL)).tolist():
        name = labels.names[likeliest[i]]
        token: Any = doc[i]  # spaCy does not type set_morph
        if layer == "morph":
            token.set_morph(name)
        else:
            setattr(token, f"{layer}_", name)
