"""LSTMs whose steps oneDNN takes."""

from copy import deepcopy
from heapq import heapreplace
from typing import NamedTuple, Sequence

import numpy
import torch
from torch import Tensor, nn
from torch.nn import functional

from ..network.hardware import has_amx, to_tensor
from ..network.private_torch import ReadSequence, pack_lstm
from ..ragged import numbers_within
from .lstms import Cells

# The time of a step of oneDNN is that of so many rows, beside that of the rows that it reads.
ROWS_FOR_A_STEP = 23
MOST_ROWS = 128
# A pre-activation that closes a gate.
CLOSED = -1e4


class FusedLayout(NamedTuple):
    """See :class:`lstms.Layout`.

    cells (Cells): The cells. All steps have the same number of them.
    mirror (Tensor): Their mirror. Shape (n_cells,).
    is_padding (Tensor): Whether a cell is padding, 1 or 0. Shape (n_cells, 1).
    """

    cells: Cells
    mirror: Tensor
    is_padding: Tensor


class FusedLSTMs:
    """LSTMs whose steps oneDNN takes, in one call for each LSTM.

    Windows stand one after another in rows of equal length, with a cell of padding between them. There an additional
    column of the input is 1; its weights close all gates, so that the LSTM forgets the window before.
    """

    def __init__(self, members: Sequence[Sequence[nn.LSTM]], precision: torch.dtype) -> None:
        """Take over weights.

        :param members: for each member the LSTMs of its layer: that reads rightwards, and that reads leftwards if any.
        :param precision: in which they compute.
        """
        self._hidden_width = members[0][0].hidden_size
        self._precision = precision
        self._members = [[_pack(_add_padding_column(lstm).to(precision)) for lstm in lstms] for lstms in members]

    def lay_out(self, starts: numpy.ndarray, lengths: numpy.ndarray) -> FusedLayout:
        """See :meth:`lstms.LSTMs.lay_out`."""
        n_rows = _choose_number_of_rows(lengths)
        # Each window goes into the row with the fewest cells.
        rows = [(0, row) for row in range(n_rows)]
        places = []
        for length in lengths.tolist():
            n_cells, row = rows[0]
            places.append((n_cells, row))
            heapreplace(rows, (n_cells + length + 1, row))
        n_steps = _round_up(max(rows)[0] - 1)

        position = numbers_within(lengths)
        first_step, row = numpy.repeat(places, lengths, axis=0).T
        of_words = (first_step + position) * n_rows + row
        cells = Cells(
            tokens=numpy.full(n_steps * n_rows, -1),
            positions=numpy.zeros(n_steps * n_rows, dtype="int64"),
            mirror=numpy.arange(n_steps * n_rows),
            sizes=[n_rows] * n_steps,
        )
        cells.tokens[of_words] = numpy.repeat(starts, lengths) + position
        cells.positions[of_words] = position
        cells.mirror[of_words] = of_words + (numpy.repeat(lengths, lengths) - 1 - 2 * position) * n_rows
        is_padding = torch.from_numpy(cells.tokens < 0).unsqueeze(1).to(self._precision)
        return FusedLayout(cells, torch.from_numpy(cells.mirror), is_padding)

    def project_words(self, words: Tensor) -> Tensor:
        """See :meth:`lstms.LSTMs.project_words`. oneDNN projects inputs itself, so this is the words' vectors."""
        inputs = functional.pad(_widen(words), (0, 0, 0, 0, 1, 0))
        inputs[0, :, -1] = 1
        return inputs

    def read_words(self, projections: Tensor, rows: numpy.ndarray, layout: FusedLayout) -> Tensor:
        """See :meth:`lstms.LSTMs.read_words`."""
        return self._read(projections.index_select(0, to_tensor(rows[layout.cells.tokens], projections)), layout)

    def read_states(self, hidden: Tensor, layout: FusedLayout) -> Tensor:
        """See :meth:`lstms.LSTMs.read_states`."""
        inputs = _widen(hidden)
        inputs[:, :, -1] = layout.is_padding
        return self._read(inputs, layout)

    def _read(self, inputs: Tensor, layout: FusedLayout) -> Tensor:
        """*Shape:* ``inputs (n_cells, n_members, width and additional columns)``, result as :meth:`read_words`"""
        n_steps, n_rows = len(layout.cells.sizes), layout.cells.sizes[0]
        zeros = inputs.new_zeros(n_rows, self._hidden_width)
        states = []
        for member, (rightwards, *leftwards) in zip(inputs.unbind(1), self._members):
            states.append(rightwards(member.unflatten(0, (n_steps, n_rows)), zeros).flatten(0, 1))
            for lstm in leftwards:
                mirrored = member.index_select(0, layout.mirror).unflatten(0, (n_steps, n_rows))
                states.append(lstm(mirrored, zeros).flatten(0, 1).index_select(0, layout.mirror))
        return torch.cat(states, 1)


def _widen(inputs: Tensor) -> Tensor:
    """RETURNS (Tensor): The inputs with one or two additional columns of zeros."""
    return functional.pad(inputs, (0, _n_added(inputs.shape[-1])))


def _n_added(width: int) -> int:
    """RETURNS (int): How many columns are added, so that their number is even: an odd one makes oneDNN slow."""
    return 2 - width % 2


def _add_padding_column(lstm: nn.LSTM) -> nn.LSTM:
    """RETURNS (nn.LSTM): The LSTM with a wider input: a 1 in the last column closes input, forget and output gate."""
    weights = _widen(lstm.state_dict()["weight_ih_l0"])
    weights[:, -1] = weights.new_tensor([CLOSED, CLOSED, 0.0, CLOSED]).repeat_interleave(lstm.hidden_size)
    widened = deepcopy(lstm)
    widened.weight_ih_l0 = nn.Parameter(weights)
    widened.input_size = weights.shape[1]
    return widened


def _pack(lstm: nn.LSTM) -> ReadSequence:
    """Arrange an LSTM's weights as oneDNN reads them, if that helps. `nn.LSTM` does so in each call."""
    packed = pack_lstm(lstm) if has_amx(next(lstm.parameters()).device) else None
    return packed or (lambda inputs, first: lstm(inputs, (first.unsqueeze(0), first.unsqueeze(0)))[0])


def _choose_number_of_rows(lengths: numpy.ndarray) -> int:
    """Choose into how many rows windows go. It is cheapest to have many, unless they are not filled. One alone is
    computed by another kernel, whose last bits differ."""
    n_rows = 2 ** numpy.arange(1, MOST_ROWS.bit_length())
    n_steps = numpy.maximum(lengths[0], (lengths.sum() + len(lengths)) / n_rows)
    return int(n_rows[numpy.argmin(n_steps * (n_rows + ROWS_FOR_A_STEP))])


def _round_up(number: int) -> int:
    """RETURNS (int): A number at least as large, of few: oneDNN keeps an eighth of a megabyte for each."""
    step = 1 << max(0, (number - 1).bit_length() - 5)
    return -(-number // step) * step
