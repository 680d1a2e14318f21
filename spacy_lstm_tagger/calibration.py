"""Whether the tagger is right as often as it says it is."""

from typing import Any, NamedTuple

import numpy


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
    """Find by how much confidence and accuracy differ, averaged over bins with their numbers of predictions as weights:
    https://arxiv.org/abs/1706.04599, equation 3.

    confidence (ArrayLike): The predictions' probabilities, from 0 to 1, shape (n_predictions,).
    is_right (ArrayLike): Whether each prediction is right, same shape.
    n_bins (int): The number of bins, of equal width.
    RETURNS (float): The error, from 0 to 1; 0 if there are no predictions.
    """
    counts, confidences, accuracies = reliability(confidence, is_right, n_bins)
    return float(numpy.nansum(counts * numpy.abs(confidences - accuracies)) / max(1, counts.sum()))
