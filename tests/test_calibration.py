from typing import List, Tuple

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_lstm_tagger.calibration import expected_calibration_error, reliability

PREDICTIONS = st.lists(st.tuples(st.floats(0, 1), st.booleans()), max_size=40)


def sort_slowly(predictions: List[Tuple[float, bool]], n_bins: int) -> List[List[Tuple[float, bool]]]:
    bins: List[List[Tuple[float, bool]]] = [[] for _ in range(n_bins)]
    for confidence, is_right in predictions:
        bins[min(int(confidence * n_bins), n_bins - 1)].append((confidence, is_right))
    return bins


@given(PREDICTIONS, st.integers(1, 12))
def test_bins_equal_a_slow_count(predictions: List[Tuple[float, bool]], n_bins: int) -> None:
    confidence, is_right = [c for c, _ in predictions], [r for _, r in predictions]
    found = reliability(confidence, is_right, n_bins)
    error = 0.0
    for members, count, mean, accuracy in zip(sort_slowly(predictions, n_bins), *found, strict=True):
        assert count == len(members)
        if not members:
            assert numpy.isnan(mean) and numpy.isnan(accuracy)
            continue
        assert mean == pytest.approx(sum(c for c, _ in members) / len(members))
        assert accuracy == pytest.approx(sum(r for _, r in members) / len(members))
        error += len(members) * abs(mean - accuracy) / len(predictions)
    assert expected_calibration_error(confidence, is_right, n_bins) == pytest.approx(error, abs=1e-12)


def test_bounds_belong_to_the_upper_bin() -> None:
    assert reliability([0, 0.25, 0.5, 0.75, 1], [True] * 5, n_bins=4).counts.tolist() == [1, 1, 1, 2]


def test_error_of_known_predictions() -> None:
    """Three of four right at 0.9, and one of four at 0.25."""
    confidence = [0.9] * 4 + [0.25] * 4
    is_right = [True, True, True, False, True, False, False, False]
    assert expected_calibration_error(confidence, is_right) == pytest.approx(0.15 / 2)


def test_who_is_right_as_often_as_said_has_no_error() -> None:
    generator = numpy.random.default_rng(0)
    confidence = generator.random(100_000)
    assert expected_calibration_error(confidence, generator.random(100_000) < confidence) < 0.01


def test_nothing_has_no_error() -> None:
    assert expected_calibration_error([], []) == 0


@pytest.mark.parametrize("confidence", [-0.1, 1.1, float("nan")])
def test_confidence_that_is_no_probability_raises(confidence: float) -> None:
    with pytest.raises(ValueError, match=f"must be a probability from 0 to 1, not {confidence}"):
        reliability([0.5, confidence], [True, True])
