"""LSTMs that read many windows at once, in one of two ways.

`SteppedLSTMs` takes their steps in torch's operations: through all windows at once, longest window first, so that none
of them computes padding, and through both directions and all members at once. What a step reads is computed for a
hundred cells or so at a time, so that it is in the processor's cache when it is read: a tenth less time with two layers
of four LSTMs.

`FusedLSTMs` leaves the steps to oneDNN, one LSTM after another, over rows in which windows stand one after another. On
a processor with AMX it takes six tenths of the time of the first; without, it takes longer than that.
"""

from abc import ABC, abstractmethod
from copy import deepcopy
from heapq import heapreplace
from itertools import accumulate
from typing import Callable, Iterable, Iterator, List, NamedTuple, Optional, Sequence, cast

import numpy
import torch
from torch import Tensor, nn
from torch.nn import functional

from ..network.hardware import has_amx
from ..ragged import numbers_within

# A matrix product of few rows, and the rest of a row that does not fill a register, are computed by other kernels,
# whose last bits differ. So rows come in blocks, and units in multiples of a register's floats.
ROWS_PER_BLOCK = {torch.float32: 4, torch.bfloat16: 2}
UNITS_PER_REGISTER = 16
# oneDNN keeps what it made for each size of a product in bfloat16, a third of a megabyte, and so does torch: 1,024 of
# them each. So there are few sizes and strides: after the first windows blocks are larger, and so are those of products
# that are not of a single step.
ROWS_IN_SMALL_BLOCKS = 16
ROWS_PER_LARGE_BLOCK = 8
ROWS_PER_PRODUCT_BLOCK = 16
# What goes through a product at once: its result stays in the processor's cache until the LSTM has read it.
ROWS_PER_PRODUCT = 128
# What a step of oneDNN takes beside the rows that it reads, in rows.
ROWS_FOR_A_STEP = 23
MOST_ROWS = 128
# What is added to a gate to close it.
CLOSED = -1e4


class Layout(NamedTuple):
    """The order in which LSTM steps read the words of windows: some words of different windows in the first step, those
    after them in the second, and so on.

    tokens (numpy.ndarray): For each cell the word that is read there, or -1 if the cell only fills a step. int64, shape
        (n_cells,).
    positions (numpy.ndarray): Which word of its window that is. int64, same shape.
    mirror (numpy.ndarray): For each cell the one that is as far from the other end of the window. int64, same shape.
    sizes (List[int]): How many cells each step reads.
    """

    tokens: numpy.ndarray
    positions: numpy.ndarray
    mirror: numpy.ndarray
    sizes: List[int]

    def find_states(self, cells: numpy.ndarray) -> numpy.ndarray:
        """Find the states that LSTMs have after reading cells among those that they return.

        cells (numpy.ndarray): For each LSTM the cells. int64, shape (n_lstms, n).
        RETURNS (numpy.ndarray): The rows. int64, same shape.
        """
        sizes = numpy.asarray(self.sizes)
        first = numpy.repeat(numpy.cumsum(sizes) - sizes, sizes)[cells]
        lstms = numpy.arange(len(cells))[:, None]
        return first * len(cells) + lstms * numpy.repeat(sizes, sizes)[cells] + cells - first


class Selection(NamedTuple):
    """States of the layer below that LSTMs read.

    rows (Tensor): For each LSTM and cell, at times without cells that only fill a step, the row of these states. Shape
        (n_lstms, n_rows).
    sizes (List[int]): How many of the rows are those of each step.
    ends (Optional[Tensor]): Columns that are added to the states, to tell which are not of a word. Shape (n_states,
        any).
    """

    rows: Tensor
    sizes: List[int]
    ends: Optional[Tensor] = None


