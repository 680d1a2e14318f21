"""Logits as probabilities."""

from typing import List, Sequence, Tuple

import numpy

# What is added to the logit of a label that a word cannot have. Far below any logit, but finite.
IMPOSSIBLE = -1e4


def is_possible(logits: numpy.ndarray) -> numpy.ndarray:
    """RETURNS (numpy.ndarray): Which labels have not got `IMPOSSIBLE` added. bool, shape of the logits."""
    return logits > IMPOSSIBLE / 2


def softmax(logits: numpy.ndarray) -> numpy.ndarray:
    """RETURNS (numpy.ndarray): Probabilities; rows sum to 1. Same shape as the logits, (n_tokens, n_labels)."""
    exponentials = numpy.exp(logits - logits.max(axis=1, keepdims=True))
    return exponentials / exponentials.sum(axis=1, keepdims=True)


def log_softmax(logits: numpy.ndarray) -> numpy.ndarray:
    """RETURNS (numpy.ndarray): Log-probabilities, without underflow. Same shape as the logits, (n_tokens, n_labels)."""
    return logits - log_sum_exp(logits)[:, None]


def log_sum_exp(logits: numpy.ndarray) -> numpy.ndarray:
    """RETURNS (numpy.ndarray): The logarithm of each row's sum of exponentials, without overflow. Shape (n_tokens,)."""
    largest = logits.max(axis=1)
    return largest + numpy.log(numpy.exp(logits - largest[:, None]).sum(axis=1))


def highest_probability(logits: numpy.ndarray, temperature: float) -> numpy.ndarray:
    """RETURNS (numpy.ndarray): The likeliest label's probability. Shape (n_tokens,) for logits (n_tokens, n_labels)."""
    relative = logits - logits.max(axis=1, keepdims=True)
    relative /= temperature
    return 1.0 / numpy.exp(relative, out=relative).sum(axis=1)


def likeliest(probabilities: numpy.ndarray, labels: Sequence[str], k: int) -> List[List[Tuple[str, float]]]:
    """Find the labels with the highest probabilities.

    probabilities (numpy.ndarray): Shape (n_tokens, n_labels).
    labels (Sequence[str]): The labels, in the order of the columns.
    k (int): How many labels of each token, at most.
    RETURNS (List[List[Tuple[str, float]]]): For each token, labels and their probabilities, the likeliest first.
    """
    order = numpy.argsort(-probabilities, axis=1, kind="stable")[:, :k]
    return [
        [(labels[label], float(row[label])) for label in ranking] for row, ranking in zip(probabilities, order.tolist())
    ]
