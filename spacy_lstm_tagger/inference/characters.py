"""The characters of words, read for tagging: the outputs of `CharacterEncoder`, without gradients, in less time."""

import numpy
import torch
from torch import Tensor

from ..network.hardware import to_tensor
from ..network.word_encoder import CharacterEncoder
from .stepped_lstms import SteppedLSTMs


class CharacterReader:
    """A character encoder's LSTMs, and the input projections of all characters."""

    def __init__(self, encoder: CharacterEncoder) -> None:
        """Take over weights."""
        self._lstms = SteppedLSTMs([encoder.directions], torch.float32)
        self._projections = self._lstms.project_words(encoder.embedding.weight.unsqueeze(1))

    def read(self, characters: Tensor) -> Tensor:
        """Read words.

        :param characters: rows of the character embedding, 0 after a word's end. *Shape:* ``(n_words, n_positions)``
        :returns: the last hidden states of both directions. *Shape:* ``(n_words, character_width)``
        """
        table = characters.cpu().numpy()
        lengths = (table > 0).sum(1).clip(min=1)
        order = numpy.argsort(-lengths, kind="stable")
        layout = self._lstms.lay_out(order * table.shape[1], lengths[order])
        # The first row of the projections is that of padding.
        states = self._lstms.read_words(self._projections, numpy.append(1 + table.ravel(), 0), layout)
        # The cells of each word's first character and of its last: there the directions end.
        first = numpy.argsort(order)
        ends = to_tensor(numpy.stack([layout.cells.mirror[first], first], 1), states)
        return states.unflatten(1, (2, -1))[ends, [0, 1]].flatten(1)