class LSTMs(ABC):
    """LSTMs that read the same windows: those of a layer, in both directions and in all members."""

    @abstractmethod
    def __init__(self, lstms: Sequence[nn.LSTM], precision: torch.dtype, *, reads_states: bool) -> None:
        """Take over weights.

        :param lstms: of the same sizes.
        :param precision: in which they compute.
        :param reads_states: whether they read states of other such LSTMs.
        """

    @abstractmethod
    def lay_out(self, starts: numpy.ndarray, lengths: numpy.ndarray) -> Layout:
        """Lay out windows.

        starts (numpy.ndarray): Each window's first word. int64, shape (n_windows,).
        lengths (numpy.ndarray): The windows' lengths, the longest first, all above 0. int64, same shape.
        RETURNS (Layout): The cells.
        """

    @abstractmethod
    def order(self, layout: Layout) -> numpy.ndarray:
        """Find the order in which these LSTMs read the cells of a layout.

        RETURNS (numpy.ndarray): Each cell of each LSTM, as the LSTM times the number of cells plus the cell. int64,
            shape (n_lstms * n_cells,).
        """

    @abstractmethod
    def weigh_words(self, words: Tensor) -> Tensor:
        """Compute what these LSTMs need of words.

        *Shape:* ``words (n_words, n_members, width)``, result ``(n_words, n, any)``, for LSTM ``i`` of ``n_lstms`` in
        the place ``i * n // n_lstms``
        """

    @abstractmethod
    def weigh_nothing(self, like: Tensor) -> Tensor:
        """RETURNS (Tensor): What stands in a cell without a word. Shape and kind as one row of what
        :meth:`weigh_words` returned."""

    @abstractmethod
    def read_words(self, words: Tensor, places: Tensor, layout: Layout) -> Tensor:
        """Read words.

        :param words: what :meth:`weigh_words` returned. *Shape:* ``(n_words * n, any)``
        :param places: for each LSTM and cell, in their :meth:`order`, the row there. *Shape:* ``(n_lstms * n_cells,)``
        :returns: the states, step by step and in each step LSTM by LSTM. *Shape:* ``(n_cells * n_lstms, units)``
        """

    @abstractmethod
    def choose_states(self, places: numpy.ndarray, layout: Layout) -> Selection:
        """Prepare to read states of the layer below.

        places (numpy.ndarray): For each LSTM and cell a row of these states. int64, shape (n_lstms, n_cells).
        layout (Layout): The layout.
        RETURNS (Selection): What :meth:`read_states` needs.
        """

    @abstractmethod
    def read_states(self, states: Tensor, selection: Selection, layout: Layout) -> Tensor:
        """Read states of the layer below.

        :param states: those of all its LSTMs. *Shape:* ``(n_cells * n_members, n_directions * units)``
        :param selection: what :meth:`choose_states` returned.
        :returns: as in :meth:`read_words`.
        """

    @staticmethod
    @abstractmethod
    def as_states(columns: Tensor, hidden_width: int) -> Tensor:
        """Arrange what states are multiplied with, or added to, as these LSTMs arrange states.

        *Shape:* ``columns (…, n * hidden_width)``, result ``(…, n * units)``
        """


