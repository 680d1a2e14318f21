"""Combinations of labels of different layers: those that some token of the training data has."""

from collections import Counter
from typing import Dict, List, Mapping, Sequence, Tuple

import numpy

from ..annotation_layers import TAG_LAYERS, Annotation
from .probabilities import log_softmax

# More than logits can make up for.
CONFLICT = 1e4


class Combinations:
    """Which labels of the heads occur together.

    Each head predicts on its own, and for about one token in a hundred the labels contradict each other, such as "VBD"
    and "NOUN". Such a token gets the likeliest combination that occurs.
    """

    def __init__(self, counts: Mapping[int, int], n_labels: Sequence[int]) -> None:
        """Set up the combinations.

        counts (Mapping[int, int]): What `collect_combinations` returned. If it is empty, all combinations are possible.
        n_labels (Sequence[int]): Number of labels of each head.
        """
        self._n_labels = tuple(n_labels)
        # The difference that the next label of each head makes to a code.
        self._strides = numpy.cumprod([1, *self._n_labels[:0:-1]])[::-1]
        if not counts and len(n_labels) == 1:
            counts = dict.fromkeys(range(n_labels[0]), 1)
        self._codes = numpy.array(list(counts), dtype="int64")
        self._log_counts = numpy.log(numpy.array(list(counts.values()), dtype="float32"))
        if (numpy.diff(self._codes) <= 0).any():
            raise ValueError("Combinations of labels must be sorted, and each be there once.")
        # For each head, the label's index in each combination.
        self._labels = numpy.unravel_index(self._codes, self._n_labels) if counts else ()
        # For each head, the combinations by label, the labels, and where the combinations of each begin.
        orders = [labels.argsort(kind="stable") for labels in self._labels]
        self._groups = [
            (order, *numpy.unique(labels[order], return_index=True)) for labels, order in zip(self._labels, orders)
        ]

    @property
    def indices(self) -> numpy.ndarray:
        """RETURNS (numpy.ndarray): The labels' indices in each combination. int64, shape (n_combinations, n_heads)."""
        return numpy.array(self._labels, dtype="int64").reshape(len(self._n_labels), len(self._codes)).T

    def reconcile(self, scores: List[numpy.ndarray]) -> numpy.ndarray:
        """Find each token's likeliest labels that occur together. Where the labels with the highest scores do not, the
        scores are changed: a label's new score is the log-probability of the likeliest combination that it is in.

        scores (List[numpy.ndarray]): Each head's logits, float32, shape (n_tokens, n_labels); changed in place.
        RETURNS (numpy.ndarray): The labels, which have the highest scores now. int64, shape (n_tokens, n_heads).
        """
        labels = numpy.array([part.argmax(axis=1) for part in scores], dtype="int64").T
        if not len(self._codes) or len(scores) == 1:
            return labels
        likeliest = labels @ self._strides
        places = numpy.minimum(numpy.searchsorted(self._codes, likeliest), len(self._codes) - 1)
        (rows,) = (self._codes[places] != likeliest).nonzero()
        if len(rows):
            labels[rows] = self._set_scores(scores, rows, self._joint_scores(scores, rows))
        return labels

    def restrict(self, scores: List[numpy.ndarray], rows: numpy.ndarray, n_conflicts: numpy.ndarray) -> None:
        """Change some tokens' scores as `reconcile` does, so that the combinations with the fewest conflicts win.

        Where the network finds what is known of a token unlikely, its scores say little about the other labels. The
        less likely it is, the more the combinations' counts in the training data add to the scores.

        scores (List[numpy.ndarray]): As for `reconcile`.
        rows (numpy.ndarray): The tokens' rows. Shape (n_rows,).
        n_conflicts (numpy.ndarray): The conflicts of each combination with what is known of the token. Shape
            (n_combinations, n_rows).
        """
        joint = self._joint_scores(scores, rows)
        n_conflicts = n_conflicts - n_conflicts.min(axis=0)
        probabilities = numpy.exp(log_softmax(joint.T)).T
        unlikely = (probabilities * (n_conflicts > 0)).sum(axis=0)
        joint += unlikely * self._log_counts[:, None] - numpy.float32(CONFLICT) * n_conflicts
        self._set_scores(scores, rows, joint)

    def _joint_scores(self, scores: List[numpy.ndarray], rows: numpy.ndarray) -> numpy.ndarray:
        """The log-probability of each combination. Shape (n_combinations, n_rows)."""
        joint = numpy.zeros((len(self._codes), len(rows)), dtype="float32")
        for part, of_combinations in zip(scores, self._labels):
            joint += log_softmax(part[rows]).T[of_combinations]
        return joint

    def _set_scores(self, scores: List[numpy.ndarray], rows: numpy.ndarray, joint: numpy.ndarray) -> numpy.ndarray:
        """Give each label the score of its best combination, and return the best labels."""
        labels = numpy.zeros((len(rows), len(scores)), dtype="int64")
        for head, (part, (order, found, first)) in enumerate(zip(scores, self._groups)):
            best = numpy.full((part.shape[1], len(rows)), -numpy.inf, dtype="float32")
            best[found] = numpy.maximum.reduceat(joint[order], first)
            part[rows] = best.T
            labels[:, head] = best.argmax(axis=0)
        return labels


