"""Negative log-likelihood of labels, with its gradient."""

from typing import Tuple

import numpy

from .labels import MISSING


def softmax(logits: numpy.ndarray) -> numpy.ndarray:
    """RETURNS (numpy.ndarray): Probabilities; rows sum to 1. Same shape as the logits, (n_tokens, n_labels)."""
    exponentials = numpy.exp(logits - logits.max(axis=1, keepdims=True))
    return exponentials / exponentials.sum(axis=1, keepdims=True)


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
    probabilities = softmax(logits)
    gradient = numpy.zeros_like(probabilities)
    tiny = numpy.finfo("float32").tiny
    loss = 0.0

    right = numpy.flatnonzero(targets >= 0)
    if len(right):
        labels = targets[right]
        smoothing = label_smoothing if n_labels > 1 else 0.0
        gradient[right] = probabilities[right] - smoothing / max(1, n_labels - 1)
        gradient[right, labels] -= 1.0 - smoothing - smoothing / max(1, n_labels - 1)
        loss -= float(numpy.log(probabilities[right, labels] + tiny).sum())

    wrong = numpy.flatnonzero(targets < MISSING)
    if len(wrong):
        labels = MISSING - 1 - targets[wrong]
        unwanted = probabilities[wrong, labels]
        others = 1.0 - unwanted + tiny
        gradient[wrong] = -(unwanted / others)[:, None] * probabilities[wrong]
        gradient[wrong, labels] = unwanted
        loss -= float(numpy.log(others).sum())

    n_known = max(1, len(right) + len(wrong))
    return loss / n_known, gradient / n_known
