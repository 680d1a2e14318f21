"""Gradients of the network with respect to its words, many at once, by the recurrence taken backwards.

Backpropagation through time: Werbos (1990), https://doi.org/10.1109/5.58337. Unlike autograd it shares the states of
one forward pass among all gradients, and finds none of weights. A test holds the two equal.
"""

from typing import cast

import torch
from torch import Tensor, nn

from ..network.lstm_layer import LSTMLayer
from ..network.lstm_tagger import LSTMTagger, Member


def trace_back(network: LSTMTagger, states: Tensor, features: Tensor, gradients: Tensor) -> Tensor:
    """Follow gradients back from what the heads read to the vectors of the words.

    :param network: whose weights.
    :param states: as in :class:`recurrence.Trace`. *Shape:* ``(n_members, depth, n_directions, len(QUANTITIES),
        n_words, n_points, hidden_width)``
    :param features: as there. *Shape:* ``(n_members, n_words, n_points, width)``
    :param gradients: with respect to the features. *Shape:* ``(n_gradients, n_members, n_words, n_points, width)``
    :returns: their sum over the points. *Shape:* ``(n_gradients, n_words, encoder.width)``
    """
    n_convolved = network.sizes.convolution_width
    words = []
    for member, layers, read, gradient in zip(network.members, states, features, gradients.unbind(1)):
        member = cast(Member, member)
        width = cast(LSTMLayer, member.layers[-1]).width
        skipped_width = gradient.shape[-1] - width - n_convolved
        hidden, skipped, convolved = gradient.split([width, skipped_width, n_convolved], -1)
        for depth, (layer, directions) in reversed(list(enumerate(zip(member.layers, layers)))):
            layer = cast(LSTMLayer, layer)
            inputs = _trace_layer_back(layer, directions, hidden, sum_points=not depth)
            if layer.residual:
                inputs = inputs + (hidden if depth else hidden.sum(2))
            hidden = inputs
        if member.skip:
            hidden = hidden + skipped.sum(2)
        if member.convolution is not None:
            hidden = hidden + _trace_convolution_back(member.convolution, read[..., -n_convolved:], convolved)
        words.append(hidden)
    return torch.cat(words, dim=-1)


def step_back(lstm: nn.LSTM, states: Tensor, gradients: Tensor, *, sum_points: bool) -> Tensor:
    """Take an LSTM's steps from the last to the first.

    :param lstm: of one layer and one direction.
    :param states: *Shape:* ``(len(QUANTITIES), n_steps, n_points, hidden_width)``
    :param gradients: with respect to the hidden states. *Shape:* ``(n_gradients, n_steps, n_points, hidden_width)``
    :param sum_points: whether the sum over the points is enough: it takes a third less time.
    :returns: with respect to the inputs. *Shape:* ``(n_gradients, n_steps, n_points, width)``, without the points if
        they are summed.
    """
    weights = dict(lstm.named_parameters())
    f, i, g, c, o, _ = states
    before = torch.cat([torch.zeros_like(c[:1]), c[:-1]])
    # How each step's hidden state changes with its cell, and cell and hidden state with what goes into the gates.
    hidden_by_cell = o * (1 - c.tanh() ** 2)
    cell_by_gates = torch.stack([g * i * (1 - i), before * f * (1 - f), i * (1 - g**2)], dim=2)
    hidden_by_output = c.tanh() * o * (1 - o)
    cell = torch.zeros_like(gradients[:, 0])
    gates = cell.repeat(1, 1, 4)
    steps = []
    # The steps after the last one that is asked for do not count.
    n_steps = max(gradients.any(0).flatten(1).any(1).nonzero().flatten().tolist(), default=-1) + 1
    for step in reversed(range(n_steps)):
        hidden = gradients[:, step] + gates @ weights["weight_hh_l0"]
        cell = cell + hidden * hidden_by_cell[step]
        from_cell = cell.unsqueeze(2) * cell_by_gates[step]
        gates = torch.cat([from_cell.flatten(2), hidden * hidden_by_output[step]], dim=2)
        steps.append((gates.sum(1) if sum_points else gates) @ weights["weight_ih_l0"])
        cell = cell * f[step]
    after_end = gates.new_zeros(len(gates), *([] if sum_points else [gates.shape[1]]), lstm.input_size)
    return torch.stack([*reversed(steps), *[after_end] * (len(f) - n_steps)], dim=1)


def _trace_convolution_back(convolution: nn.Linear, convolved: Tensor, gradients: Tensor) -> Tensor:
    """*Shape:* ``convolved (n_words, n_points, convolution_width)``, ``gradients (n_gradients, n_words, n_points,
    convolution_width)``, result ``(n_gradients, n_words, width)``"""
    before, at, after = ((gradients * (convolved > 0)).sum(2) @ convolution.weight).chunk(3, -1)
    words = at.clone()
    words[:, :-1] += before[:, 1:]
    words[:, 1:] += after[:, :-1]
    return words


def _trace_layer_back(layer: LSTMLayer, directions: Tensor, gradients: Tensor, *, sum_points: bool) -> Tensor:
    parts = gradients.chunk(len(directions), -1)
    inputs = step_back(layer.rightwards, directions[0], parts[0], sum_points=sum_points)
    if layer.leftwards is not None:
        from_right = step_back(layer.leftwards, directions[1].flip(1), parts[1].flip(1), sum_points=sum_points)
        inputs = inputs + from_right.flip(1)
    return inputs