def collect_combinations(annotations: Mapping[Annotation, int], labels: Mapping[str, Sequence[str]]) -> Dict[int, int]:
    """Count the combinations of labels that tokens have in all layers.

    annotations (Mapping[Annotation, int]): What `gold_labels.collect_annotations` returned.
    labels (Mapping[str, Sequence[str]]): The labels of each layer.
    RETURNS (Dict[int, int]): How many tokens have each combination, which is one number: `numpy.ravel_multi_index` of
        the labels' indices. Sorted. Empty if some label is in none of them: it would never be predicted.
    """
    found = _count(annotations, labels)
    n_labels = [len(names) for layer, names in labels.items() if layer in TAG_LAYERS]
    if [len(set(column)) for column in zip(*found)] != n_labels:
        return {}
    return _encode(found, n_labels)


def grow_combinations(
    combinations: Mapping[int, int],
    n_labels: Sequence[int],
    annotations: Mapping[Annotation, int],
    labels: Mapping[str, Sequence[str]],
) -> Dict[int, int]:
    """Add the combinations of further training data. New labels of which it has none in all layers may occur together
    with whatever others do.

    combinations (Mapping[int, int]): What `collect_combinations` returned. If it is empty, all are possible.
    n_labels (Sequence[int]): Number of labels of each layer of tags that there were; the layers are still the same.
    annotations (Mapping[Annotation, int]): As for `collect_combinations`.
    labels (Mapping[str, Sequence[str]]): The labels of each layer, the new ones after those that there were.
    RETURNS (Dict[int, int]): As for `collect_combinations`.
    """
    labels = {layer: names for layer, names in labels.items() if layer in TAG_LAYERS}
    if not combinations:
        return {}
    known = zip(*(column.tolist() for column in numpy.unravel_index(list(combinations), n_labels)))
    found = Counter(dict(zip(known, combinations.values())))
    found.update(_count(annotations, labels))
    for head, (n_known, names) in enumerate(zip(n_labels, labels.values())):
        missing = set(range(n_known, len(names))) - {combination[head] for combination in found}
        others = {(*combination[:head], *combination[head + 1 :]) for combination in found}
        found.update((*other[:head], label, *other[head:]) for label in missing for other in others)
    return _encode(found, [len(names) for names in labels.values()])


def _count(annotations: Mapping[Annotation, int], labels: Mapping[str, Sequence[str]]) -> "Counter[Tuple[int, ...]]":
    """How many tokens have each combination of labels in all layers."""
    labels = {layer: names for layer, names in labels.items() if layer in TAG_LAYERS}
    indices = [{name: i for i, name in enumerate(names)} for names in labels.values()]
    found: Counter[Tuple[int, ...]] = Counter()
    for annotation, count in annotations.items():
        by_layer = dict(zip(TAG_LAYERS, annotation))
        combination = tuple(index.get(by_layer[layer], -1) for layer, index in zip(labels, indices))
        if count and -1 not in combination:
            found[combination] += count
    return found


def _encode(found: Mapping[Tuple[int, ...], int], n_labels: Sequence[int]) -> Dict[int, int]:
    return {int(numpy.ravel_multi_index(combination, n_labels)): found[combination] for combination in sorted(found)}
