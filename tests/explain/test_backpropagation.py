"""Gradients by the recurrence taken backwards, against autograd."""

import pytest
import torch
from torch import nn

from spacy_lstm_tagger.explain.backpropagation import step_back, trace_back
from spacy_lstm_tagger.explain.recurrence import QUANTITIES, step_through, trace_sentence

from ..network.test_network import make, make_types
from .test_recurrence import CONFIGURATIONS


def by_autograd(output, inputs, gradients):
    return torch.stack([torch.autograd.grad(output, inputs, gradient, retain_graph=True)[0] for gradient in gradients])


@pytest.mark.parametrize("sizes", CONFIGURATIONS)
def test_gradients_are_those_of_autograd(sizes):
    network, types = make(sizes), make_types(sizes)
    words = network.encoder(types).detach()
    # shape: (n_words, n_points, width)
    path = torch.stack([words, 2 * words, -words], dim=1).requires_grad_()
    states, features = trace_sentence(network, path)
    gradients = torch.randn(4, *features.shape)
    expected = by_autograd(features, path, gradients)
    torch.testing.assert_close(trace_back(network, states, features, gradients), expected.sum(2), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("sum_points", [False, True])
@pytest.mark.parametrize("last", [0, 3, 8])
def test_steps_after_the_last_one_asked_for_do_not_count(last, sum_points):
    lstm = nn.LSTM(3, 5)
    inputs = torch.randn(9, 2, 3, requires_grad=True)
    quantities = step_through(lstm, inputs)
    gradients = torch.zeros(2, 9, 2, 5)
    gradients[0, last] = 1.0
    found = step_back(lstm, torch.stack(quantities), gradients, sum_points=sum_points)
    expected = by_autograd(quantities[QUANTITIES.index("hidden")], inputs, gradients)
    expected = expected.sum(2) if sum_points else expected
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-6)
    assert not found[:, last + 1 :].any() and not found[1].any()


def test_gradient_of_nothing_is_nothing():
    lstm = nn.LSTM(3, 5)
    states = torch.stack(step_through(lstm, torch.randn(9, 2, 3)))
    assert not step_back(lstm, states, torch.zeros(1, 9, 2, 5), sum_points=False).any()
