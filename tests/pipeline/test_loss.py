from typing import List

import numpy
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from thinc.api import SequenceCategoricalCrossentropy

from spacy_lstm_tagger.pipeline.loss import negative_log_likelihood
from spacy_lstm_tagger.pipeline.probabilities import softmax
from spacy_lstm_tagger.pipeline.targets import MISSING, AllowedTargets

N_LABELS = 5
LABELS = [f"label{i}" for i in range(N_LABELS)]

TARGETS = {
    "all_known": [0, 4, 2, 2, 1],
    "some_missing": [0, MISSING, 2, MISSING, 1],
    "one_token": [3],
}


def make_logits(n_tokens: int, n_labels: int = N_LABELS, scale: float = 2.0) -> numpy.ndarray:
    return numpy.random.default_rng(n_tokens).normal(scale=scale, size=(n_tokens, n_labels)).astype("float32")


def not_label(label: int) -> int:
    """The target of a token whose label is known not to be this one."""
    return MISSING - 1 - label


def loss_and_gradient(logits: numpy.ndarray, targets: numpy.ndarray, label_smoothing: float = 0.0):
    """Of targets among which are those of `not_label`."""
    (wrong,) = numpy.nonzero(targets < MISSING)
    is_allowed = numpy.arange(logits.shape[1]) != (MISSING - 1 - targets[wrong])[:, None]
    known = numpy.maximum(targets, MISSING)
    return negative_log_likelihood(logits, known, label_smoothing, allowed=AllowedTargets(wrong, is_allowed))


def torch_loss(logits: numpy.ndarray, targets: List[int], label_smoothing: float):
    """PyTorch's loss and its gradient."""
    leaf = torch.tensor(logits, requires_grad=True)
    # PyTorch smooths over all labels with the right one among them; we and thinc over the others alone.
    over_all = label_smoothing * logits.shape[1] / (logits.shape[1] - 1)
    loss = torch.nn.functional.cross_entropy(
        leaf, torch.tensor(targets), ignore_index=MISSING, label_smoothing=over_all
    )
    loss.backward()
    return loss.item(), leaf.grad.numpy()


@pytest.mark.parametrize("logits", [make_logits(4), make_logits(1, 1), make_logits(3, scale=1e4), make_logits(0)])
def test_softmax_equals_torch(logits: numpy.ndarray) -> None:
    assert_allclose(softmax(logits), torch.softmax(torch.tensor(logits), dim=1).numpy(), rtol=1e-5, atol=1e-30)


@pytest.mark.parametrize("targets", TARGETS.values(), ids=TARGETS)
def test_loss_equals_torch(targets: List[int]) -> None:
    logits = make_logits(len(targets))
    loss, _ = loss_and_gradient(logits, numpy.asarray(targets))
    assert loss == pytest.approx(torch_loss(logits, targets, 0.0)[0], rel=1e-5)


@pytest.mark.parametrize("label_smoothing", [0.0, 0.03, 0.5])
@pytest.mark.parametrize("targets", TARGETS.values(), ids=TARGETS)
def test_gradient_equals_torch(targets: List[int], label_smoothing: float) -> None:
    logits = make_logits(len(targets))
    _, gradient = loss_and_gradient(logits, numpy.asarray(targets), label_smoothing)
    assert_allclose(gradient, torch_loss(logits, targets, label_smoothing)[1], atol=1e-6)


@pytest.mark.parametrize("label_smoothing", [0.0, 0.03, 0.5])
@pytest.mark.parametrize("targets", TARGETS.values(), ids=TARGETS)
def test_gradient_equals_thinc(targets: List[int], label_smoothing: float) -> None:
    logits = make_logits(len(targets))
    oracle = SequenceCategoricalCrossentropy(
        names=LABELS, missing_value="", normalize=False, label_smoothing=label_smoothing
    )
    names = ["" if target == MISSING else LABELS[target] for target in targets]
    expected = oracle.get_grad([softmax(logits)], [names])[0] / sum(map(bool, names))
    assert_allclose(loss_and_gradient(logits, numpy.asarray(targets), label_smoothing)[1], expected, atol=1e-6)


def test_gradient_of_a_wrong_label_equals_thinc() -> None:
    # thinc lowers the wrong label and leaves the others where they are.
    wrong = [1, 4, 0]
    logits = make_logits(3)
    oracle = SequenceCategoricalCrossentropy(names=LABELS, neg_prefix="!", normalize=False)
    expected = oracle.get_grad([softmax(logits)], [[f"!{LABELS[label]}" for label in wrong]])[0] / 3
    _, gradient = loss_and_gradient(logits, numpy.asarray([not_label(label) for label in wrong]))
    assert_allclose(gradient[range(3), wrong], expected[range(3), wrong], atol=1e-6)


