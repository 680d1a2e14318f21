"""The network laid out for tagging: the outputs of network.py, without gradients, in a fraction of its time.

What depends on a word alone is computed once per word: its part in the gates of the first layer and in the scores.
LSTM steps go through all sentences of a batch at once, longest sentence first, so that none of them computes padding,
and through both directions and all members at once.
"""

from typing import List, NamedTuple, Sequence, cast

import numpy
import torch
from torch import Tensor, nn
from torch.nn import functional

from .network import LSTMLayer, LSTMTagger, Member, WordTypes
from .windows import numbers_within

# A matrix product of three rows or less, and the rest of a row that does not fill a register, are computed by other
# kernels, whose last bits differ. So windows are read in blocks, and units come in multiples of a register's floats.
WINDOWS_PER_BLOCK = 8
UNITS_PER_REGISTER = 16


class WordTable(NamedTuple):
    """What is known of words without their context.

    *Shape:* ``gates (n_words, n_lstms, 4 * units)``, ``scores (n_words, n_labels)`` and, for a first layer that
    is residual, ``vectors (n_words, n_members, n_directions * units)``, else of width 0.
    """

    gates: Tensor
    scores: Tensor
    vectors: Tensor


class Layout(NamedTuple):
    """The order in which LSTM steps read the words of windows: the first word of each, then the second of each, and
    so on. Windows are sorted by length, so those that go on are always the first ones.

    tokens (numpy.ndarray): For each cell the word that is read there. int64, shape (n_cells,).
    mirror (numpy.ndarray): For each cell the one that is as far from the other end of the window. int64, same shape.
    is_padding (numpy.ndarray): Whether a cell only stands there to fill a block. bool, same shape.
    sizes (List[int]): How many windows each step reads.
    """

    tokens: numpy.ndarray
    mirror: numpy.ndarray
    is_padding: numpy.ndarray
    sizes: List[int]