class FusedLSTMs(LSTMs):
    """LSTMs whose steps oneDNN takes, in one call for each.

    Windows stand one after another in rows of equal length. Between them is a cell with a one in a further column of
    the input, whose weights close all gates, so that the LSTM forgets what it has read.
    """

    def __init__(self, lstms: Sequence[nn.LSTM], precision: torch.dtype, *, reads_states: bool) -> None:
        self._units = lstms[0].hidden_size
        self._precision = precision
        # Their inputs have this width, and one or two columns more.
        self._width = lstms[0].input_size
        self._lstms = [_pack(_add_input_to_forget(lstm).to(precision)) for lstm in lstms]

    def lay_out(self, starts: numpy.ndarray, lengths: numpy.ndarray) -> Layout:
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
        cells = (first_step + position) * n_rows + row
        layout = Layout(
            tokens=numpy.full(n_steps * n_rows, -1),
            positions=numpy.zeros(n_steps * n_rows, dtype="int64"),
            mirror=numpy.arange(n_steps * n_rows),
            sizes=[n_rows] * n_steps,
        )
        layout.tokens[cells] = numpy.repeat(starts, lengths) + position
        layout.positions[cells] = position
        layout.mirror[cells] = cells + (numpy.repeat(lengths, lengths) - 1 - 2 * position) * n_rows
        return layout

    def order(self, layout: Layout) -> numpy.ndarray:
        return numpy.arange(len(self._lstms) * len(layout.tokens))

    def weigh_words(self, words: Tensor) -> Tensor:
        return _widen(words)

    def weigh_nothing(self, like: Tensor) -> Tensor:
        closed = torch.zeros_like(like)
        closed[..., -1] = 1
        return closed

    def read_words(self, words: Tensor, places: Tensor, layout: Layout) -> Tensor:
        inputs = words.index_select(0, places).view(len(self._lstms), len(layout.sizes), layout.sizes[0], -1)
        zeros = words.new_zeros(layout.sizes[0], self._units)
        return torch.stack([lstm(part, zeros) for lstm, part in zip(self._lstms, inputs)], 1).flatten(0, 2)

    def choose_states(self, places: numpy.ndarray, layout: Layout) -> Selection:
        n_states = 1 + places.max()
        ends = torch.zeros(n_states, _n_added(self._width), dtype=self._precision)
        ends[:, -1] = torch.from_numpy((layout.tokens < 0).repeat(n_states // len(layout.tokens)))
        return Selection(torch.from_numpy(places.ravel()), layout.sizes, ends)

    def read_states(self, states: Tensor, selection: Selection, layout: Layout) -> Tensor:
        return self.read_words(torch.cat([states, cast(Tensor, selection.ends)], 1), selection.rows, layout)

    @staticmethod
    def as_states(columns: Tensor, hidden_width: int) -> Tensor:
        return columns


def _widen(inputs: Tensor) -> Tensor:
    """RETURNS (Tensor): The same with one or two columns of zeros."""
    return functional.pad(inputs, (0, _n_added(inputs.shape[-1])))


def _n_added(width: int) -> int:
    """RETURNS (int): How many columns are added: an odd number of them all takes oneDNN five times as long."""
    return 2 - width % 2


def _add_input_to_forget(lstm: nn.LSTM) -> nn.LSTM:
    """RETURNS (nn.LSTM): The same with a wider input: a one in its last column closes input, forget and output gate."""
    weights = _widen(lstm.state_dict()["weight_ih_l0"])
    weights[:, -1] = weights.new_tensor([CLOSED, CLOSED, 0.0, CLOSED]).repeat_interleave(lstm.hidden_size)
    widened = deepcopy(lstm)
    widened.weight_ih_l0 = nn.Parameter(weights)
    widened.input_size = weights.shape[1]
    return widened


def _pack(lstm: nn.LSTM) -> Callable[[Tensor, Tensor], Tensor]:
    """Arrange an LSTM's weights as oneDNN reads them. `nn.LSTM` does so in each call, which takes half of the time of
    a sentence, but torch's operation for it is not public. Without it, or without AMX, this is `nn.LSTM`.

    RETURNS (Callable[[Tensor, Tensor], Tensor]): From inputs and the first state to states. Shape (n_steps, n_rows,
        width), (n_rows, units) and (n_steps, n_rows, units).
    """
    from_input, from_state, input_bias, state_bias = (weight.detach() for weight in lstm.all_weights[0])
    units = lstm.hidden_size
    arrange = getattr(torch.ops.mkldnn, "_reorder_mkldnn_rnn_layer_weight", None)
    if arrange is None or not has_amx(from_input.device):
        return lambda inputs, first: lstm(inputs, (first.unsqueeze(0), first.unsqueeze(0)))[0]
    from_input, from_state = arrange(from_input, from_state, units, False, True, False)

    def read(inputs: Tensor, first: Tensor) -> Tensor:
        states, _, _, _ = torch.mkldnn_rnn_layer(
            inputs,
            from_input,
            from_state,
            input_bias,
            state_bias,
            first,
            first,
            reverse=False,
            batch_sizes=[],  # of a packed batch
            mode=2,  # an LSTM
            hidden_size=units,
            num_layers=1,
            has_biases=True,
            bidirectional=False,
            batch_first=False,
            train=False,
        )
        return states

    return read


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
