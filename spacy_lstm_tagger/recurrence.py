"""The forward pass of the network, one word and one step at a time, with every gate kept to be looked at.

Slow and obvious on purpose: it takes the weights of network.py and none of its code, and a test holds the two equal.
"""

from typing import List, NamedTuple, Sequence, Tuple, cast

import torch
from torch import Tensor, nn

from .network import CharacterEncoder, LSTMLayer, LSTMTagger, Member

# What is kept of an LSTM at each step, in this order.
QUANTITIES = ("forget", "input", "candidate", "cell", "output", "hidden")


class Trace(NamedTuple):
    """What members of a network did with a sentence.

    *Shape:* ``states (n_members, depth, n_directions, len(QUANTITIES), n_words, hidden_width)``, those of an LSTM that
    reads leftwards at their word's place too, and ``logits (n_words, n_labels)``, averaged over the members, the heads
    side by side.
    """

    states: Tensor
    logits: Tensor


def trace_sentence(network: LSTMTagger, words: Tensor) -> Trace:
    """Let a network read a sentence.

    :param network: whose weights.
    :param words: what its encoder says of each word. *Shape:* ``(n_words, encoder.width)``
    """
    states, logits = zip(
        *(
            _trace_member(cast(Member, m), part)
            for m, part in zip(network.members, words.chunk(len(network.members), 1))
        )
    )
    return Trace(torch.stack(states), torch.stack(logits).mean(0))


def trace_spelling(encoder: CharacterEncoder, characters: Tensor) -> Tensor:
    """Let the character LSTMs read a word.

    :param encoder: whose weights.
    :param characters: rows of the character table. *Shape:* ``(n_characters,)``
    :returns: the states in both directions. *Shape:* ``(2, len(QUANTITIES), n_characters, width / 2)``
    """
    return _trace_directions(encoder.directions, encoder.embedding(characters))


def step_through(lstm: nn.LSTM, inputs: Tensor) -> Tensor:
    """Take an LSTM's steps from the first input to the last, from a state of zeros.

    :param lstm: of one layer and one direction.
    :param inputs: *Shape:* ``(n_steps, width)``
    :returns: the gates and the states of each step. *Shape:* ``(len(QUANTITIES), n_steps, hidden_width)``
    """
    weights = dict(lstm.named_parameters())
    cell = hidden = inputs.new_zeros(lstm.hidden_size)
    steps = []
    for step in inputs:
        gates = weights["weight_ih_l0"] @ step + weights["bias_ih_l0"]
        gates = gates + weights["weight_hh_l0"] @ hidden + weights["bias_hh_l0"]
        i, f, g, o = gates.chunk(4)
        i, f, g, o = i.sigmoid(), f.sigmoid(), g.tanh(), o.sigmoid()
        cell = f * cell + i * g
        hidden = o * cell.tanh()
        steps.append(torch.stack([f, i, g, cell, o, hidden]))
    return torch.stack(steps, dim=1)


def _trace_member(member: Member, words: Tensor) -> Tuple[Tensor, Tensor]:
    """*Shape:* ``(depth, n_directions, len(QUANTITIES), n_words, hidden_width)``, ``(n_words, n_labels)``"""
    hidden = words
    states = []
    for layer in member.layers:
        layer = cast(LSTMLayer, layer)
        states.append(_trace_directions(layer.directions, hidden))
        # shape: (n_words, n_directions * hidden_width)
        outputs = torch.cat(list(states[-1][:, QUANTITIES.index("hidden")]), dim=1)
        hidden = outputs + hidden if layer.residual else outputs
    if member.skip:
        hidden = torch.cat([hidden, words], dim=1)
    return torch.stack(states), torch.cat([head(hidden) for head in member.heads.values()], dim=1)


def _trace_directions(lstms: Sequence[nn.LSTM], inputs: Tensor) -> Tensor:
    """The first LSTM reads rightwards, the second, if there is one, leftwards."""
    states: List[Tensor] = [step_through(lstms[0], inputs)]
    states += [step_through(lstm, inputs.flip(0)).flip(1) for lstm in lstms[1:]]
    return torch.stack(states)
