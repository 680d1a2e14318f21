"""The characters of words, read for tagging: the outputs of `CharacterEncoder`, without gradients, in less time."""

import numpy
import torch
from torch import Tensor

from ..network.hardware import to_tensor
from ..network.word_encoder import CharacterEncoder
from .lstms import Cells
from .stepped_lstms import SteppedLSTMs


class CharacterReader:
    """A character encoder's LSTMs, and the input projections of all characters."""

    def __init__(self, encoder: CharacterEncoder) -> None:
        """Take over weights."""
        self._lstms = SteppedLSTMs([encoder.directions], torch.float32)
        self._projections = self._lstms.project_words(encoder.embedding.weight.unsqueeze(1))
        self._attention = encoder.attention

    def read(self, characters: Tensor) -> Tensor:
        """Read words.

        :param characters: rows of the character embedding, 0 after a word's end. *Shape:* ``(n_words, n_positions)``
        :returns: what the encoder makes of them. *Shape:* ``(n_words, character_width)``
        """
        table = characters.cpu().numpy()
        lengths = (table > 0).sum(1).clip(min=1)
        order = numpy.argsort(-lengths, kind="stable")
        layout = self._lstms.lay_out(order * table.shape[1], lengths[order])
        # The first row of the projections is that of padding.
        states = self._lstms.read_words(self._projections, numpy.append(1 + table.ravel(), 0), layout)
        states = states.unflatten(1, (2, -1))
        # The cells of each word's first character and of its last: there the directions end.
        first = numpy.argsort(order)
        ends = to_tensor(numpy.stack([layout.cells.mirror[first], first], 1), states)
        of_words = states[ends, [0, 1]]
        if self._attention is not None:
            of_words += _attend(states, self._attention, layout.cells)[to_tensor(first, states)]
        return of_words.flatten(1)


def _attend(states: Tensor, attention: Tensor, cells: Cells) -> Tensor:
    """Average the states of each word, weighted by attention.

    Step by step, so that a word's sum does not depend on how long others are.

    *Shape:* ``states (n_cells, 2, width / 2)``, ``attention (2, width / 2)``, result ``(cells.sizes[0], 2, width / 2)``
    """
    is_padding = to_tensor(cells.tokens < 0, states).view(-1, 1, 1)
    # shape: (n_cells, 2, 1)
    scores = (states * attention).sum(2, keepdim=True).masked_fill(is_padding, -torch.inf)
    highest = scores[: cells.sizes[0]].clone()
    for step in scores.split(cells.sizes):
        torch.maximum(highest[: len(step)], step, out=highest[: len(step)])
    total, weighted = torch.zeros_like(highest), states.new_zeros(len(highest), *states.shape[1:])
    for of_step, step in zip(states.split(cells.sizes), scores.split(cells.sizes)):
        weights = (step - highest[: len(step)]).exp_()
        total[: len(step)] += weights
        weighted[: len(step)].addcmul_(weights, of_step)
    return weighted.div_(total)
