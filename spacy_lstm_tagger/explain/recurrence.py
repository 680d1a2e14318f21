"""The forward pass of the network, one step of an LSTM at a time, which keeps the values of all gates.

Slow and obvious on purpose: it takes the weights of network.py and none of its code, and a test holds the two equal.
"""

from typing import List, NamedTuple, Sequence, Tuple, cast

import torch
from torch import Tensor, nn

from ..network.lstm_layer import LSTMLayer
from ..network.lstm_tagger import LSTMTagger, Member
from ..network.word_encoder import CharacterEncoder

# What is kept of an LSTM at each step, in this order.
QUANTITIES = ("forget", "input", "candidate", "cell", "output", "hidden")


class Trace(NamedTuple):
    """What the members of a network compute for a sentence, or for a batch of sentences of one length.

    *Shape:* ``states (n_members, depth, n_directions, len(QUANTITIES), n_words, ..., hidden_width)``, those of an LSTM
    that reads leftwards at their word's place too, and ``features (n_members, n_words, ..., width)``: what the heads
    read, with the convolution at the end.
    """

    states: Tensor
    features: Tensor


def trace_sentence(network: LSTMTagger, words: Tensor) -> Trace:
    """Run a network over a sentence.

    :param network: whose weights.
    :param words: the vectors of the words, as its encoder computes them. *Shape:* ``(n_words, ..., encoder.width)``
    """
    parts = words.chunk(len(network.members), -1)
    members = [_trace_member(cast(Member, member), part) for member, part in zip(network.members, parts)]
    return Trace(*map(torch.stack, zip(*members)))


def score_labels(network: LSTMTagger, features: Tensor) -> List[Tensor]:
    """Compute the logits of each head.

    :param network: whose weights.
    :param features: as in :class:`Trace`.
    :returns: for each head the average of the members' logits. *Shape:* ``(n_words, ..., n_labels)``
    """
    members = [cast(Member, member).heads for member in network.members]
    return [
        torch.stack([heads[name](part) for heads, part in zip(members, features)]).mean(0)
        for name in network.sizes.n_labels
    ]


def trace_spelling(encoder: CharacterEncoder, characters: Tensor) -> Tensor:
    """Run the character LSTMs over a word.

    :param encoder: whose weights.
    :param characters: rows of the character table. *Shape:* ``(n_characters,)``
    :returns: the states in both directions. *Shape:* ``(2, len(QUANTITIES), n_characters, width / 2)``
    """
    return _stack(_trace_directions(encoder.directions, encoder.embedding(characters)))


def step_through(lstm: nn.LSTM, inputs: Tensor) -> Tuple[Tensor, ...]:
    """Take an LSTM's steps from the first input to the last, from a state of zeros.

    :param lstm: of one layer and one direction.
    :param inputs: *Shape:* ``(n_steps, ..., width)``
    :returns: each of :data:`QUANTITIES`, at each step. *Shape:* ``(n_steps, ..., hidden_width)``
    """
    weights = dict(lstm.named_parameters())
    cell = hidden = inputs.new_zeros(*inputs.shape[1:-1], lstm.hidden_size)
    from_inputs = inputs @ weights["weight_ih_l0"].t() + weights["bias_ih_l0"] + weights["bias_hh_l0"]
    steps = []
    for from_input in from_inputs:
        gates = from_input + hidden @ weights["weight_hh_l0"].t()
        i, f, g, o = gates.chunk(4, -1)
        i, f, g, o = i.sigmoid(), f.sigmoid(), g.tanh(), o.sigmoid()
        cell = f * cell + i * g
        hidden = o * cell.tanh()
        steps.append((f, i, g, cell, o, hidden))
    return tuple(map(torch.stack, zip(*steps)))


def _trace_member(member: Member, words: Tensor) -> Tuple[Tensor, Tensor]:
    """*Shape:* ``(depth, n_directions, len(QUANTITIES), n_words, ..., hidden_width)``, ``(n_words, ..., width)``"""
    hidden = words
    states = []
    for layer in member.layers:
        layer = cast(LSTMLayer, layer)
        directions = _trace_directions(layer.directions, hidden)
        states.append(_stack(directions))
        # shape: (n_words, ..., n_directions * hidden_width)
        outputs = torch.cat([quantities[QUANTITIES.index("hidden")] for quantities in directions], dim=-1)
        hidden = outputs + hidden if layer.residual else outputs
    if member.skip:
        hidden = torch.cat([hidden, words], dim=-1)
    if member.convolution is not None:
        beyond = torch.zeros_like(words[:1])
        before, after = torch.cat([beyond, words[:-1]]), torch.cat([words[1:], beyond])
        convolved = member.convolution(torch.cat([before, words, after], dim=-1)).relu()
        hidden = torch.cat([hidden, convolved], dim=-1)
    return torch.stack(states), hidden


def _trace_directions(lstms: Sequence[nn.LSTM], inputs: Tensor) -> List[Tuple[Tensor, ...]]:
    """The first LSTM reads rightwards, the second, if there is one, leftwards."""
    directions = [step_through(lstms[0], inputs)]
    directions += [tuple(states.flip(0) for states in step_through(lstm, inputs.flip(0))) for lstm in lstms[1:]]
    return directions


def _stack(directions: List[Tuple[Tensor, ...]]) -> Tensor:
    return torch.stack([torch.stack(quantities) for quantities in directions])