def lay_out(starts: numpy.ndarray, lengths: numpy.ndarray) -> Layout:
    """Lay out windows for LSTM steps.

    starts (numpy.ndarray): Each window's first word. int64, shape (n_windows,).
    lengths (numpy.ndarray): The windows' lengths, the longest first, all above 0. int64, same shape.
    RETURNS (Layout): The cells.
    """
    n_columns = -(-len(lengths) // WINDOWS_PER_BLOCK) * WINDOWS_PER_BLOCK
    window = numpy.minimum(numpy.arange(n_columns), len(lengths) - 1)
    # A block goes on for as long as its first window does.
    longest = numpy.repeat(lengths[::WINDOWS_PER_BLOCK], WINDOWS_PER_BLOCK)
    # shape: (n_steps,)
    sizes = numpy.searchsorted(-longest, -numpy.arange(lengths[0]))
    first_cell = numpy.cumsum(sizes) - sizes
    # shape: (n_cells,)
    step = numpy.repeat(numpy.arange(len(sizes)), sizes)
    column = numbers_within(sizes)
    length = lengths[window][column]
    is_after_end = step >= length
    return Layout(
        tokens=starts[window][column] + numpy.minimum(step, length - 1),
        mirror=numpy.where(is_after_end, numpy.arange(len(step)), first_cell[length - 1 - step] + column),
        is_padding=is_after_end | (column >= len(lengths)),
        sizes=sizes.tolist(),
    )


class LayerWeights(NamedTuple):
    """The weights of all LSTMs in a layer: both directions of one member after the other.

    Gates are in the order input, forget, output, candidate. Units are filled up to a multiple of UNITS_PER_REGISTER by
    some that stay 0.

    *Shape:* ``inputs (n_lstms, input width, 4 * units)``, ``biases (n_lstms, 1, 4 * units)``,
    ``recurrent (n_lstms, units, 4 * units)``
    """

    inputs: Tensor
    biases: Tensor
    recurrent: Tensor
    is_residual: bool


class TaggingNetwork:
    """A network's weights in the order in which tagging needs them. Later changes of the network do not show."""

    def __init__(self, network: LSTMTagger, precision: torch.dtype) -> None:
        """Take over weights.

        :param network: whose weights.
        :param precision: in which LSTMs compute. Scores are added up in float32: in bfloat16 many would be equal.
        """
        sizes = network.sizes
        self._encoder = network.encoder
        self._precision = precision
        self._n_members = sizes.n_members
        self._n_directions = 2 if sizes.bidirectional else 1
        self._hidden_width = sizes.hidden_width
        members = [cast(Member, member) for member in network.members]
        self._layers = [
            self._lay_out([cast(LSTMLayer, member.layers[depth]) for member in members], is_first=not depth)
            for depth in range(sizes.depth)
        ]
        # Scores are averaged over members, so each has a part in them that is as much smaller.
        heads = [[cast(nn.Linear, head) for head in member.heads.values()] for member in members]
        weights = [torch.cat([head.weight for head in of_member]) / len(members) for of_member in heads]
        biases = [torch.cat([head.bias for head in of_member]) / len(members) for of_member in heads]
        n_hidden = self._n_directions * sizes.hidden_width
        # shape: (n_members * n_directions * units, n_labels)
        self._head = torch.cat([self._fill_units(weight[:, :n_hidden]) for weight in weights], 1).t().contiguous()
        # shape: (n_members * width of the word, n_labels), the width 0 where heads do not see the word
        self._word_head = torch.cat([weight[:, n_hidden:] for weight in weights], 1).t().contiguous()
        self._bias = torch.stack(biases).sum(0)

    def encode(self, types: WordTypes) -> WordTable:
        """Compute what is known of words without their context.

        :param types: distinct words.
        """
        words = self._encoder(types)
        scores = torch.addmm(self._bias, words[:, : len(self._word_head)], self._word_head)
        # shape: (n_members, n_words, width)
        vectors = words.to(self._precision).unflatten(1, (self._n_members, -1)).transpose(0, 1)
        first = self._layers[0]
        gates = torch.baddbmm(first.biases, vectors.repeat_interleave(self._n_directions, 0), first.inputs)
        vectors = self._fill_units(vectors) if first.is_residual else vectors[..., :0]
        return WordTable(gates.transpose(0, 1), scores, vectors.transpose(0, 1))

    def score(self, table: WordTable, rows: Tensor, mirror: Tensor, sizes: List[int]) -> Tensor:
        """Score every label for every cell of a layout.

        :param table: the words.
        :param rows: each cell's row in the table. *Shape:* ``(n_cells,)``
        :param mirror: as in the layout. *Shape:* ``(n_cells,)``
        :param sizes: as in the layout.
        :returns: logits, the heads side by side. *Shape:* ``(n_cells, n_labels)``
        """
        first, *others = self._layers
        gates = self._look_up(table.gates, torch.stack([rows, rows[mirror]][: self._n_directions]))
        hidden = self._join(take_steps(gates, first.recurrent, sizes), mirror)
        if first.is_residual:
            hidden += table.vectors.index_select(0, rows).transpose(0, 1)
        for layer in others:
            # shape: (n_members, n_directions, n_cells, n_directions * units)
            inputs = torch.stack([hidden, hidden.index_select(1, mirror)][: self._n_directions], 1)
            gates = torch.baddbmm(layer.biases, inputs.flatten(0, 1), layer.inputs)
            states = self._join(take_steps(gates, layer.recurrent, sizes), mirror)
            hidden = states + hidden if layer.is_residual else states
        scores = table.scores.index_select(0, rows)
        return scores.addmm_(hidden.transpose(0, 1).flatten(1).float(), self._head)

    def _look_up(self, gates: Tensor, rows: Tensor) -> Tensor:
        """Find the gates of the first layer.

        *Shape:* ``gates (n_words, n_lstms, 4 * units)``, ``rows (n_directions, n_cells)``,
        result ``(n_lstms, n_cells, 4 * units)``
        """
        n_lstms = gates.shape[1]
        lstms = torch.arange(n_lstms, device=rows.device).unsqueeze(1)
        places = rows.repeat(self._n_members, 1) * n_lstms + lstms
        return gates.flatten(0, 1).index_select(0, places.flatten()).unflatten(0, places.shape)

    def _join(self, states: Tensor, mirror: Tensor) -> Tensor:
        """Bring both directions of each member into the order of the cells.

        *Shape:* ``states (n_lstms, n_cells, units)``, result ``(n_members, n_cells, n_directions * units)``
        """
        if self._n_directions == 1:
            return states
        from_left, from_right = states.unflatten(0, (self._n_members, 2)).unbind(1)
        return torch.cat([from_left, from_right.index_select(1, mirror)], 2)

    def _lay_out(self, layers: Sequence[LSTMLayer], *, is_first: bool) -> LayerWeights:
        """:param layers: those of the same depth, of all members."""
        weights = [dict(lstm.named_parameters()) for layer in layers for lstm in layer.directions]
        inputs = [w["weight_ih_l0"] if is_first else self._fill_units(w["weight_ih_l0"]) for w in weights]
        return LayerWeights(
            self._order_gates(inputs),
            self._order_gates([(w["bias_ih_l0"] + w["bias_hh_l0"]).unsqueeze(1) for w in weights]),
            self._order_gates([self._fill_units(w["weight_hh_l0"]) for w in weights]),
            layers[0].residual,
        )

    def _order_gates(self, weights: List[Tensor]) -> Tensor:
        """*Shape:* each ``(4 * hidden_width, width)``, result ``(n_weights, width, 4 * units)``"""
        # torch has the candidate before the output gate.
        gates = torch.stack(weights).unflatten(1, (4, -1))[:, [0, 1, 3, 2]]
        filled = functional.pad(gates, (0, 0, 0, -self._hidden_width % UNITS_PER_REGISTER))
        return filled.flatten(1, 2).transpose(1, 2).contiguous().to(self._precision)

    def _fill_units(self, columns: Tensor) -> Tensor:
        """*Shape:* ``columns (…, n * hidden_width)``, result ``(…, n * units)``"""
        by_direction = columns.unflatten(-1, (-1, self._hidden_width))
        return functional.pad(by_direction, (0, -self._hidden_width % UNITS_PER_REGISTER)).flatten(-2)


def take_steps(gates: Tensor, recurrent: Tensor, sizes: Sequence[int]) -> Tensor:
    """Let LSTMs read.

    :param gates: what their input says, in the order of a layout's cells; changed in place.
        *Shape:* ``(n_lstms, n_cells, 4 * units)``
    :param recurrent: their recurrent weights. *Shape:* ``(n_lstms, units, 4 * units)``
    :param sizes: how many cells each step reads.
    :returns: hidden states. *Shape:* ``(n_lstms, n_cells, units)``
    """
    units = recurrent.shape[1]
    states = gates.new_empty(*gates.shape[:2], units)
    cell = gates.new_zeros(len(gates), sizes[0], units)
    first = 0
    previous = None
    for size in sizes:
        step = gates[:, first : first + size]
        if previous is not None:
            step.baddbmm_(previous[:, :size], recurrent)
        opening = step[..., : 3 * units].sigmoid_()
        candidate = step[..., 3 * units :].tanh_()
        input_gate, forget_gate, output_gate = opening.split(units, 2)
        cell = cell[:, :size].mul_(forget_gate).addcmul_(input_gate, candidate)
        previous = states[:, first : first + size]
        torch.mul(output_gate, cell.tanh(), out=previous)
        first += size
    return states