def test_loss_of_a_wrong_label_is_that_of_any_other() -> None:
    logits = make_logits(3)
    wrong = [2, 0, 4]
    loss, _ = loss_and_gradient(logits, numpy.asarray([not_label(label) for label in wrong]))
    probabilities = torch.softmax(torch.tensor(logits, dtype=torch.float64), dim=1)
    others = [sum(row[i].item() for i in range(N_LABELS) if i != label) for row, label in zip(probabilities, wrong)]
    assert loss == pytest.approx(-numpy.log(others).mean(), rel=1e-5)


def test_loss_of_allowed_labels_is_that_of_any_of_them_and_equals_autograd() -> None:
    logits = make_logits(3)
    is_allowed = numpy.asarray([[1, 0, 1, 0, 0], [0, 1, 1, 1, 1], [1, 0, 0, 0, 0]], dtype=bool)
    leaf = torch.tensor(logits, dtype=torch.float64, requires_grad=True)
    likelihoods = (torch.softmax(leaf, dim=1) * torch.tensor(is_allowed)).sum(1)
    # The last token has a label, which counts alone.
    expected = -torch.stack([*likelihoods[:2], torch.softmax(leaf, dim=1)[2, 3]]).log().mean()
    expected.backward()
    allowed = AllowedTargets(numpy.arange(3), is_allowed)
    loss, gradient = negative_log_likelihood(logits, numpy.asarray([MISSING, MISSING, 3]), allowed=allowed)
    assert loss == pytest.approx(expected.item(), rel=1e-5)
    assert_allclose(gradient, leaf.grad.numpy(), atol=1e-6)


def test_weights_multiply_the_loss_of_tokens() -> None:
    logits, targets = make_logits(4), numpy.asarray([0, not_label(1), MISSING, 2])
    (wrong,) = numpy.nonzero(targets < MISSING)
    allowed = AllowedTargets(wrong, numpy.asarray([[True, False, True, True, True]]))
    weights = numpy.asarray([0.5, 2.0, 3.0, 0.0], dtype="float32")
    loss, gradient = negative_log_likelihood(
        logits, numpy.maximum(targets, MISSING), 0.1, allowed=allowed, weights=weights
    )
    alone = [loss_and_gradient(logits[i : i + 1], targets[i : i + 1], 0.1) for i in range(4)]
    assert loss == pytest.approx(sum(weight * loss for weight, (loss, _) in zip(weights, alone)) / 3)
    expected = [weight * gradient[0] / 3 for weight, (_, gradient) in zip(weights, alone)]
    assert_allclose(gradient, expected, atol=1e-6)


def test_gradient_of_wrong_labels_equals_autograd() -> None:
    targets = numpy.asarray([not_label(2), 3, MISSING, not_label(0), 0])
    logits = make_logits(len(targets))
    leaf = torch.tensor(logits, dtype=torch.float64, requires_grad=True)
    probabilities = torch.softmax(leaf, dim=1)
    likelihoods = [1 - probabilities[0, 2], probabilities[1, 3], 1 - probabilities[3, 0], probabilities[4, 0]]
    expected = -torch.stack(likelihoods).log().mean()
    expected.backward()
    loss, gradient = loss_and_gradient(logits, targets)
    assert loss == pytest.approx(expected.item(), rel=1e-5)
    assert_allclose(gradient, leaf.grad.numpy(), atol=1e-6)


@pytest.mark.parametrize("targets", [[1, 3], [not_label(1), not_label(3)], [2, not_label(2)], [not_label(0), MISSING]])
def test_gradient_equals_finite_differences(targets: List[int]) -> None:
    logits = make_logits(2).astype("float64")
    _, gradient = loss_and_gradient(logits, numpy.asarray(targets))
    for cell in numpy.ndindex(*logits.shape):
        step = numpy.zeros_like(logits)
        step[cell] = 1e-5
        above, _ = loss_and_gradient(logits + step, numpy.asarray(targets))
        below, _ = loss_and_gradient(logits - step, numpy.asarray(targets))
        assert gradient[cell] == pytest.approx((above - below) / 2e-5, abs=1e-7)


