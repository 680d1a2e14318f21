"""LSTMs that take their steps in torch's operations."""

from itertools import accumulate
from typing import Iterable, Iterator, List, Optional, Sequence

import numpy
import torch
from torch import Tensor, nn
from torch.nn import functional

from ..ragged import numbers_within
from .lstms import ROWS_PER_PRODUCT, ROWS_PER_PRODUCT_BLOCK, Layout, LSTMs, Selection

# A product of few rows, and the units of a row that do not fill a register, are computed by other kernels, whose last
# bits differ. So rows come in blocks, and units in multiples of a register's floats.
ROWS_PER_BLOCK = {torch.float32: 4, torch.bfloat16: 2}
UNITS_PER_REGISTER = 16
# Products of a step have few sizes too (see ROWS_PER_PRODUCT_BLOCK): after the first windows, blocks are larger.
ROWS_IN_SMALL_BLOCKS = 16
ROWS_PER_LARGE_BLOCK = 8


class SteppedLSTMs(LSTMs):
    """LSTMs that take their steps together, in torch's operations.

    Gates are in the order input, forget, output, candidate, the last one doubled. States are negated. Units are filled
    up to a multiple of UNITS_PER_REGISTER by some that stay 0.

    *Shape:* ``_inputs (n_lstms, input width, 4 * units)``, ``_biases (n_lstms, 1, 4 * units)``,
    ``_recurrent (n_lstms, units, 4 * units)``
    """

    def __init__(self, lstms: Sequence[nn.LSTM], precision: torch.dtype, *, reads_states: bool) -> None:
        weights = [lstm.state_dict() for lstm in lstms]
        width = lstms[0].hidden_size
        inputs = [w["weight_ih_l0"] for w in weights]
        inputs = [self.as_states(part, width) for part in inputs] if reads_states else inputs
        biases = [(w["bias_ih_l0"] + w["bias_hh_l0"]).unsqueeze(1) for w in weights]
        recurrent = [self.as_states(w["weight_hh_l0"], width) for w in weights]
        self._inputs, self._biases, self._recurrent = (
            _order_gates(part).to(precision) for part in (inputs, biases, recurrent)
        )

    def lay_out(self, starts: numpy.ndarray, lengths: numpy.ndarray) -> Layout:
        rows_per_block = ROWS_PER_BLOCK[self._recurrent.dtype]
        blocks = numpy.arange(-(-len(lengths) // rows_per_block))
        n_small, joined = ROWS_IN_SMALL_BLOCKS // rows_per_block, max(1, ROWS_PER_LARGE_BLOCK // rows_per_block)
        blocks = blocks[(blocks < n_small) | ((blocks - n_small) % joined == 0)]
        n_rows = rows_per_block * numpy.where(blocks < n_small, 1, joined)
        # A block goes on for as long as its first window does.
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
        return Layout(
            tokens=numpy.where(is_word, starts[window][column] + step, -1),
            positions=numpy.where(is_word, step, 0),
            mirror=numpy.where(is_word, first_cell[length - 1 - step] + column, numpy.arange(len(step))),
            sizes=sizes.tolist(),
        )

    def order(self, layout: Layout) -> numpy.ndarray:
        n_lstms, n_cells = len(self._recurrent), len(layout.tokens)
        order = numpy.empty(n_lstms * n_cells, dtype="int64")
        order[layout.find_states(numpy.tile(numpy.arange(n_cells), (n_lstms, 1))).ravel()] = numpy.arange(len(order))
        return order

    def weigh_words(self, words: Tensor) -> Tensor:
        """Compute what words say to the gates."""
        n_directions = len(self._inputs) // words.shape[1]
        inputs = words.repeat_interleave(n_directions, 1).transpose(0, 1)
        return torch.cat([self.weigh(part) for part in inputs.split(ROWS_PER_PRODUCT, 1)], 1).transpose(0, 1)

    def weigh_nothing(self, like: Tensor) -> Tensor:
        return torch.zeros_like(like)

    def weigh(self, inputs: Tensor, out: Optional[Tensor] = None) -> Tensor:
        """Compute what inputs say to the gates.

        :param out: where the result is written; None takes new memory.
        *Shape:* ``inputs (n_lstms, n_cells, input width)``, result ``(n_lstms, n_cells, 4 * units)``
        """
        return torch.baddbmm(self._biases, inputs, self._inputs, out=out)

    def read_words(self, words: Tensor, places: Tensor, layout: Layout) -> Tensor:
        n_lstms, _, width = self._recurrent.shape

        def read() -> Iterator[Tensor]:
            scratch = words.new_empty(n_lstms * max(ROWS_PER_PRODUCT, layout.sizes[0]), width)
            first = 0
            for part in _in_parts(layout.sizes):
                n_rows = n_lstms * sum(part)
                gates = torch.index_select(words, 0, places[first : first + n_rows], out=scratch[:n_rows])
                for step in gates.split([n_lstms * size for size in part]):
                    yield step.unflatten(0, (n_lstms, -1))
                first += n_rows

        return take_steps(read(), self._recurrent, layout.sizes)

    def choose_states(self, places: numpy.ndarray, layout: Layout) -> Selection:
        is_word = layout.tokens >= 0
        rows = numpy.pad(places[:, is_word], ((0, 0), (0, 2 * ROWS_PER_PRODUCT_BLOCK)), "edge")
        sizes = numpy.asarray(layout.sizes)
        n_words = numpy.add.reduceat(is_word, numpy.cumsum(sizes) - sizes, dtype="int64")
        return Selection(torch.from_numpy(rows).to(self._recurrent.device), n_words.tolist())

    def read_states(self, states: Tensor, selection: Selection, layout: Layout) -> Tensor:
        n_lstms, _, width = self._recurrent.shape

        def read() -> Iterator[Tensor]:
            n_rows = max(ROWS_PER_PRODUCT, layout.sizes[0]) + 2 * ROWS_PER_PRODUCT_BLOCK
            scratch = states.new_empty(n_lstms * n_rows, width)
            sizes = iter(layout.sizes)
            first = 0
            for part in _in_parts(selection.sizes):
                starts = list(accumulate(part, initial=0))
                # Words come first in a step. What fills it is read in the words after them.
                ends = [start + size for start, size in zip(starts[:-1], sizes)]
                n_rows = -(-max(ends) // ROWS_PER_PRODUCT_BLOCK) * ROWS_PER_PRODUCT_BLOCK
                inputs = states.index_select(0, selection.rows[:, first : first + n_rows].flatten())
                gates = scratch[: n_lstms * n_rows].view(n_lstms, n_rows, width)
                self.weigh(inputs.view(n_lstms, n_rows, -1), out=gates)
                for start, end in zip(starts, ends):
                    # A copy, since it is overwritten, and the strides of products must depend on their size alone.
                    step = gates[:, start:end]
                    yield step.clone(memory_format=torch.contiguous_format) if len(part) > 1 else step.contiguous()
                first += starts[-1]

        return take_steps(read(), self._recurrent, layout.sizes)

    @staticmethod
    def as_states(columns: Tensor, hidden_width: int) -> Tensor:
        by_direction = -columns.unflatten(-1, (-1, hidden_width))
        return functional.pad(by_direction, (0, -hidden_width % UNITS_PER_REGISTER)).flatten(-2)


def _order_gates(weights: List[Tensor]) -> Tensor:
    """*Shape:* each ``(4 * hidden_width, width)``, result ``(n_weights, width, 4 * units)``"""
    # torch has the candidate before the output gate.
    input_gate, forget_gate, candidate, output_gate = torch.stack(weights).unflatten(1, (4, -1)).unbind(1)
    gates = torch.stack([input_gate, forget_gate, output_gate, 2 * candidate], 1)
    filled = functional.pad(gates, (0, 0, 0, -gates.shape[2] % UNITS_PER_REGISTER))
    return filled.flatten(1, 2).transpose(1, 2).contiguous()


def take_steps(inputs: Iterable[Tensor], recurrent: Tensor, sizes: List[int]) -> Tensor:
    """Let LSTMs read the cells of a layout.

    :param inputs: for each step what the cells say to the gates. Overwritten. *Shape:* ``(n_lstms, size, 4 * units)``
    :param recurrent: their recurrent weights. *Shape:* ``(n_lstms, units, 4 * units)``
    :param sizes: how many cells each step reads.
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
        # candidate are doubled for it, and so is the cell's state. float32 takes less time than bfloat16.
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
