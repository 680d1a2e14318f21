"""What a tagger learns of each token: the right label, or what is known of it."""

from typing import Dict, Iterator, List, Mapping, NamedTuple, Optional, Sequence, Tuple

import numpy
from spacy.attrs import ORTH, TAG
from spacy.training import Example

from ..allowed_labels import NOT, find_allowed_labels, is_excluded
from ..annotation_layers import LAYERS, NO_FEATS, SENTENCE_STARTS, TAG_LAYERS
from ..formats.sentence import has_sentences
from ..sentence_weights import find_weights
from ..soft_labels import NO_LABEL, find_soft_labels, normalize
from .label_scheme import label_values
from .lemmas import find_tree, makes_titles
from .token_attributes import get_attributes

# The target of a token whose label is not known.
MISSING = -1


class SoftTargets(NamedTuple):
    """The probabilities of the labels of some tokens.

    tokens (numpy.ndarray): The tokens' places among all of a batch, shape (n_tokens,).
    probabilities (numpy.ndarray): float32, shape (n_tokens, n_labels); rows sum to 1.
    """

    tokens: numpy.ndarray
    probabilities: numpy.ndarray


class AllowedTargets(NamedTuple):
    """Which labels some tokens may have.

    tokens (numpy.ndarray): The tokens' places among all of a batch, shape (n_tokens,).
    is_allowed (numpy.ndarray): bool, shape (n_tokens, n_labels); some of each row are, and not all.
    """

    tokens: numpy.ndarray
    is_allowed: numpy.ndarray


class Targets(NamedTuple):
    """What is known of the tokens of a batch.

    gold (Dict[str, numpy.ndarray]): As `gold_targets` returns it.
    soft (Dict[str, SoftTargets]): As `soft_targets` returns it.
    allowed (Dict[str, AllowedTargets]): As `allowed_targets` returns it.
    weights (Optional[numpy.ndarray]): As `token_weights` returns it.
    """

    gold: Dict[str, numpy.ndarray]
    soft: Dict[str, SoftTargets]
    allowed: Dict[str, AllowedTargets]
    weights: Optional[numpy.ndarray]


def find_targets(examples: Sequence[Example], labels: Mapping[str, Sequence[str]], neg_prefix: str) -> Targets:
    """Find what is known of each token.

    examples (Sequence[Example]): The examples.
    labels (Mapping[str, Sequence[str]]): The labels of each layer.
    neg_prefix (str): The beginning of fine-grained tags that a token does not have.
    RETURNS (Targets): The targets.
    """
    return Targets(
        gold_targets(examples, labels),
        soft_targets(examples, labels),
        allowed_targets(examples, labels, neg_prefix),
        token_weights(examples),
    )


def gold_targets(examples: Sequence[Example], labels: Mapping[str, Sequence[str]]) -> Dict[str, numpy.ndarray]:
    """Find the right label of each token.

    examples (Sequence[Example]): The examples.
    labels (Mapping[str, Sequence[str]]): The labels of each layer.
    RETURNS (Dict[str, numpy.ndarray]): For each layer the index of each predicted token's label; MISSING where it
        is unknown, not one of the labels, or differs between gold tokens that make up one predicted token. int64, shape
        (n_tokens,). Without a single feature in the examples, morphology counts as not annotated.
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


def _teaches_sentences(eg: Example) -> bool:
    """Whether an example has several sentences, and the predicted doc is not given their boundaries."""
    return has_sentences(eg.reference) and not eg.predicted.has_annotation("SENT_START")


def _find_trees(examples: Sequence[Example], lemmas: numpy.ndarray, labels: Sequence[str]) -> numpy.ndarray:
    """The index of each predicted token's edit tree, MISSING where it has no lemma or is not one of the labels."""
    strings = examples[0].reference.vocab.strings
    index = {label: i for i, label in enumerate(labels)}
    orths = get_attributes([eg.predicted for eg in examples], [ORTH])[:, 0]
    with_titles = makes_titles(labels)
    found = numpy.full(len(orths), MISSING)
    for i in lemmas.nonzero()[0]:
        found[i] = index.get(find_tree(strings[orths[i]], strings[lemmas[i]], with_titles), MISSING)
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


