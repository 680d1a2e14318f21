"""The labels of training data: which there are, and the right one of each token."""

from collections import Counter
from typing import Dict, Iterable, List, Mapping, NamedTuple, Sequence, Tuple

import numpy
from spacy.attrs import IS_SPACE, ORTH, SENT_START
from spacy.tokens import Doc
from spacy.training import Example

from ..annotation_layers import LAYERS, NAMES, NO_FEATS, SENTENCE_STARTS, TAG_LAYERS, Annotation
from ..soft_labels import NO_LABEL, find_soft_labels
from .label_scheme import Labels, label_values
from .lemmas import find_tree
from .token_attributes import get_attributes

# The target of a token without a label. A lower one, MISSING - 1 - index, is a label that is wrong.
MISSING = -1

# Labels in an error, of each layer.
MOST_NAMED = 10


class SoftTargets(NamedTuple):
    """The probabilities of the labels of some tokens.

    tokens (numpy.ndarray): The tokens' places among all of a batch, shape (n_tokens,).
    probabilities (numpy.ndarray): float32, shape (n_tokens, n_labels); rows sum to 1.
    """

    tokens: numpy.ndarray
    probabilities: numpy.ndarray


def collect_annotations(docs: Iterable[Doc]) -> "Counter[Annotation]":
    """Count the annotations of words, whitespace left out.

    docs (Iterable[Doc]): Annotated docs.
    RETURNS (Counter[Annotation]): How many words have each: for each layer the label, or "" where there is none.
    """
    counts: Counter[Annotation] = Counter()
    for doc in docs:
        rows = doc.to_array([IS_SPACE, *TAG_LAYERS.values()])
        of_doc = Counter(map(tuple, rows[rows[:, 0] == 0, 1:].tolist()))
        counts.update({tuple(doc.vocab.strings[value] for value in row): n for row, n in of_doc.items()})
    return counts


def collect_labels(annotations: Iterable[Annotation], neg_prefix: str) -> Labels:
    """Find the labels of each layer that is annotated.

    annotations (Iterable[Annotation]): What `collect_annotations` returned.
    neg_prefix (str): The beginning of labels that a token does not have; they are left out.
    RETURNS (Dict[str, List[str]]): Sorted labels of each layer that has any. A layer of morphology where no token
        has a feature counts as not annotated.
    """
    found = {layer: set(names) - {""} for layer, names in zip(TAG_LAYERS, zip(*annotations))}
    if "tag" in found:
        found["tag"] = {tag for tag in found["tag"] if not tag.startswith(neg_prefix) or tag == neg_prefix}
    if found.get("morph") == {NO_FEATS}:
        found["morph"] = set()
    return {layer: sorted(labels) for layer, labels in found.items() if labels}


def check_labels(annotations: Iterable[Annotation], labels: Mapping[str, Sequence[str]], neg_prefix: str) -> None:
    """Raise a ValueError that names the labels of training data that a tagger does not have, and so cannot learn.

    annotations (Iterable[Annotation]): What `collect_annotations` returned.
    labels (Mapping[str, Sequence[str]]): The labels of each head. Other edit trees than these are no error.
    neg_prefix (str): The beginning of labels that a token does not have; they are not checked.
    """
    found = collect_labels(annotations, neg_prefix)
    unknown = {layer: sorted(set(found.get(layer, ())) - set(names)) for layer, names in labels.items()}
    if any(unknown.values()):
        listed = "; ".join(f"{NAMES[layer]} {_list(names)}" for layer, names in unknown.items() if names)
        raise ValueError(
            f"The training data has labels that the tagger does not have, and cannot learn: {listed}. Train a new "
            "tagger, without 'pretrained' or 'source', or replace these labels in the data by the tagger's."
        )


def gold_targets(
    examples: Sequence[Example], labels: Mapping[str, Sequence[str]], neg_prefix: str
) -> Dict[str, numpy.ndarray]:
    """Find the right label of each token.

    examples (Sequence[Example]): The examples.
    labels (Mapping[str, Sequence[str]]): The labels of each layer.
    neg_prefix (str): The beginning of labels that a token does not have.
    RETURNS (Dict[str, numpy.ndarray]): For each layer the index of each predicted token's label; MISSING where it
        is unknown, not one of the labels, or differs between gold tokens that make up one predicted token; and
        MISSING - 1 - index for a label that is wrong. int64, shape (n_tokens,). Without a single feature in the
        examples, morphology counts as not annotated.
    """
    vocab = examples[0].reference.vocab
    attributes = [LAYERS[layer] for layer in labels]
    by_layer = dict(zip(labels, numpy.concatenate([_aligned_values(eg, attributes) for eg in examples]).T))
    targets = {}
    for layer in TAG_LAYERS:
        if layer not in labels:
            continue
        values = by_layer[layer]
        index = {value: i for i, value in enumerate(label_values(vocab, layer, labels[layer]).tolist())}
        if layer == "morph" and set(values.tolist()) <= {0, vocab.morphology.add(NO_FEATS)}:
            index = {}
        if layer == "tag":
            for i, label in enumerate(labels[layer]):
                index.setdefault(vocab.strings.add(neg_prefix + label), MISSING - 1 - i)
        distinct, inverse = numpy.unique(values, return_inverse=True)
        mapped = [index.get(value, MISSING) for value in distinct.tolist()]
        targets[layer] = numpy.asarray(mapped, dtype="int64")[inverse]
    if "lemma" in labels:
        targets["lemma"] = _find_trees(examples, by_layer["lemma"], labels["lemma"])
    if "sents" in labels:
        starts = numpy.where(by_layer["sents"] == SENTENCE_STARTS["start"], 1, 0)
        is_known = numpy.repeat([_teaches_sentences(eg) for eg in examples], [len(eg.predicted) for eg in examples])
        targets["sents"] = numpy.where(is_known & (by_layer["sents"] != 0), starts, MISSING)
    return targets


