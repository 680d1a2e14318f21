from typing import List, Tuple

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st
from spacy.language import Language

from spacy_lstm_tagger.pipeline.calibration import (
    HIGHEST,
    LOWEST,
    Calibration,
    expected_calibration_error,
    fit_calibrations,
    fit_confidence,
    fit_temperature,
    refine_temperature,
    reliability,
)
from spacy_lstm_tagger.pipeline.loss import negative_log_likelihood
from spacy_lstm_tagger.pipeline.probabilities import highest_probability, softmax

from ..conftest import TEXTS, make_examples, make_pipeline

PREDICTIONS = st.lists(st.tuples(st.floats(0, 1), st.booleans()), max_size=40)


def draw_labels(logits: numpy.ndarray, seed: int) -> numpy.ndarray:
    """Labels that have the probabilities that the logits say."""
    draws = numpy.random.default_rng(seed).random((len(logits), 1))
    return (softmax(logits).cumsum(axis=1) < draws).sum(axis=1).clip(max=logits.shape[1] - 1)


@given(st.integers(0, 2**32 - 1), st.floats(0.3, 4.0))
def test_temperature_is_better_than_any_other(seed: int, scale: float) -> None:
    logits = numpy.random.default_rng(seed).normal(size=(200, 5), scale=2.0).astype("float32")
    targets = draw_labels(logits, seed)

    def loss(temperature: float) -> float:
        return negative_log_likelihood(logits * scale / temperature, targets)[0]

    found = fit_temperature(logits * scale, targets)
    assert loss(found) <= min(loss(temperature) for temperature in numpy.geomspace(LOWEST, HIGHEST, 200)) + 1e-4


def test_refined_temperature_has_no_higher_calibration_error() -> None:
    logits = numpy.random.default_rng(0).normal(size=(2_000, 5), scale=2.0)
    targets = draw_labels(logits, 0)
    targets[::7] = -1

    def error(temperature: float) -> float:
        known = targets >= 0
        probabilities = softmax(logits[known] / temperature)
        return expected_calibration_error(probabilities.max(axis=1), probabilities.argmax(axis=1) == targets[known])

    fitted = fit_temperature(logits, targets)
    refined = refine_temperature(fitted, logits, targets)
    assert refined == pytest.approx(fitted, rel=0.07)
    assert error(refined) < error(fitted)
    assert refine_temperature(2.0, logits[:1], numpy.asarray([-1])) == 2.0


def test_temperature_makes_up_for_a_scale() -> None:
    logits = numpy.random.default_rng(0).normal(size=(20_000, 5), scale=2.0)
    targets = draw_labels(logits, 0)
    assert fit_temperature(logits * 2.5, targets) == pytest.approx(2.5, rel=0.05)


def test_tokens_without_a_known_label_do_not_count() -> None:
    logits = numpy.random.default_rng(0).normal(size=(100, 5), scale=4.0)
    targets = draw_labels(logits / 2, 0)
    known = fit_temperature(logits[:50], targets[:50])
    targets[50:] = -1
    assert fit_temperature(logits, targets) == known
    assert fit_temperature(logits[50:], targets[50:]) == 1.0


@pytest.mark.parametrize("is_right", [True, False])
def test_temperature_is_bounded(is_right: bool) -> None:
    logits = numpy.tile([[2.0, 1.0, 0.0]], (50, 1))
    found = fit_temperature(logits, numpy.full(50, 0 if is_right else 2))
    assert found == pytest.approx(LOWEST if is_right else HIGHEST)


def test_calibrating_changes_probabilities_and_no_label() -> None:
    nlp = make_pipeline(steps=5)
    tagger = nlp.get_pipe("lstm_tagger")
    docs = list(nlp.pipe(TEXTS))
    before = tagger.predict_proba(docs)
    temperatures = tagger.calibrate(make_examples(nlp))
    assert set(temperatures) == {"tag", "pos", "morph"}
    after = tagger.predict_proba(docs)
    for doc, again, old, new in zip(docs, nlp.pipe(TEXTS), before, after):
        assert doc.to_array(["TAG", "POS", "MORPH"]).tolist() == again.to_array(["TAG", "POS", "MORPH"]).tolist()
        for head, temperature in temperatures.items():
            expected = old[head] ** (1 / temperature)
            assert new[head] == pytest.approx(expected / expected.sum(axis=1, keepdims=True), abs=1e-5)
    assert not numpy.allclose(before[3]["pos"], after[3]["pos"])


def test_evaluation_in_training_calibrates_and_any_other_does_not() -> None:
    nlp = make_pipeline(steps=5)
    tagger = nlp.get_pipe("lstm_tagger")
    examples = make_examples(nlp)
    nlp.evaluate(examples)
    assert tagger.calibrations == {}
    (shim,) = tagger.model.shims
    averages = {(shim.id, name): weights.numpy() + 0.1 for name, weights in shim.module.state_dict().items()}
    with nlp.use_params(averages):
        nlp.evaluate(examples)
        fitted = dict(tagger.calibrations)
        temperatures = {head: calibration.temperature for head, calibration in fitted.items()}
        assert tagger.calibrate(make_examples(nlp)) == pytest.approx(temperatures)
    assert set(fitted) == {"tag", "pos", "morph"}
    nlp.evaluate(make_examples(nlp, [{"words": ["Run"], "tags": ["NN"], "pos": ["NOUN"], "morphs": [""]}]))
    assert tagger.calibrations == fitted


