"""Negative log-likelihood of labels, with its gradient."""

from typing import Tuple

import numpy

from .gold_labels import MISSING


def softmax(logits: numpy.ndarray) -> numpy.ndarray:
    """RETURNS (numpy.ndarray): Probabilities; rows sum to 1. Same shape as the logits, (n_tokens, n_labels)."""
    exponentials = numpy.exp(logits - logits.max(axis=1, keepdims=True))
    return exponentials / exponentials.sum(axis=1, keepdims=True)


def highest_probability(logits: numpy.ndarray, temperature: float) -> numpy.ndarray:
    """RETURNS (numpy.ndarray): The likeliest label's probability. Shape (n_tokens,) for logits (n_tokens, n_labels)."""
    relative = logits - logits.max(axis=1, keepdims=True)
    relative /= temperature
    return 1.0 / numpy.exp(relative, out=relative).sum(axis=1)


def log_softmax(logits: numpy.ndarray) -> numpy.ndarray:
    """RETURNS (numpy.ndarray): Log-probabilities, without underflow. Same shape as the logits, (n_tokens, n_labels)."""
    return logits - _log_sum_exp(logits)[:, None]


def negative_log_likelihood(
    logits: numpy.ndarray, targets: numpy.ndarray, label_smoothing: float = 0.0
) -> Tuple[float, numpy.ndarray]:
    """Compute the mean loss over the tokens whose label is known, and its gradient.

    Label smoothing: Szegedy et al. (2016), https://arxiv.org/abs/1512.00567. A label that is known to be wrong
    costs the negative log-likelihood of any other.

    logits (numpy.ndarray): float32, shape (n_tokens, n_labels).
    targets (numpy.ndarray): As `labels.gold_targets` gives them, shape (n_tokens,).
    label_smoothing (float): Probability that the other labels share in the target.
    RETURNS (Tuple[float, numpy.ndarray]): The loss in nats, without smoothing, and its gradient with respect to the
        logits, with it.
    """
    n_labels = logits.shape[1]
    gradient = numpy.zeros_like(logits)
    loss = 0.0

    right = numpy.flatnonzero(targets >= 0)
    if len(right):
        labels, scores = targets[right], logits[right]
        others = label_smoothing / (n_labels - 1) if n_labels > 1 else 0.0
        gradient[right] = softmax(scores) - others
        gradient[right, labels] -= 1.0 - n_labels * others
        loss += float((_log_sum_exp(scores) - scores[numpy.arange(len(right)), labels]).sum())

    wrong = numpy.flatnonzero(targets < MISSING)
    if len(wrong) and n_labels > 1:
        scores = logits[wrong]
        scores_of_others = scores.copy()
        scores_of_others[numpy.arange(len(wrong)), MISSING - 1 - targets[wrong]] = -numpy.inf
        gradient[wrong] = softmax(scores) - softmax(scores_of_others)
        loss += float((_log_sum_exp(scores) - _log_sum_exp(scores_of_others)).sum())

    n_known = max(1, len(right) + len(wrong))
    return loss / n_known, gradient / n_known


def _log_sum_exp(logits: numpy.ndarray) -> numpy.ndarray:
    largest = logits.max(axis=1)
    return largest + numpy.log(numpy.exp(logits - largest[:, None]).sum(axis=1))
