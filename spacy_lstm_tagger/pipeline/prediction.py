"""From the logits of tokens to labels and probabilities of docs, and from there into the docs."""

from typing import Container, Dict, Iterable, Iterator, List, Mapping, NamedTuple, Optional, Sequence, Tuple

import numpy
from spacy.attrs import IS_SPACE, MORPH, ORTH
from spacy.morphology import Morphology
from spacy.tokens import Doc
from spacy.vocab import Vocab

from ..annotation_layers import LAYERS, TAG_LAYERS
from ..model.windows import begins_paragraph
from ..ragged import split
from .calibration import Calibration
from .confidence import keep_confidence
from .label_scheme import LabelScheme
from .token_attributes import get_attributes, set_attributes


class Scored(NamedTuple):
    """What the network computed for some tokens of a batch of docs.

    tokens (numpy.ndarray): Their numbers, counted over all docs. int64, shape (n_tokens,).
    logits (Dict[str, numpy.ndarray]): Each head's logits, float32, shape (n_tokens, n_labels); those of edit trees only
        where they were asked for.
    labels (numpy.ndarray): The likeliest labels' indices that occur together. int64, shape (n_tokens, n_heads).
    lemmas (Optional[numpy.ndarray]): The lemmas' hashes, if there is a head for them and they are set. uint64, shape
        (n_tokens,).
    """

    tokens: numpy.ndarray
    logits: Dict[str, numpy.ndarray]
    labels: numpy.ndarray
    lemmas: Optional[numpy.ndarray] = None


class Prediction(NamedTuple):
    """The labels predicted for one doc.

    labels (numpy.ndarray): For each token and head the label's index, -1 for whitespace, and for edit trees
        where lemmas are not set. int64, shape (n_tokens, n_heads).
    lemmas (Optional[numpy.ndarray]): The lemmas' hashes, if there is a head for them; the token's own for whitespace,
        and for all tokens where lemmas are not set. uint64, shape (n_tokens,).
    confidence (Optional[numpy.ndarray]): The labels' probabilities, if they are stored; NaN where there is none.
        float32, same shape.
    given (Optional[numpy.ndarray]): What the tokens keep, see `find_given`, which the labels were chosen to fit; None
        if no token keeps a label. uint64, shape (n_tokens, n_attributes).
    states (Optional[numpy.ndarray]): The LSTM's hidden states, if they are stored. float32, shape (n_tokens, width).
    """

    labels: numpy.ndarray
    lemmas: Optional[numpy.ndarray] = None
    confidence: Optional[numpy.ndarray] = None
    given: Optional[numpy.ndarray] = None
    states: Optional[numpy.ndarray] = None


def predict_labels(
    docs: Sequence[Doc],
    scored: Iterable[Scored],
    scheme: LabelScheme,
    calibrations: Optional[Mapping[str, Calibration]],
    given: Optional[numpy.ndarray],
    states: Optional[numpy.ndarray] = None,
) -> List[Prediction]:
    """Find the labels of docs.

    docs (Sequence[Doc]): The docs.
    scored (Iterable[Scored]): Their tokens, without whitespace.
    scheme (LabelScheme): The labels.
    calibrations (Optional[Mapping[str, Calibration]]): Those of heads that have one; None for no confidences.
    given (Optional[numpy.ndarray]): What all the tokens keep.
    states (Optional[numpy.ndarray]): Their hidden states, which are there once `scored` was read.
    RETURNS (List[Prediction]): The labels of each doc.
    """
    labels = numpy.full((sum(map(len, docs)), len(scheme.labels)), -1, dtype="int64")
    confidence = None if calibrations is None else numpy.full(labels.shape, numpy.nan, dtype="float32")
    lemmas = get_attributes(docs, [ORTH])[:, 0] if docs and "lemma" in scheme.labels else None
    for tokens, logits, chosen, of_tokens in scored:
        labels[tokens] = chosen
        if lemmas is not None and of_tokens is not None:
            lemmas[tokens] = of_tokens
        if calibrations is not None and confidence is not None:
            for head, layer in enumerate(scheme.labels):
                confidence[tokens, head] = calibrations.get(layer, Calibration()).confidence(logits[layer])
    if "sents" in scheme.labels:
        starts = labels[:, list(scheme.labels).index("sents")]
        _keep_attached_words_together(docs, starts)
        _begin_docs(docs, starts)
    columns = [
        [None] * len(docs) if rows is None else split(rows, map(len, docs))
        for rows in (lemmas, confidence, given, states)
    ]
    return [Prediction(*parts) for parts in zip(split(labels, map(len, docs)), *columns)]


