"""The network laid out for tagging: the outputs of network.py, without gradients, in a fraction of its time.

What depends on a word alone is computed once per word: its part in the gates of the first layer and in the scores.
LSTM steps go through all sentences of a batch at once, longest sentence first, so that none of them computes padding,
and through both directions and all members at once. On a core where spaCy's two taggers label 23,000 words a second,
the config `fast` labels 117,000, and 114,000 with the LSTM in float32 (UD English-EWT, a sentence a doc).
"""

from typing import List, NamedTuple, Optional, Sequence, cast

import numpy
import torch
from torch import Tensor, nn
from torch.nn import functional

from .network import LSTMLayer, LSTMTagger, Member, WordTypes
from .windows import numbers_within

# A matrix product of few rows, and the rest of a row that does not fill a register, are computed by other kernels,
# whose last bits differ. So rows come in blocks, and units in multiples of a register's floats.
ROWS_PER_BLOCK = {torch.float32: 4, torch.bfloat16: 2}
UNITS_PER_REGISTER = 16
# oneDNN keeps what it made for each size of a product in bfloat16, a third of a megabyte, and so does torch: 1,024 of
# them each. So there are few sizes: cells come first in all tensors, which makes strides the same in each batch, and
# long products are taken in parts, and after the first windows blocks are larger.
ROWS_PER_LARGE_PRODUCT = 128
ROWS_PER_MEDIUM_PRODUCT = 32
ROWS_IN_SMALL_BLOCKS = 16
ROWS_PER_LARGE_BLOCK = 8


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


def lay_out(starts: numpy.ndarray, lengths: numpy.ndarray, rows_per_block: int) -> Layout:
    """Lay out windows for LSTM steps.

    starts (numpy.ndarray): Each window's first word. int64, shape (n_windows,).
    lengths (numpy.ndarray): The windows' lengths, the longest first, all above 0. int64, same shape.
    rows_per_block (int): Each step reads a multiple of it.
    RETURNS (Layout): The cells.
    """
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
    is_after_end = step >= length
    return Layout(
        tokens=starts[window][column] + numpy.minimum(step, length - 1),
        mirror=numpy.where(is_after_end, numpy.arange(len(step)), first_cell[length - 1 - step] + column),
        is_padding=is_after_end | (column >= len(lengths)),
        sizes=sizes.tolist(),
    )


