"""LSTMs whose steps oneDNN takes."""

from copy import deepcopy
from heapq import heapreplace
from typing import Callable, Sequence, cast

import numpy
import torch
from torch import Tensor, nn
from torch.nn import functional

from ..network.hardware import has_amx
from ..ragged import numbers_within
from .lstms import Layout, LSTMs, Selection

# What a step of oneDNN takes beside the rows that it reads, in rows.
ROWS_FOR_A_STEP = 23
MOST_ROWS = 128
# What is added to a gate to close it.
CLOSED = -1e4


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