def predict_probabilities(
    docs: Sequence[Doc], scored: Iterable[Scored], scheme: LabelScheme, calibrations: Mapping[str, Calibration]
) -> List[Dict[str, numpy.ndarray]]:
    """Find the probabilities of all labels.

    docs (Sequence[Doc]): The docs.
    scored (Iterable[Scored]): Their tokens, without whitespace, whose labels are all equally likely.
    scheme (LabelScheme): The labels.
    calibrations (Mapping[str, Calibration]): Those of heads that have one.
    RETURNS (List[Dict[str, numpy.ndarray]]): For each doc and head, float32, shape (n_tokens, n_labels).
    """
    n_tokens = sum(map(len, docs))
    probabilities = {
        layer: numpy.full((n_tokens, n_labels), 1 / n_labels, dtype="float32")
        for layer, n_labels in scheme.n_labels.items()
    }
    for tokens, logits, *_ in scored:
        for layer, rows in probabilities.items():
            rows[tokens] = calibrations.get(layer, Calibration()).probabilities(logits[layer])
    by_doc = zip(*(split(rows, map(len, docs)) for rows in probabilities.values()))
    return [dict(zip(probabilities, rows)) for rows in by_doc]


def set_predictions(
    docs: Sequence[Doc],
    predictions: Sequence[Prediction],
    scheme: LabelScheme,
    *,
    layers: Container[str] = tuple(LAYERS),
    overwrite: bool,
    extend: bool,
) -> None:
    """Set labels and confidences in docs. A label that a token keeps has no confidence.

    docs (Sequence[Doc]): The docs, at least one.
    predictions (Sequence[Prediction]): Their labels.
    scheme (LabelScheme): The labels.
    layers (Container[str]): The layers that are set.
    overwrite (bool): Which of two values of a feature wins, see `extend`.
    extend (bool): Whether features are added to those that a token has. Of two values of a feature the token gets the
        predicted one if `overwrite`, else it keeps its own.
    """
    labels = numpy.concatenate([prediction.labels for prediction in predictions])
    lemmas = [prediction.lemmas for prediction in predictions if prediction.lemmas is not None]
    own = values = scheme.to_values(labels, numpy.concatenate(lemmas) if lemmas else None)
    if any(prediction.given is not None for prediction in predictions):
        nothing = numpy.zeros_like(own)
        kept = [nothing[: len(labels)] if given is None else given for labels, _, _, given, _ in predictions]
        given = numpy.concatenate(kept)
        values = numpy.where(given == 0, own, given)
    if extend and MORPH in scheme.attributes:
        column = scheme.attributes.index(MORPH)
        current = get_attributes(docs, scheme.attributes)
        pair = (current, own) if overwrite else (own, current)
        values = values.copy()
        values[:, column] = _merge_features(docs[0].vocab, *(layer[:, column] for layer in pair))
    written = [i for i, layer in enumerate(scheme.layers) if layer in layers]
    if written:
        set_attributes(docs, [scheme.attributes[i] for i in written], values[:, written])
    confidences = [prediction.confidence for prediction in predictions if prediction.confidence is not None]
    if confidences:
        is_own = (values == own)[:, [scheme.layers.index(layer) for layer in scheme.labels]]
        by_head = numpy.where(is_own, numpy.concatenate(confidences), numpy.nan).T
        keep_confidence(docs, {layer: row for layer, row in zip(scheme.labels, by_head) if layer in layers})