def in_blocks(n: int, device: torch.device) -> Tensor:
    """RETURNS (Tensor): The numbers up to n, without it, the last of them repeated to fill a block."""
    size = ROWS_PER_BLOCK[torch.float32]
    return torch.arange(-(-n // size) * size, device=device).clamp_(max=n - 1)


class LSTMWeights(NamedTuple):
    """The weights of LSTMs that take their steps together.

    Gates are in the order input, forget, output, candidate, the last one doubled. Units are filled up to a multiple of
    UNITS_PER_REGISTER by some that stay 0.

    *Shape:* ``inputs (n_lstms, input width, 4 * units)``, ``biases (1, n_lstms, 4 * units)``,
    ``recurrent (n_lstms, units, 4 * units)``
    """

    inputs: Tensor
    biases: Tensor
    recurrent: Tensor

    @classmethod
    def from_lstms(cls, lstms: Sequence[nn.LSTM], precision: torch.dtype, *, reads_units: bool) -> "LSTMWeights":
        """Take over weights.

        :param lstms: of the same sizes.
        :param reads_units: whether the input is units of such LSTMs, filled up.
        """
        weights = [dict(lstm.named_parameters()) for lstm in lstms]
        width = lstms[0].hidden_size
        inputs = [fill_units(w["weight_ih_l0"], width) if reads_units else w["weight_ih_l0"] for w in weights]
        biases = [(w["bias_ih_l0"] + w["bias_hh_l0"]).unsqueeze(1) for w in weights]
        return cls(
            _order_gates(inputs).to(precision),
            _order_gates(biases).to(precision).transpose(0, 1),
            _order_gates([fill_units(w["weight_hh_l0"], width) for w in weights]).to(precision),
        )

    def weigh(self, inputs: Tensor) -> Tensor:
        """Compute what inputs say to the gates.

        *Shape:* ``inputs (n_cells, n_lstms, input width)``, result ``(n_cells, n_lstms, 4 * units)``
        """
        gates = self.biases.repeat(len(inputs), 1, 1)
        n_large, n_left = divmod(len(inputs), ROWS_PER_LARGE_PRODUCT)
        n_medium, n_left = divmod(n_left, ROWS_PER_MEDIUM_PRODUCT)
        first = 0
        for n in [ROWS_PER_LARGE_PRODUCT] * n_large + [ROWS_PER_MEDIUM_PRODUCT] * n_medium + [n_left] * (n_left > 0):
            part = slice(first, first + n)
            gates[part].transpose(0, 1).baddbmm_(inputs[part].transpose(0, 1), self.inputs)
            first += n
        return gates


def _order_gates(weights: List[Tensor]) -> Tensor:
    """*Shape:* each ``(4 * hidden_width, width)``, result ``(n_weights, width, 4 * units)``"""
    # torch has the candidate before the output gate.
    input_gate, forget_gate, candidate, output_gate = torch.stack(weights).unflatten(1, (4, -1)).unbind(1)
    gates = torch.stack([input_gate, forget_gate, output_gate, 2 * candidate], 1)
    filled = functional.pad(gates, (0, 0, 0, -gates.shape[2] % UNITS_PER_REGISTER))
    return filled.flatten(1, 2).transpose(1, 2).contiguous()


def fill_units(columns: Tensor, hidden_width: int) -> Tensor:
    """*Shape:* ``columns (…, n * hidden_width)``, result ``(…, n * units)``"""
    by_direction = columns.unflatten(-1, (-1, hidden_width))
    return functional.pad(by_direction, (0, -hidden_width % UNITS_PER_REGISTER)).flatten(-2)


class TaggingNetwork:
    """A network's weights in the order in which tagging needs them."""

    def __init__(self, network: LSTMTagger, precision: torch.dtype) -> None:
        """Take over weights.

        :param network: whose weights. It must not change any more.
        :param precision: in which LSTMs compute. Scores are added up in float32: in bfloat16 many would be equal.
        """
        sizes = network.sizes
        self.rows_per_block = ROWS_PER_BLOCK[precision]
        self._precision = precision
        self._n_members = sizes.n_members
        self._n_directions = 2 if sizes.bidirectional else 1
        self._hidden_width = sizes.hidden_width
        self._encoder = network.encoder
        if network.encoder.characters is not None:
            self._spelling = LSTMWeights.from_lstms(
                network.encoder.characters.directions, torch.float32, reads_units=False
            )
            embeddings = network.encoder.characters.embedding.weight.unsqueeze(1).expand(-1, 2, -1)
            # shape: (n_characters, 2, 4 * units)
            self._spelling_gates = self._spelling.weigh(embeddings)
        members = [cast(Member, member) for member in network.members]
        layers = [[cast(LSTMLayer, member.layers[depth]) for member in members] for depth in range(sizes.depth)]
        self._is_residual = [of_members[0].residual for of_members in layers]
        self._lstms = [
            LSTMWeights.from_lstms(
                [lstm for layer in of_members for lstm in layer.directions], precision, reads_units=depth > 0
            )
            for depth, of_members in enumerate(layers)
        ]
        # Scores are averaged over members, so each has a part in them that is as much smaller.
        heads = [[cast(nn.Linear, head) for head in member.heads.values()] for member in members]
        weights = [torch.cat([head.weight for head in of_member]) / len(members) for of_member in heads]
        biases = [torch.cat([head.bias for head in of_member]) / len(members) for of_member in heads]
        n_hidden = self._n_directions * sizes.hidden_width
        hidden = [fill_units(weight[:, :n_hidden], sizes.hidden_width) for weight in weights]
        # shape: (n_members * n_directions * units, n_labels)
        self._head = torch.cat(hidden, 1).t().contiguous()
        # shape: (n_members * width of the word, n_labels), the width 0 where heads do not see the word
        self._word_head = torch.cat([weight[:, n_hidden:] for weight in weights], 1).t().contiguous()
        self._bias = torch.stack(biases).sum(0)

    def encode(self, types: WordTypes) -> WordTable:
        """Compute what is known of words without their context.

        :param types: distinct words.
        """
        n_words = len(types.words)
        rows = in_blocks(n_words, types.words.device)
        types = WordTypes(*(part[rows] for part in types if part is not None))
        words = self._encoder.combine(types, self._spell(types.characters))
        scores = torch.addmm(self._bias, words[:, : len(self._word_head)], self._word_head)
        # shape: (n_words, n_members, width)
        vectors = words.to(self._precision).unflatten(1, (self._n_members, -1))
        gates = self._lstms[0].weigh(vectors.repeat_interleave(self._n_directions, 1))
        vectors = fill_units(vectors, self._hidden_width) if self._is_residual[0] else vectors[..., :0]
        return WordTable(gates[:n_words], scores[:n_words], vectors[:n_words])

    def score(self, table: WordTable, rows: Tensor, mirror: Tensor, sizes: List[int], wanted: Tensor) -> Tensor:
        """Score every label for cells of a layout.

        :param table: the words.
        :param rows: each cell's row in the table. *Shape:* ``(n_cells,)``
        :param mirror: as in the layout. *Shape:* ``(n_cells,)``
        :param sizes: as in the layout.
        :param wanted: the cells whose scores are wanted. *Shape:* ``(n_wanted,)``
        :returns: logits, the heads side by side. *Shape:* ``(n_wanted, n_labels)``
        """
        directions = torch.stack([rows, rows[mirror]][: self._n_directions])
        gates = look_up(table.gates, directions)
        hidden = self._join(take_steps(gates, self._lstms[0].recurrent, sizes), mirror)
        if self._is_residual[0]:
            hidden += table.vectors.index_select(0, rows)
        for lstms, is_residual in zip(self._lstms[1:], self._is_residual[1:]):
            # shape: (n_cells, n_members, n_directions, n_directions * units)
            inputs = torch.stack([hidden, hidden.index_select(0, mirror)][: self._n_directions], 2)
            states = self._join(take_steps(lstms.weigh(inputs.flatten(1, 2)), lstms.recurrent, sizes), mirror)
            hidden = states + hidden if is_residual else states
        filled = wanted[in_blocks(len(wanted), wanted.device)]
        scores = table.scores.index_select(0, rows[filled])
        scores.addmm_(hidden.index_select(0, filled).flatten(1).float(), self._head)
        return scores[: len(wanted)]

    def _spell(self, characters: Tensor) -> Optional[Tensor]:
        """Read the characters of words.

        *Shape:* ``characters (n_words, n_positions)``, result ``(n_words, character_width)``
        """
        if self._encoder.characters is None:
            return None
        lengths = (characters > 0).sum(1).clamp(min=1)
        order = lengths.argsort(descending=True, stable=True)
        starts = (order * characters.shape[1]).cpu().numpy()
        layout = lay_out(starts, lengths[order].cpu().numpy(), ROWS_PER_BLOCK[torch.float32])
        tokens, mirror = (torch.from_numpy(cells).to(order.device) for cells in (layout.tokens, layout.mirror))
        rows = characters.flatten()[tokens]
        gates = look_up(self._spelling_gates, torch.stack([rows, rows[mirror]]))
        states = take_steps(gates, self._spelling.recurrent, layout.sizes)
        # The last step of each word is the mirror image of its first.
        last = states[mirror[: len(order)], :, : self._encoder.characters.rightwards.hidden_size]
        return last.flatten(1)[order.argsort()]

    def _join(self, states: Tensor, mirror: Tensor) -> Tensor:
        """Bring both directions of each member into the order of the cells.

        *Shape:* ``states (n_cells, n_lstms, units)``, result ``(n_cells, n_members, n_directions * units)``
        """
        if self._n_directions == 1:
            return states
        from_left, from_right = states.unflatten(1, (self._n_members, 2)).unbind(2)
        return torch.cat([from_left, from_right.index_select(0, mirror)], 2)


def look_up(gates: Tensor, rows: Tensor) -> Tensor:
    """Find what the inputs of LSTMs say to their gates.

    *Shape:* ``gates (n_rows, n_lstms, 4 * units)``, ``rows (n_directions, n_cells)``, result
    ``(n_cells, n_lstms, 4 * units)``
    """
    n_lstms = gates.shape[1]
    lstms = torch.arange(n_lstms, device=rows.device).view(-1, len(rows))
    # shape: (n_cells, n_members, n_directions)
    places = (rows * n_lstms).t().unsqueeze(1) + lstms
    return gates.flatten(0, 1).index_select(0, places.flatten()).view(-1, *gates.shape[1:])


def take_steps(gates: Tensor, recurrent: Tensor, sizes: List[int]) -> Tensor:
    """Let LSTMs read.

    :param gates: what their input says, in the order of a layout's cells; changed in place.
        *Shape:* ``(n_cells, n_lstms, 4 * units)``
    :param recurrent: their recurrent weights. *Shape:* ``(n_lstms, units, 4 * units)``
    :param sizes: how many cells each step reads.
    :returns: hidden states. *Shape:* ``(n_cells, n_lstms, units)``
    """
    n_lstms, units, _ = recurrent.shape
    states = gates.new_empty(len(gates), n_lstms, units)
    hidden = states.split(sizes)
    double_cell = torch.zeros(sizes[0], n_lstms, units, device=gates.device)
    previous = states
    for i, (size, step) in enumerate(zip(sizes, gates.split(sizes))):
        if i:
            previous, double_cell = previous[:size], double_cell[:size]
            step.transpose(0, 1).baddbmm_(previous.transpose(0, 1), recurrent)
        # A sigmoid takes a sixth of the time of a tanh, and tanh(x) = 2 * sigmoid(2 * x) - 1. The weights of the
        # candidate are doubled for it, and so is the cell's state. float32 takes less time here than bfloat16.
        opened = step.float().sigmoid_().view(size, n_lstms, 4, units)
        input_gate, forget_gate, output_gate, candidate = opened.unbind(2)
        double_cell.mul_(forget_gate).addcmul_(input_gate, candidate, value=4).sub_(input_gate, alpha=2)
        previous = torch.mul(double_cell.sigmoid().mul_(2).sub_(1), output_gate, out=hidden[i])
    return states