def has_sentences(doc: Doc) -> bool:
    """RETURNS (bool): Whether a doc has several sentences: the boundary of a single one says nothing."""
    return int((doc.to_array(SENT_START) == SENTENCE_STARTS["start"]).sum()) > 1


def _teaches_sentences(eg: Example) -> bool:
    """Whether an example has several sentences, and the predicted doc is not given their boundaries."""
    return has_sentences(eg.reference) and not eg.predicted.has_annotation("SENT_START")


def _find_trees(examples: Sequence[Example], lemmas: numpy.ndarray, labels: Sequence[str]) -> numpy.ndarray:
    """The index of each predicted token's edit tree, MISSING where it has no lemma or is not one of the labels."""
    strings = examples[0].reference.vocab.strings
    index = {label: i for i, label in enumerate(labels)}
    orths = get_attributes([eg.predicted for eg in examples], [ORTH])[:, 0]
    found = numpy.full(len(orths), MISSING)
    for i in lemmas.nonzero()[0]:
        found[i] = index.get(find_tree(strings[orths[i]], strings[lemmas[i]]), MISSING)
    return found


def soft_targets(examples: Sequence[Example], labels: Mapping[str, Sequence[str]]) -> Dict[str, SoftTargets]:
    """Find the probabilities of the tokens that have soft labels.

    examples (Sequence[Example]): The examples. Soft labels are those of the gold tokens; a predicted token has those
        of the one that it is aligned with.
    labels (Mapping[str, Sequence[str]]): The labels of each layer. Soft labels that are not among them are left out.
    RETURNS (Dict[str, SoftTargets]): For each layer that has any.
    """
    index = {layer: {name: i for i, name in enumerate(names)} for layer, names in labels.items()}
    found: Dict[str, List[SoftTargets]] = {}
    start = 0
    for eg in examples:
        of_doc = find_soft_labels(eg.reference)
        if of_doc:
            tokens, gold_tokens = _one_to_one(eg)
        for layer in set(of_doc) & set(labels):
            names, indices, probabilities = of_doc[layer]
            columns = numpy.asarray([*(index[layer].get(name, NO_LABEL) for name in names), NO_LABEL])
            dense = _spread(columns[indices[gold_tokens]], probabilities[gold_tokens], len(labels[layer]))
            (rows,) = numpy.nonzero(dense.any(axis=1))
            found.setdefault(layer, []).append(SoftTargets(start + tokens[rows], dense[rows]))
        start += len(eg.predicted)
    return {layer: SoftTargets(*map(numpy.concatenate, zip(*parts))) for layer, parts in found.items()}


def _one_to_one(eg: Example) -> Tuple[numpy.ndarray, numpy.ndarray]:
    """The predicted tokens that are aligned with one gold token, and these."""
    if _has_gold_tokens(eg):
        return numpy.arange(len(eg.predicted)), numpy.arange(len(eg.predicted))
    alignment = eg.alignment.x2y
    (tokens,) = numpy.nonzero(alignment.lengths == 1)
    ends = numpy.cumsum(alignment.lengths)
    return tokens, alignment.data[ends[tokens] - 1]


def _spread(labels: numpy.ndarray, probabilities: numpy.ndarray, n_labels: int) -> numpy.ndarray:
    """The probability of every label, where what the given ones leave is shared by the others. Rows of tokens that have
    none are 0."""
    dense = numpy.zeros((len(labels), n_labels), dtype="float32")
    token, rank = numpy.nonzero((labels != NO_LABEL) & (probabilities > 0))
    numpy.add.at(dense, (token, labels[token, rank]), probabilities[token, rank])
    is_given = dense > 0
    n_others = n_labels - is_given.sum(axis=1, keepdims=True)
    rest = numpy.maximum(0.0, 1.0 - dense.sum(axis=1, keepdims=True))
    dense += numpy.where(is_given, 0.0, rest / numpy.maximum(1, n_others))
    dense[~is_given.any(axis=1)] = 0.0
    return dense / numpy.maximum(dense.sum(axis=1, keepdims=True), numpy.finfo("float32").tiny)


def _list(names: Sequence[str]) -> str:
    return ", ".join(map(repr, names[:MOST_NAMED])) + (
        f" and {len(names) - MOST_NAMED} more" * (len(names) > MOST_NAMED)
    )


def _aligned_values(eg: Example, attributes: Sequence[int]) -> numpy.ndarray:
    """Gold values of each predicted token, 0 where there is none. Shape (n_tokens, n_attributes)."""
    if _has_gold_tokens(eg):
        return get_attributes([eg.reference], attributes)
    aligned = [[value or 0 for value in eg.get_aligned(attribute)] for attribute in attributes]  # type: ignore[arg-type]
    return numpy.asarray(aligned, dtype="uint64").T


def _has_gold_tokens(eg: Example) -> bool:
    """Whether the predicted tokens are the gold ones. spaCy's alignment takes longer than this comparison."""
    return numpy.array_equal(eg.predicted.to_array(ORTH), eg.reference.to_array(ORTH))