def find_given(docs: Sequence[Doc], scheme: LabelScheme, *, overwrite: bool) -> Optional[numpy.ndarray]:
    """Find the labels that tokens keep.

    docs (Sequence[Doc]): The docs.
    scheme (LabelScheme): The labels.
    overwrite (bool): Whether a doc of which every word has a label loses them, as those of a tokenizer or of another
        tagger; likewise lemmas. Labels of some words only, as a rule sets them, and sentence boundaries are kept in any
        case.
    RETURNS (Optional[numpy.ndarray]): The values of `scheme.attributes`, 0 where none is kept. uint64, shape
        (n_tokens, n_attributes). None if none is kept at all.
    """
    if not docs or not scheme.attributes:
        return None
    given = get_attributes(docs, scheme.attributes)
    if "sents" in scheme.layers:
        # spaCy lets each doc begin with a sentence.
        given[[start for start, doc in _starts(docs) if not doc.has_annotation("SENT_START")], -1] = 0
    for layers in (list(TAG_LAYERS), ["lemma"]) if overwrite else ():
        columns = numpy.isin(scheme.layers, layers)
        is_given = numpy.asarray(given[:, columns].any(axis=1))
        if is_given.any():
            for doc, rows, of_doc in zip(docs, split(given, map(len, docs)), split(is_given, map(len, docs))):
                if of_doc.any() and of_doc[doc.to_array(IS_SPACE) == 0].all():
                    rows[:, columns] = 0
    return given if given.any() else None


def _keep_attached_words_together(docs: Sequence[Doc], starts: numpy.ndarray) -> None:
    """Let no sentence begin with a token that is written without a space after a letter that has case or a digit
    ("peut-être", "1990-91"), that repeats the one before ("***"), or that is closing punctuation."""
    for first, doc in _starts(docs):
        for i in (starts[first + 1 : first + len(doc)] == 1).nonzero()[0].tolist():
            before, token = doc[i], doc[i + 1]
            if before.whitespace_ or before.is_space:
                continue
            closes = token.whitespace_ and not any(map(str.isalnum, token.text))
            last = before.text[-1]
            if before.orth == token.orth or closes or last.isdigit() or last.lower() != last.upper():
                starts[first + 1 + i] = 0


def _begin_docs(docs: Sequence[Doc], starts: numpy.ndarray) -> None:
    """Let each doc and paragraph begin with a sentence, which whitespace at the beginning of a doc is part of."""
    for first, doc in _starts(docs):
        of_doc = starts[first : first + len(doc)]
        if (of_doc < 0).any():  # whitespace
            of_doc[begins_paragraph(doc)] = 1
            n_spaces = next((i for i, token in enumerate(doc) if not token.is_space), 0)
            of_doc[: 1 + n_spaces] = 0
        of_doc[0] = 1


def _starts(docs: Sequence[Doc]) -> Iterator[Tuple[int, Doc]]:
    """Each doc that has tokens, and the number of its first one."""
    first = 0
    for doc in docs:
        if len(doc):
            yield first, doc
        first += len(doc)


def _merge_features(vocab: Vocab, first: numpy.ndarray, second: numpy.ndarray) -> numpy.ndarray:
    """The values of all features; of two values of the same feature, the second's. Shape (n_tokens,)."""
    pairs, inverse = numpy.unique(numpy.stack([first, second], axis=1), axis=0, return_inverse=True)
    features = [[Morphology.feats_to_dict(vocab.strings[value]) for value in pair] for pair in pairs.tolist()]
    merged = [vocab.morphology.add({**of_first, **of_second}) for of_first, of_second in features]
    return numpy.asarray(merged, dtype="uint64")[inverse.reshape(-1)]
