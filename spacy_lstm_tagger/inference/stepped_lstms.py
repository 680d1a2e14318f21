"""LSTMs that take their steps in torch's operations."""

from itertools import accumulate
from typing import Iterable, Iterator, List, NamedTuple, Optional, Sequence

import numpy
import torch
from torch import Tensor, nn
from torch.nn import functional

from ..network.hardware import to_tensor
from ..ragged import numbers_within
from .lstms import ROWS_PER_PRODUCT, ROWS_PER_PRODUCT_BLOCK, Cells

# A product of few rows, and the units of a row that do not fill a register, are computed by other kernels, whose last
# bits differ. So rows come in blocks, and units in multiples of a register's floats.
ROWS_PER_BLOCK = {torch.float32: 4, torch.bfloat16: 2}
UNITS_PER_REGISTER = 16
# Products of a step have few sizes too (see ROWS_PER_PRODUCT_BLOCK): after the first windows, blocks are larger.
ROWS_IN_SMALL_BLOCKS = 16
ROWS_PER_LARGE_BLOCK = 8


class SteppedLayout(NamedTuple):
    """See :class:`lstms.Layout`. LSTMs read step by step, and in each step one after another.

    cells (Cells): The cells.
    tokens (numpy.ndarray): The words in this order, -1 for padding. int64, shape (n_lstms * n_cells,).
    lstms (numpy.ndarray): The LSTMs that read them. int64, same shape.
    states (Tensor): For each cell and LSTM where in this order its state is. Shape (n_cells * n_lstms,).
    hidden (Tensor): For each LSTM the rows of the layer below that it reads, those of padding left out. Shape (n_lstms,
        n_words), and a few rows more.
    n_words (List[int]): The number of these rows in each step.
    """

    cells: Cells
    tokens: numpy.ndarray
    lstms: numpy.ndarray
    states: Tensor
    hidden: Tensor
    n_words: List[int]