def test_calibrations_are_saved() -> None:
    nlp = make_pipeline(steps=5)
    tagger = nlp.get_pipe("lstm_tagger")
    tagger.calibrate(make_examples(nlp))
    tagger.calibrations["pos"] = tagger.calibrations["pos"]._replace(margins=(0.5, 3.25), log_odds=(0.1, 4.0))
    other: Language = make_pipeline()
    other.from_bytes(nlp.to_bytes())
    assert other.get_pipe("lstm_tagger").calibrations == tagger.calibrations
    docs = [nlp.make_doc(text) for text in TEXTS]
    for own, loaded in zip(tagger.predict_proba(docs), other.get_pipe("lstm_tagger").predict_proba(docs)):
        assert all((own[head] == loaded[head]).all() for head in own)


def test_heads_with_new_labels_begin_without_calibrations() -> None:
    nlp = make_pipeline(steps=5)
    tagger = nlp.get_pipe("lstm_tagger")
    examples = make_examples(nlp)
    tagger.calibrate(examples)
    before = dict(tagger.calibrations)
    nlp.initialize(lambda: examples)
    assert tagger.calibrations == before
    tagger.add_label("new")
    assert set(tagger.calibrations) == {"pos", "morph"}


def test_calibrating_with_nothing_changes_nothing() -> None:
    tagger = make_pipeline().get_pipe("lstm_tagger")
    assert tagger.calibrate([]) == {}


def test_confidence_is_within_3_points_of_accuracy_in_every_band() -> None:
    # As with label smoothing: the margins of easy words are bounded, though their labels are nearly always right.
    generator = numpy.random.default_rng(0)
    margins = 4 * generator.beta(3, 1, size=80_000)
    is_right = generator.random(80_000) < 1 - 0.5 * (1 - margins / 4) ** 0.5
    logits = numpy.stack([margins, numpy.zeros_like(margins), numpy.full_like(margins, -2.0)], axis=1).astype("float32")
    targets = numpy.where(is_right, 0, 1)
    fitted, held_out = slice(None, 40_000), slice(40_000, None)
    calibration = fit_calibrations({"pos": logits[fitted]}, {"pos": targets[fitted]})["pos"]
    confidence = calibration.confidence(logits[held_out])
    bands = numpy.digitize(confidence, [0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98])
    gaps = [abs(confidence[bands == i].mean() - is_right[held_out][bands == i].mean()) for i in set(bands.tolist())]
    assert len(gaps) >= 4
    assert max(gaps) < 0.03
    by_temperature = highest_probability(logits[held_out], calibration.temperature)
    before, after = (expected_calibration_error(found, is_right[held_out]) for found in (by_temperature, confidence))
    assert after < before / 2


CALIBRATIONS = st.builds(
    lambda temperature, points: Calibration(temperature, *zip(*zip(*map(sorted, zip(*points))))),
    st.floats(0.2, 5.0),
    st.lists(st.tuples(st.floats(0, 20), st.floats(-5, 9)), min_size=2, max_size=6),
)


def test_confidences_ascend_with_the_margin_of_few_tokens() -> None:
    for seed in range(300):
        generator = numpy.random.default_rng(seed)
        n_tokens = int(generator.integers(20, 400))
        margins = generator.exponential(size=n_tokens)
        is_right = generator.random(n_tokens) < generator.uniform(0.1, 0.9)
        _, log_odds = fit_confidence(margins, is_right)
        assert (numpy.diff(log_odds) >= 0).all()


@given(CALIBRATIONS, st.integers(0, 2**32 - 1), st.integers(1, 6), st.sampled_from([0.01, 1.0, 5.0, 1e4]))
def test_probabilities_keep_the_order_of_labels(
    calibration: Calibration, seed: int, n_labels: int, scale: float
) -> None:
    logits = numpy.random.default_rng(seed).normal(size=(30, n_labels), scale=scale).astype("float32")
    logits[0] = 0  # a tie
    before = logits.copy()
    found = calibration.probabilities(logits)
    assert found.dtype == numpy.float32
    assert (logits == before).all()
    numpy.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-5)
    assert (found.argmax(axis=1) == logits.argmax(axis=1)).all()
    assert (numpy.diff(numpy.take_along_axis(found, logits.argsort(axis=1), axis=1))[1:] >= -1e-6).all()
    numpy.testing.assert_array_equal(found.max(axis=1), calibration.confidence(logits))


@given(st.integers(0, 2**32 - 1), st.integers(10, 120), st.floats(0.2, 0.99), st.integers(1, 40))
def test_points_ascend(seed: int, n_tokens: int, accuracy: float, n_margins: int) -> None:
    generator = numpy.random.default_rng(seed)
    margins = generator.integers(n_margins, size=n_tokens) / 10
    for points in fit_confidence(margins, generator.random(n_tokens) < accuracy):
        assert numpy.isfinite(points).all() and (numpy.diff(points) >= 0).all()


@pytest.mark.parametrize("n_wrong", [0, 9])
def test_few_mistakes_give_a_temperature_alone(n_wrong: int) -> None:
    logits = numpy.random.default_rng(0).normal(size=(100, 3)).astype("float32")
    targets = logits.argmax(axis=1)
    targets[:n_wrong] = logits[:n_wrong].argmin(axis=1)
    calibration = fit_calibrations({"pos": logits}, {"pos": targets})["pos"]
    assert calibration == Calibration(calibration.temperature)


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