def allowed_targets(
    examples: Sequence[Example], labels: Mapping[str, Sequence[str]], neg_prefix: str
) -> Dict[str, AllowedTargets]:
    """Find the tokens of which some labels are known to be wrong: those that have a tag with the prefix for it, or
    allowed labels.

    examples (Sequence[Example]): The examples. A predicted token has what the gold token has that it is aligned with.
    labels (Mapping[str, Sequence[str]]): The labels of each layer.
    neg_prefix (str): The beginning of fine-grained tags that a token does not have.
    RETURNS (Dict[str, AllowedTargets]): For each layer that has any.
    """
    index = {layer: {name: i for i, name in enumerate(names)} for layer, names in labels.items()}
    found: Dict[str, List[Tuple[int, numpy.ndarray]]] = {}
    start = 0
    for eg in examples:
        names_by_token = find_allowed_labels(eg.reference)
        if "tag" in labels:
            for token, tag in _negative_tags(eg, index["tag"], neg_prefix):
                names_by_token.setdefault(token, {}).setdefault("tag", []).append(NOT + tag)
        if names_by_token:
            for token, gold_token in zip(*(part.tolist() for part in _one_to_one(eg))):
                for layer, names in names_by_token.get(gold_token, {}).items():
                    if layer in labels:
                        row = _allow(index[layer], [_normalize(eg, layer, name) for name in names])
                        if row.any() and not row.all():
                            found.setdefault(layer, []).append((start + token, row))
        start += len(eg.predicted)
    return {
        layer: AllowedTargets(numpy.array([token for token, _ in rows]), numpy.array([row for _, row in rows]))
        for layer, rows in found.items()
    }


def _negative_tags(eg: Example, known: Mapping[str, int], neg_prefix: str) -> Iterator[Tuple[int, str]]:
    """The gold tokens that have a tag with the prefix, unless that is a label itself, and the tag without it."""
    strings = eg.reference.vocab.strings
    tags = eg.reference.to_array(TAG)
    for value in numpy.unique(tags).tolist():
        name = strings[value]
        tag = name.removeprefix(neg_prefix)
        if name not in known and tag != name and tag in known:
            for token in numpy.flatnonzero(tags == value).tolist():
                yield token, tag


def _allow(index: Mapping[str, int], names: Sequence[str]) -> numpy.ndarray:
    """Which labels are allowed by names, of which some may be those of labels that are not."""
    is_allowed = numpy.zeros(len(index), dtype=bool)
    excluded = [name for name in names if is_excluded(name)]
    is_allowed[[index[name] for name in names if name in index and name not in excluded]] = True
    if len(excluded) == len(names):
        is_allowed[:] = True
    is_allowed[[index[name[1:]] for name in excluded if name[1:] in index]] = False
    return is_allowed


def _normalize(eg: Example, layer: str, name: str) -> str:
    vocab = eg.reference.vocab
    return NOT + normalize(vocab, layer, name[1:]) if is_excluded(name) else normalize(vocab, layer, name)


def token_weights(examples: Sequence[Example]) -> Optional[numpy.ndarray]:
    """Find how much each token counts.

    examples (Sequence[Example]): The examples. A predicted token that is not aligned with one gold token has the weight
        of the first one of its doc.
    RETURNS (Optional[numpy.ndarray]): float32, shape (n_tokens,); None if all are 1.
    """
    of_references = [find_weights(eg.reference) for eg in examples]
    if all(weights is None for weights in of_references):
        return None
    rows = []
    for eg, weights in zip(examples, of_references):
        of_example = numpy.full(len(eg.predicted), 1.0 if weights is None else weights[0], dtype="float32")
        if weights is not None:
            tokens, gold_tokens = _one_to_one(eg)
            of_example[tokens] = weights[gold_tokens]
        rows.append(of_example)
    return numpy.concatenate(rows)


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


def _aligned_values(eg: Example, attributes: Sequence[int]) -> numpy.ndarray:
    """Gold values of each predicted token, 0 where there is none. Shape (n_tokens, n_attributes)."""
    if _has_gold_tokens(eg):
        return get_attributes([eg.reference], attributes)
    aligned = [[value or 0 for value in eg.get_aligned(attribute)] for attribute in attributes]  # type: ignore[arg-type]
    return numpy.asarray(aligned, dtype="uint64").T


def _has_gold_tokens(eg: Example) -> bool:
    """Whether the predicted tokens are the gold ones. spaCy's alignment takes longer than this comparison."""
    return numpy.array_equal(eg.predicted.to_array(ORTH), eg.reference.to_array(ORTH))