class SteppedLSTMs:
    """LSTMs that take their steps in torch's operations, all windows, directions and members at once.

    Windows are read longest first, so that later steps have fewer cells and hardly any padding. Gates are in the order
    input, forget, output, candidate. Units are padded to a multiple of UNITS_PER_REGISTER with some that stay 0.

    *Shape:* ``_inputs (n_lstms, input width, 4 * units)``, ``_biases (n_lstms, 1, 4 * units)``,
    ``_recurrent (n_lstms, units, 4 * units)``
    """

    def __init__(self, members: Sequence[Sequence[nn.LSTM]], precision: torch.dtype) -> None:
        """Take over weights.

        :param members: for each member the LSTMs of its layer: that reads rightwards, and that reads leftwards if any.
        :param precision: in which they compute, except for gates and cells.
        """
        weights = [lstm.state_dict() for lstms in members for lstm in lstms]
        self._n_members, self._n_directions = len(members), len(members[0])
        self._hidden_width = members[0][0].hidden_size
        inputs = [w["weight_ih_l0"] for w in weights]
        biases = [(w["bias_ih_l0"] + w["bias_hh_l0"]).unsqueeze(1) for w in weights]
        recurrent = [functional.pad(-w["weight_hh_l0"], (0, -self._hidden_width % UNITS_PER_REGISTER)) for w in weights]
        self._inputs, self._biases, self._recurrent = (
            _order_gates(part).to(precision) for part in (inputs, biases, recurrent)
        )

    def lay_out(self, starts: numpy.ndarray, lengths: numpy.ndarray) -> SteppedLayout:
        """See :meth:`lstms.LSTMs.lay_out`."""
        cells = _lay_out_cells(starts, lengths, ROWS_PER_BLOCK[self._recurrent.dtype])
        n_lstms, n_cells = len(self._recurrent), len(cells.tokens)
        lstms = numpy.arange(n_lstms)[:, None]
        sizes = numpy.asarray(cells.sizes)
        first = numpy.cumsum(sizes) - sizes
        first_of_step, size = numpy.repeat(first, sizes), numpy.repeat(sizes, sizes)
        # For each LSTM and place in a step: the cell that it reads there, and when it does.
        # shape: (n_lstms, n_cells)
        read = numpy.tile([numpy.arange(n_cells), cells.mirror][: self._n_directions], (self._n_members, 1))
        places = first_of_step * n_lstms + lstms * size + numpy.arange(n_cells) - first_of_step
        order = numpy.empty(n_lstms * n_cells, dtype="int64")
        order[places.ravel()] = numpy.arange(n_lstms * n_cells)

        is_word = cells.tokens >= 0
        hidden = read[:, is_word] * self._n_members + lstms // self._n_directions
        hidden = numpy.pad(hidden, ((0, 0), (0, 2 * ROWS_PER_PRODUCT_BLOCK)), "edge")
        return SteppedLayout(
            cells=cells,
            tokens=cells.tokens[read].ravel()[order],
            lstms=order // n_cells,
            states=to_tensor(numpy.take_along_axis(places, read, 1).T.ravel(), self._recurrent),
            hidden=to_tensor(hidden, self._recurrent),
            n_words=numpy.add.reduceat(is_word, first, dtype="int64").tolist(),
        )

    def project_words(self, words: Tensor) -> Tensor:
        """See :meth:`lstms.LSTMs.project_words`. *Shape:* result ``(1 + n_words, n_lstms, 4 * units)``"""
        inputs = words.repeat_interleave(self._n_directions, 1).transpose(0, 1)
        projections = [self._project(part) for part in inputs.split(ROWS_PER_PRODUCT, 1)]
        return functional.pad(torch.cat(projections, 1), (0, 0, 1, 0)).transpose(0, 1)

    def read_words(self, projections: Tensor, rows: numpy.ndarray, layout: SteppedLayout) -> Tensor:
        """See :meth:`lstms.LSTMs.read_words`."""
        n_lstms, _, width = self._recurrent.shape
        words = to_tensor(rows[layout.tokens] * n_lstms + layout.lstms, projections)
        table = projections.flatten(0, 1)

        def read() -> Iterator[Tensor]:
            scratch = table.new_empty(n_lstms * max(ROWS_PER_PRODUCT, layout.cells.sizes[0]), width)
            first = 0
            for part in _in_parts(layout.cells.sizes):
                n_rows = n_lstms * sum(part)
                gates = torch.index_select(table, 0, words[first : first + n_rows], out=scratch[:n_rows])
                for step in gates.split([n_lstms * size for size in part]):
                    yield step.unflatten(0, (n_lstms, -1))
                first += n_rows

        return self._take_steps(read(), layout)

    def read_states(self, hidden: Tensor, layout: SteppedLayout) -> Tensor:
        """See :meth:`lstms.LSTMs.read_states`."""
        n_lstms, _, width = self._recurrent.shape
        table = hidden.flatten(0, 1)

        def read() -> Iterator[Tensor]:
            n_rows = max(ROWS_PER_PRODUCT, layout.cells.sizes[0]) + 2 * ROWS_PER_PRODUCT_BLOCK
            scratch = table.new_empty(n_lstms * n_rows, width)
            sizes = iter(layout.cells.sizes)
            first = 0
            for part in _in_parts(layout.n_words):
                starts = list(accumulate(part, initial=0))
                # Words come first in a step. The rows of its padding are those of the words after them.
                ends = [start + size for start, size in zip(starts[:-1], sizes)]
                n_rows = -(-max(ends) // ROWS_PER_PRODUCT_BLOCK) * ROWS_PER_PRODUCT_BLOCK
                inputs = table.index_select(0, layout.hidden[:, first : first + n_rows].flatten())
                gates = scratch[: n_lstms * n_rows].view(n_lstms, n_rows, width)
                self._project(inputs.view(n_lstms, n_rows, -1), out=gates)
                for start, end in zip(starts, ends):
                    # A copy, since it is overwritten, and the strides of products must depend on their size alone.
                    step = gates[:, start:end]
                    yield step.clone(memory_format=torch.contiguous_format) if len(part) > 1 else step.contiguous()
                first += starts[-1]

        return self._take_steps(read(), layout)

    def _project(self, inputs: Tensor, out: Optional[Tensor] = None) -> Tensor:
        """Compute the input projection.

        :param out: where the result is written; None takes new memory.
        *Shape:* ``inputs (n_lstms, n_rows, input width)``, result ``(n_lstms, n_rows, 4 * units)``
        """
        return torch.baddbmm(self._biases, inputs, self._inputs, out=out)

    def _take_steps(self, gates: Iterable[Tensor], layout: SteppedLayout) -> Tensor:
        """Take the steps, and gather the hidden states in the order of cells, with their own sign, without padding."""
        negated = take_steps(gates, self._recurrent, layout.cells.sizes).index_select(0, layout.states)
        by_cell = negated.view(len(layout.cells.tokens), len(self._recurrent), -1)
        return by_cell[..., : self._hidden_width].flatten(1).neg_()


def _lay_out_cells(starts: numpy.ndarray, lengths: numpy.ndarray, rows_per_block: int) -> Cells:
    """Put windows into cells, the longest windows first in each step."""
    blocks = numpy.arange(-(-len(lengths) // rows_per_block))
    n_small, joined = ROWS_IN_SMALL_BLOCKS // rows_per_block, max(1, ROWS_PER_LARGE_BLOCK // rows_per_block)
    blocks = blocks[(blocks < n_small) | ((blocks - n_small) % joined == 0)]
    n_rows = rows_per_block * numpy.where(blocks < n_small, 1, joined)
    # A block is in as many steps as its first window has words.
    longest = numpy.repeat(lengths[blocks * rows_per_block], n_rows)
    window = numpy.minimum(numpy.arange(len(longest)), len(lengths) - 1)
    # shape: (n_steps,)
    sizes = numpy.searchsorted(-longest, -numpy.arange(lengths[0]))
    first_cell = numpy.cumsum(sizes) - sizes
    # shape: (n_cells,)
    step = numpy.repeat(numpy.arange(len(sizes)), sizes)
    column = numbers_within(sizes)
    length = lengths[window][column]
    is_word = (step < length) & (column < len(lengths))
    return Cells(
        tokens=numpy.where(is_word, starts[window][column] + step, -1),
        positions=numpy.where(is_word, step, 0),
        mirror=numpy.where(is_word, first_cell[length - 1 - step] + column, numpy.arange(len(step))),
        sizes=sizes.tolist(),
    )


def _order_gates(weights: List[Tensor]) -> Tensor:
    """*Shape:* each ``(4 * hidden_width, width)``, result ``(n_weights, width, 4 * units)``"""
    # torch has the candidate before the output gate.
    input_gate, forget_gate, candidate, output_gate = torch.stack(weights).unflatten(1, (4, -1)).unbind(1)
    gates = torch.stack([input_gate, forget_gate, output_gate, 2 * candidate], 1)
    filled = functional.pad(gates, (0, 0, 0, -gates.shape[2] % UNITS_PER_REGISTER))
    return filled.flatten(1, 2).transpose(1, 2).contiguous()


def take_steps(inputs: Iterable[Tensor], recurrent: Tensor, sizes: List[int]) -> Tensor:
    """Let LSTMs read the cells of a layout.

    :param inputs: for each step its input projections. Overwritten. *Shape:* ``(n_lstms, size, 4 * units)``
    :param recurrent: their recurrent weights, negated. *Shape:* ``(n_lstms, units, 4 * units)``
    :param sizes: how many cells each step has.
    :returns: negated hidden states, step by step and in each step LSTM by LSTM. *Shape:* ``(n_cells * n_lstms, units)``
    """
    n_lstms, units, _ = recurrent.shape
    states = recurrent.new_empty(n_lstms * sum(sizes), units)
    double_cell = torch.zeros(n_lstms, sizes[0], units, device=recurrent.device)
    hidden: Optional[Tensor] = None
    for gates, step_states, size in zip(inputs, states.split([n_lstms * size for size in sizes]), sizes):
        if hidden is None or size < hidden.shape[1]:
            hidden = None if hidden is None else hidden[:, :size].contiguous()
            double_cell = double_cell[:, :size]
            opened = double_cell.new_empty(n_lstms, size, 4 * units)
            input_gate, forget_gate, output_gate, candidate = opened.unflatten(2, (4, units)).unbind(2)
            opened_cell = double_cell.new_empty(n_lstms, size, units)
        if hidden is not None:
            gates.baddbmm_(hidden, recurrent)
        # A sigmoid takes a sixth of the time of a tanh, and tanh(x) = 2 * sigmoid(2 * x) - 1. The weights of the
        # candidate are doubled for it, and so is the cell. The hidden state is negated, which is one operation less.
        # Gates in float32 take less time than in bfloat16.
        torch.sigmoid(gates.float(), out=opened)
        double_cell.mul_(forget_gate).addcmul_(input_gate, candidate, value=4).sub_(input_gate, alpha=2)
        torch.sigmoid(double_cell, out=opened_cell)
        hidden = step_states.view(n_lstms, size, units)
        torch.addcmul(output_gate, output_gate, opened_cell, value=-2, out=hidden)
    return states


def _in_parts(sizes: List[int]) -> Iterator[List[int]]:
    """Yield the sizes of steps that are read at once."""
    part: List[int] = []
    for size in sizes:
        if part and sum(part) + size > ROWS_PER_PRODUCT:
            yield part
            part = []
        part.append(size)
    yield part
