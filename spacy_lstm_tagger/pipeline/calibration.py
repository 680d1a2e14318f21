"""Calibration: a temperature for each head, and how far its confidence is from its accuracy."""

from typing import Any, Dict, Mapping, NamedTuple

import numpy

from .probabilities import highest_probability, softmax

N_STEPS = 20
# Without bounds a head that is always right, or that only guesses, has no best temperature.
LOWEST, HIGHEST = 0.1, 10.0
FACTORS = (1.0, 1.02, 1.04, 1.06, 0.98, 0.96)


def fit_temperatures(logits: Mapping[str, numpy.ndarray], targets: Mapping[str, numpy.ndarray]) -> Dict[str, float]:
    """Find the temperature of each head.

    logits (Mapping[str, numpy.ndarray]): Each head's logits of held-out tokens.
    targets (Mapping[str, numpy.ndarray]): Their right labels, as for `fit_temperature`.
    RETURNS (Dict[str, float]): The temperatures.
    """
    return {
        layer: refine_temperature(fit_temperature(of_head, targets[layer]), of_head, targets[layer])
        for layer, of_head in logits.items()
    }


def fit_temperature(logits: numpy.ndarray, targets: numpy.ndarray) -> float:
    """Find the temperature with which softmax(logits / temperature) gives the right labels the highest likelihood.

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


def refine_temperature(temperature: float, logits: numpy.ndarray, targets: numpy.ndarray) -> float:
    """Find the temperature with the lowest calibration error, within a few percent of one that was fitted.

    temperature (float): What `fit_temperature` returned.
    logits (numpy.ndarray): As for `fit_temperature`.
    targets (numpy.ndarray): As for `fit_temperature`.
    RETURNS (float): The temperature with the lowest expected calibration error.
    """
    known = numpy.flatnonzero(targets >= 0)
    is_right = logits[known].argmax(axis=1) == targets[known]

    def error(factor: float) -> float:
        return expected_calibration_error(highest_probability(logits[known], temperature * factor), is_right)

    return temperature * min(FACTORS, key=error)


class Reliability(NamedTuple):
    """How often predictions of similar confidence are right. Arrays have shape (n_bins,), in the order of confidence.

    counts (numpy.ndarray): The number of predictions in each bin.
    confidence (numpy.ndarray): Their mean confidence; NaN for an empty bin.
    accuracy (numpy.ndarray): The share of them that is right; NaN for an empty bin.
    """

    counts: numpy.ndarray
    confidence: numpy.ndarray
    accuracy: numpy.ndarray


def reliability(confidence: Any, is_right: Any, n_bins: int = 10) -> Reliability:
    """Sort predictions into bins of equal width by their confidence.

    confidence (ArrayLike): The predictions' probabilities, from 0 to 1, shape (n_predictions,). The bounds between
        bins belong to the upper one.
    is_right (ArrayLike): Whether each prediction is right, same shape.
    n_bins (int): The number of bins.
    RETURNS (Reliability): What is in each bin. Raises a ValueError for a confidence that is no probability.
    """
    confidence, is_right = numpy.asarray(confidence, dtype="float64"), numpy.asarray(is_right, dtype="bool")
    outside = confidence[~((confidence >= 0) & (confidence <= 1))]
    if len(outside):
        raise ValueError(f"A confidence must be a probability from 0 to 1, not {outside[0]}.")
    bins = (confidence * n_bins).astype("int64").clip(max=n_bins - 1)
    counts, confidences, right = (
        numpy.bincount(bins, weights, minlength=n_bins) for weights in (None, confidence, is_right.astype("float64"))
    )
    with numpy.errstate(invalid="ignore"):
        return Reliability(counts, confidences / counts, right / counts)


def expected_calibration_error(confidence: Any, is_right: Any, n_bins: int = 10) -> float:
    """Find the difference between confidence and accuracy, averaged over bins in proportion to their predictions:
    https://arxiv.org/abs/1706.04599, equation 3.

    confidence (ArrayLike): The predictions' probabilities, from 0 to 1, shape (n_predictions,).
    is_right (ArrayLike): Whether each prediction is right, same shape.
    n_bins (int): The number of bins, of equal width.
    RETURNS (float): The error, from 0 to 1; 0 if there are no predictions.
    """
    counts, confidences, accuracies = reliability(confidence, is_right, n_bins)
    return float(numpy.nansum(counts * numpy.abs(confidences - accuracies)) / max(1, counts.sum()))