@pytest.mark.parametrize("label_smoothing", [0.0, 0.1])
@pytest.mark.parametrize("targets", [[1, 2], [not_label(1), not_label(0)]])
def test_gradient_sums_to_0_for_each_token(targets: List[int], label_smoothing: float) -> None:
    _, gradient = loss_and_gradient(make_logits(2), numpy.asarray(targets), label_smoothing)
    assert_allclose(gradient.sum(axis=1), 0.0, atol=1e-6)
    assert abs(gradient).min() > 0


def test_smoothing_does_not_touch_wrong_labels() -> None:
    logits, targets = make_logits(2), numpy.asarray([not_label(1), not_label(0)])
    plain, smoothed = (loss_and_gradient(logits, targets, smoothing)[1] for smoothing in (0.0, 0.2))
    assert_array_equal(plain, smoothed)


def test_loss_is_without_smoothing() -> None:
    logits, targets = make_logits(3), numpy.asarray([0, 1, not_label(2)])
    assert loss_and_gradient(logits, targets, 0.3)[0] == loss_and_gradient(logits, targets)[0]


def test_missing_tokens_do_not_count() -> None:
    logits = make_logits(4)
    loss, gradient = loss_and_gradient(logits, numpy.asarray([MISSING, 2, MISSING, not_label(1)]))
    expected_loss, expected = loss_and_gradient(logits[[1, 3]], numpy.asarray([2, not_label(1)]))
    assert loss == pytest.approx(expected_loss)
    assert_array_equal(gradient[[1, 3]], expected)
    assert not gradient[[0, 2]].any()


@pytest.mark.parametrize("label_smoothing", [0.0, 0.1])
@pytest.mark.parametrize("n_tokens", [0, 1, 3])
def test_all_missing_is_loss_0(n_tokens: int, label_smoothing: float) -> None:
    loss, gradient = loss_and_gradient(make_logits(n_tokens), numpy.full(n_tokens, MISSING), label_smoothing)
    assert loss == 0.0
    assert_array_equal(gradient, numpy.zeros((n_tokens, N_LABELS), dtype="float32"))


@pytest.mark.parametrize("label_smoothing", [0.0, 0.1])
def test_one_label_is_always_right(label_smoothing: float) -> None:
    loss, gradient = loss_and_gradient(make_logits(2, 1), numpy.asarray([0, MISSING]), label_smoothing)
    assert loss == pytest.approx(0.0, abs=1e-6)
    assert_array_equal(gradient, numpy.zeros((2, 1), dtype="float32"))


@pytest.mark.parametrize("label_smoothing", [0.0, 0.1])
@pytest.mark.parametrize("target", [*range(3), MISSING, *map(not_label, range(3))])
@pytest.mark.parametrize("logits", [[1e4, -1e4, 0], [1e4, 1e4, -1e4], [-1e4, -1e4, -1e4]])
def test_extreme_logits_are_finite(logits: List[float], target: int, label_smoothing: float) -> None:
    rows = numpy.asarray([logits], dtype="float32")
    loss, gradient = loss_and_gradient(rows, numpy.asarray([target]), label_smoothing)
    assert numpy.isfinite(loss) and loss >= 0
    assert (abs(gradient) <= 1).all()  # no gradient of a log-likelihood exceeds 1


def test_logits_are_not_changed() -> None:
    logits = make_logits(3)
    before = logits.copy()
    loss_and_gradient(logits, numpy.asarray([0, MISSING, not_label(1)]), 0.1)
    assert_array_equal(logits, before)


@pytest.mark.parametrize("targets", [[0, 1], [not_label(1), MISSING], [MISSING, MISSING]])
def test_gradient_has_the_type_of_the_logits(targets: List[int]) -> None:
    assert loss_and_gradient(make_logits(2), numpy.asarray(targets), 0.1)[1].dtype == "float32"


@pytest.mark.parametrize("gap", [5, 16, 17, 20, 40, 80])
def test_gradient_of_a_confidently_wrong_label_is_bounded(gap: int) -> None:
    logits = numpy.asarray([[gap, 0, 0]], dtype="float32")
    leaf = torch.tensor(logits, dtype=torch.float64, requires_grad=True)
    (torch.logsumexp(leaf, 1) - torch.logsumexp(leaf[:, 1:], 1)).sum().backward()
    loss, gradient = loss_and_gradient(logits, numpy.asarray([MISSING - 1]))
    assert_allclose(gradient, leaf.grad.numpy(), atol=1e-5)
    assert loss == pytest.approx(gap - numpy.log(2), abs=0.02)
