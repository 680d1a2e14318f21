"""Probabilities that mean what they say: a temperature for each head."""

import numpy

from .loss import softmax

N_STEPS = 20
# A head that is right throughout, or that is only guessing, would else get any temperature.
LOWEST, HIGHEST = 0.1, 10.0


def fit_temperature(logits: numpy.ndarray, targets: numpy.ndarray) -> float:
    """Find the temperature by which the logits are to be divided for the right labels to be likeliest.

    Temperature scaling: Guo et al. (2017), https://proceedings.mlr.press/v70/guo17a.html

    logits (numpy.ndarray): float32, shape (n_tokens, n_labels).
    targets (numpy.ndarray): The index of each token's right label, below 0 where it is not known. Shape (n_tokens,).
    RETURNS (float): The temperature, between LOWEST and HIGHEST; 1 if no label is known.
    """
    known = numpy.flatnonzero(targets >= 0)
    if not len(known):
        return 1.0
    logits = logits[known]
    right = logits[numpy.arange(len(known)), targets[known]]
    # Newton's method: the loss is convex in the inverse of the temperature.
    inverse = 1.0
    for _ in range(N_STEPS):
        probabilities = softmax(logits * inverse)
        mean = (probabilities * logits).sum(axis=1)
        variance = (probabilities * logits**2).sum(axis=1) - mean**2
        step = float((right - mean).mean() / max(float(variance.mean()), 1e-6))
        last, inverse = inverse, min(max(inverse + step, 1 / HIGHEST), 1 / LOWEST)
        if abs(inverse - last) < 1e-4:
            break
    return 1 / inverse
