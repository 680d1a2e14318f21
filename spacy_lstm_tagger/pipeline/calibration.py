"""Calibration: from a head's logits to probabilities that agree with accuracies, and how far they are from it."""

from typing import Any, Dict, List, Mapping, NamedTuple, Sequence, Tuple

import numpy

from .probabilities import IMPOSSIBLE, highest_probability, softmax

N_STEPS = 20
# Without bounds a head that is always right, or that only guesses, has no best temperature.
LOWEST, HIGHEST = 0.1, 10.0
FACTORS = (1.0, 1.02, 1.04, 1.06, 0.98, 0.96)
# The points of the map from margins to confidences, and the mistakes that each needs.
N_POINTS, MISTAKES_PER_POINT = 12, 5


class Calibration(NamedTuple):
    """How a head's logits become probabilities: by a temperature, and by a map from margins to confidences.

    The margin is the difference between the two highest logits. Label smoothing bounds the probability of an easy
    word's label, but not its margin. Models saved before have no map.

    temperature (float): What the logits are divided by.
    margins (Sequence[float]): The points of the map, ascending; empty if there is no map.
    log_odds (Sequence[float]): The log-odds that the likeliest label is right at these points, ascending. Linear in
        between, constant outside.
    """

    temperature: float = 1.0
    margins: Sequence[float] = ()
    log_odds: Sequence[float] = ()

    def confidence(self, logits: numpy.ndarray) -> numpy.ndarray:
        """RETURNS (numpy.ndarray): The likeliest label's probability. float32, shape (n_tokens,)."""
        if not len(self.margins) or logits.shape[1] == 1:
            return highest_probability(logits, self.temperature)
        highest = numpy.partition(logits, -2, axis=1)
        log_odds = numpy.interp(highest[:, -1] - highest[:, -2], self.margins, self.log_odds)
        confidence = (1 / (1 + numpy.exp(-log_odds))).astype("float32")
        # The likeliest label must stay the likeliest.
        (unsure,) = (confidence < 0.5001).nonzero()
        if len(unsure):
            share_of_second = highest_probability(_without_likeliest(logits[unsure]), self.temperature)
            lowest = 1.00001 * share_of_second / (1 + share_of_second)
            confidence[unsure] = numpy.maximum(confidence[unsure], lowest)
        # Nothing is left for the others if none of them is possible.
        confidence[highest[:, -2] - highest[:, -1] < IMPOSSIBLE / 2] = 1.0
        return confidence

    def probabilities(self, logits: numpy.ndarray) -> numpy.ndarray:
        """RETURNS (numpy.ndarray): The probability of every label; rows sum to 1. float32, shape of the logits."""
        if not len(self.margins) or logits.shape[1] == 1:
            return softmax(logits / self.temperature)
        confidence = self.confidence(logits)
        probabilities = softmax(_without_likeliest(logits) / self.temperature) * (1 - confidence)[:, None]
        probabilities[numpy.arange(len(logits)), logits.argmax(axis=1)] = confidence
        return probabilities


def _without_likeliest(logits: numpy.ndarray) -> numpy.ndarray:
    others = logits.copy()
    others[numpy.arange(len(logits)), logits.argmax(axis=1)] = -numpy.inf
    return others


def fit_calibrations(
    logits: Mapping[str, numpy.ndarray], targets: Mapping[str, numpy.ndarray]
) -> Dict[str, Calibration]:
    """Find the calibration of each head.

    logits (Mapping[str, numpy.ndarray]): Each head's logits of held-out tokens.
    targets (Mapping[str, numpy.ndarray]): Their right labels, as for `fit_temperature`.
    RETURNS (Dict[str, Calibration]): The calibrations.
    """
    return {layer: _fit_calibration(of_head, targets[layer]) for layer, of_head in logits.items()}


def _fit_calibration(logits: numpy.ndarray, targets: numpy.ndarray) -> Calibration:
    # Rounded, since JSON does not keep all digits.
    temperature = round(refine_temperature(fit_temperature(logits, targets), logits, targets), 6)
    known = numpy.flatnonzero(targets >= 0)
    if logits.shape[1] == 1 or not len(known):
        return Calibration(temperature)
    highest = numpy.partition(logits[known], -2, axis=1)
    is_right = logits[known].argmax(axis=1) == targets[known]
    return Calibration(temperature, *fit_confidence(highest[:, -1] - highest[:, -2], is_right))


def fit_confidence(margins: numpy.ndarray, is_right: numpy.ndarray) -> Tuple[Sequence[float], Sequence[float]]:
    """Find how often the likeliest label is right, by its margin.

    Tokens are put in bins by margin, which each hold the same share of mistakes plus right labels. Bins that are not in
    the order of accuracy are merged, as in isotonic regression: Zadrozny and Elkan (2002),
    https://doi.org/10.1145/775047.775151

    margins (numpy.ndarray): Shape (n_tokens,).
    is_right (numpy.ndarray): Whether each token's likeliest label is right. bool, shape (n_tokens,).
    RETURNS (Tuple[Sequence[float], Sequence[float]]): For each bin the mean margin, and the log-odds of being right.
        Both ascend. Empty if there are too few mistakes, or too few right labels, for two bins.
    """
    order = numpy.argsort(margins, kind="stable")
    is_right = is_right[order]
    n_right, n_wrong = numpy.bincount(is_right, minlength=2)[::-1].tolist()
    n_bins = min(N_POINTS, n_right // MISTAKES_PER_POINT, n_wrong // MISTAKES_PER_POINT)
    if n_bins < 2:
        return (), ()
    shares = numpy.cumsum(numpy.where(is_right, 1 / n_right, 1 / n_wrong)) / 2
    bins = numpy.minimum(shares * n_bins, n_bins - 1).astype("int64")
    merged: List[numpy.ndarray] = []
    for i in range(n_bins):
        of_bin = bins == i
        # The numbers of tokens and of right ones, and the sum of the margins.
        merged.append(numpy.array([of_bin.sum(), is_right[of_bin].sum(), margins[order][of_bin].sum()]))
        while len(merged) > 1 and merged[-2][1] * merged[-1][0] >= merged[-1][1] * merged[-2][0]:
            merged[-2:] = [merged[-2] + merged[-1]]
    counts, right, sums = numpy.array(merged).T
    # Half a token more on either side: nothing is certain.
    log_odds = numpy.maximum.accumulate(numpy.log((right + 0.5) / (counts - right + 0.5)))
    return tuple((sums / counts).round(6).tolist()), tuple(log_odds.round(6).tolist())


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
