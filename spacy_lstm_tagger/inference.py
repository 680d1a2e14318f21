"""The network laid out for tagging: the outputs of network.py, without gradients, in a fraction of its time.

What depends on a word alone is computed once per word: its part in the gates of the first layer, in the convolutions
around it and in the scores. LSTM steps go through all sentences of a batch at once, longest sentence first, so that
none of them computes padding, and through both directions and all members at once. What they read is computed for a
hundred cells or so at a time, so that it is in the processor's cache when they read it: a tenth less time with two
layers of four LSTMs. On a core with AVX2 alone, where spaCy's two taggers label 17,000 words a second, the config
`fast` labels 77,000 (UD English-EWT, a sentence a doc).
"""

from typing import Callable, Iterator, List, NamedTuple, Optional, Sequence, cast

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
# them each. So there are few sizes and strides: after the first windows blocks are larger, and so are those of products
# that are not of a single step.
ROWS_IN_SMALL_BLOCKS = 16
ROWS_PER_LARGE_BLOCK = 8
ROWS_PER_PRODUCT_BLOCK = 16
# What goes through a product at once: its result stays in the processor's cache until the LSTM has read it.
ROWS_PER_PRODUCT = 128

# Takes the number of a cell and writes what it and those after it say to the gates of LSTMs into a tensor of shape
# (n_lstms, n_cells, 4 * units).
Read = Callable[[int, Tensor], None]


class WordTable(NamedTuple):
    """What is known of words without their context.

    *Shape:* ``gates (n_words, n_lstms, 4 * units)``, ``scores (n_words, n_labels)``, for a first layer that
    is residual ``vectors (n_words, n_members, n_directions * units)``, and for convolutions ``parts (n_words, 3,
    n_members * convolution_width)``, what the word says to that of the next word, its own, and that of the last word;
    else of width 0.
    """

    gates: Tensor
    scores: Tensor
    vectors: Tensor
    parts: Tensor


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

    def find_states(self, cells: numpy.ndarray) -> numpy.ndarray:
        """Find the states that LSTMs have after reading cells among those that `take_steps` returns.

        cells (numpy.ndarray): For each LSTM the cells. int64, shape (n_lstms, n).
        RETURNS (numpy.ndarray): The rows. int64, same shape.
        """
        sizes = numpy.asarray(self.sizes)
        first = numpy.repeat(numpy.cumsum(sizes) - sizes, sizes)[cells]
        lstms = numpy.arange(len(cells))[:, None]
        return first * len(cells) + lstms * numpy.repeat(sizes, sizes)[cells] + cells - first


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


def to_tensor(array: numpy.ndarray, like: Tensor) -> Tensor:
    """RETURNS (Tensor): The array on the device where the other tensor is."""
    return torch.from_numpy(array).to(like.device)


def in_blocks(rows: numpy.ndarray, size: int) -> numpy.ndarray:
    """RETURNS (numpy.ndarray): The rows, the last of them repeated to fill a block."""
    return rows[numpy.minimum(numpy.arange(len(rows) + -len(rows) % size), len(rows) - 1)]


class LSTMWeights(NamedTuple):
    """The weights of LSTMs that take their steps together.

    Gates are in the order input, forget, output, candidate, the last one doubled. Weights of hidden states are negated,
    since states are. Units are filled up to a multiple of UNITS_PER_REGISTER by some that stay 0.

    *Shape:* ``inputs (n_lstms, input width, 4 * units)``, ``biases (n_lstms, 1, 4 * units)``,
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
        inputs = [fill_units(-w["weight_ih_l0"], width) if reads_units else w["weight_ih_l0"] for w in weights]
        biases = [(w["bias_ih_l0"] + w["bias_hh_l0"]).unsqueeze(1) for w in weights]
        return cls(
            _order_gates(inputs).to(precision),
            _order_gates(biases).to(precision),
            _order_gates([fill_units(-w["weight_hh_l0"], width) for w in weights]).to(precision),
        )

    def weigh(self, inputs: Tensor, out: Optional[Tensor] = None) -> Tensor:
        """Compute what inputs say to the gates.

        :param out: where the result is written; None takes new memory.
        *Shape:* ``inputs (n_lstms, n_cells, input width)``, result ``(n_lstms, n_cells, 4 * units)``
        """
        return torch.baddbmm(self.biases, inputs, self.inputs, out=out)


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


def convolve_apart(convolution: nn.Linear, words: Tensor) -> Tensor:
    """Compute what each word says to the convolutions of the next word, its own, and the last word.

    *Shape:* ``words (n_words, width)``, result ``(n_words, 3, convolution_width)``
    """
    # shape: (3 * convolution_width, width)
    weights = torch.cat(convolution.weight.chunk(3, 1))
    parts = (words @ weights.t()).unflatten(1, (3, -1))
    parts[:, 1] += convolution.bias
    return parts


class TaggingNetwork:
    """A network's weights in the order in which tagging needs them."""

    def __init__(self, network: LSTMTagger, precision: torch.dtype) -> None:
        """Take over weights.

        :param network: whose weights. It must not change any more.
        :param precision: in which LSTMs compute, and what their states say to the heads. That is added in float32 to
            what words say: in bfloat16 alone many scores would be equal.
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
            embeddings = network.encoder.characters.embedding.weight.expand(2, -1, -1)
            # shape: (2 * n_characters, 4 * units)
            self._spelling_gates = self._spelling.weigh(embeddings).flatten(0, 1)
        members = [cast(Member, member) for member in network.members]
        layers = [[cast(LSTMLayer, member.layers[depth]) for member in members] for depth in range(sizes.depth)]
        self._is_residual = [of_members[0].residual for of_members in layers]
        self._lstms = [
            LSTMWeights.from_lstms(
                [lstm for layer in of_members for lstm in layer.directions], precision, reads_units=depth > 0
            )
            for depth, of_members in enumerate(layers)
        ]
        self._convolutions = [member.convolution for member in members if member.convolution is not None]
        # Scores are averaged over members, so each has a part in them that is as much smaller.
        heads = [[cast(nn.Linear, head) for head in member.heads.values()] for member in members]
        weights = [torch.cat([head.weight for head in of_member]) / len(members) for of_member in heads]
        biases = [torch.cat([head.bias for head in of_member]) / len(members) for of_member in heads]
        # Heads see states, then the word where they see it, then its convolution.
        n_hidden = self._n_directions * sizes.hidden_width
        n_seen = weights[0].shape[1] - sizes.convolution_width
        hidden = [fill_units(-weight[:, :n_hidden], sizes.hidden_width) for weight in weights]
        convolved = [weight[:, n_seen:] for weight in weights]
        # shape: (n_members * n_directions * units + n_members * convolution_width, n_labels)
        self._head = torch.cat(hidden + convolved, 1).t().contiguous().to(precision)
        # shape: (n_members * width of the word, n_labels), the width 0 where heads do not see the word
        self._word_head = torch.cat([weight[:, n_hidden:n_seen] for weight in weights], 1).t().contiguous()
        self._bias = torch.stack(biases).sum(0)

    def encode(self, types: WordTypes) -> WordTable:
        """Compute what is known of words without their context.

        :param types: distinct words.
        """
        n_words = len(types.words)
        rows = to_tensor(in_blocks(numpy.arange(n_words), ROWS_PER_PRODUCT_BLOCK), types.words)
        types = WordTypes(*(part[rows] for part in types if part is not None))
        words = self._encoder.combine(types, self._spell(types.characters))
        scores = torch.addmm(self._bias, words[:, : len(self._word_head)], self._word_head)
        by_member = zip(self._convolutions, words.chunk(self._n_members, 1))
        parts = [convolve_apart(*pair) for pair in by_member] or [words.new_empty(len(words), 3, 0)]
        # shape: (n_words, n_members, width)
        vectors = words.to(self._precision).unflatten(1, (self._n_members, -1))
        inputs = vectors.repeat_interleave(self._n_directions, 1).transpose(0, 1)
        gates = torch.cat([self._lstms[0].weigh(part) for part in inputs.split(ROWS_PER_PRODUCT, 1)], 1)
        vectors = fill_units(-vectors, self._hidden_width) if self._is_residual[0] else vectors[..., :0]
        return WordTable(
            gates.transpose(0, 1)[:n_words], scores[:n_words], vectors[:n_words], torch.cat(parts, 2)[:n_words]
        )

    def score(self, table: WordTable, rows: numpy.ndarray, layout: Layout, wanted: numpy.ndarray) -> Tensor:
        """Score every label for cells of a layout.

        :param table: the words.
        :param rows: each word's row in the table. *Shape:* ``(n_words,)``
        :param layout: the cells.
        :param wanted: the cells whose scores are wanted. *Shape:* ``(n_wanted,)``
        :returns: logits, the heads side by side. *Shape:* ``(n_wanted, n_labels)``
        """
        n_members, n_directions = self._n_members, self._n_directions
        rows_of_cells = rows[layout.tokens]
        n_cells = len(rows_of_cells)
        lstms = numpy.arange(n_members * n_directions)[:, None]
        # For each LSTM and step the cell that it reads, and what it finds there. shape: (n_lstms, n_cells)
        cells = numpy.tile([numpy.arange(n_cells), layout.mirror][:n_directions], (n_members, 1))
        words = to_tensor(rows_of_cells[cells] * len(lstms) + lstms, table.scores)
        inputs = to_tensor(cells * n_members + lstms // n_directions, table.scores)
        # For each cell the states of all LSTMs that have just read it.
        found = to_tensor(layout.find_states(cells).T.ravel(), table.scores)
        cell_rows = to_tensor(rows_of_cells, table.scores)

        gates, hidden = table.gates.flatten(0, 1), table.vectors
        for i, (weights, is_residual) in enumerate(zip(self._lstms, self._is_residual)):
            read = read_states(hidden.flatten(0, 1), inputs, weights) if i else read_words(gates, words)
            states = take_steps(read, weights.recurrent, layout.sizes).index_select(0, found)
            states = states.view(n_cells, n_members, -1)
            if is_residual:
                states += hidden if i else hidden.index_select(0, cell_rows)
            hidden = states
        wanted_cells = in_blocks(wanted, ROWS_PER_PRODUCT_BLOCK)
        filled = to_tensor(wanted_cells, table.scores)
        scores = table.scores.index_select(0, cell_rows[filled])
        hidden = hidden.index_select(0, filled).flatten(1)
        if self._convolutions:
            hidden = torch.cat([hidden, self._convolve(table.parts, rows, layout, wanted_cells)], 1)
        for part, part_hidden in zip(scores.split(ROWS_PER_PRODUCT), hidden.split(ROWS_PER_PRODUCT)):
            part.add_(part_hidden @ self._head)
        return scores[: len(wanted)]

    def _convolve(self, parts: Tensor, rows: numpy.ndarray, layout: Layout, cells: numpy.ndarray) -> Tensor:
        """Read the words of cells together with their neighbours.

        *Shape:* ``parts`` as in :class:`WordTable`, ``rows (n_words,)``, ``cells (n_cells,)``, result ``(n_cells,
        n_members * convolution_width)``
        """
        tokens = layout.tokens[cells]
        # At the ends of a window the place beside it has another word, which does not count.
        places = 3 * rows[numpy.stack([tokens - 1, tokens, (tokens + 1) % len(rows)], axis=1)] + numpy.arange(3)
        n_windows = layout.sizes[0]
        counts = numpy.ones(places.shape, dtype="float32")
        counts[:, 0] = cells >= n_windows
        counts[:, 2] = layout.mirror[cells] >= n_windows
        weights = to_tensor(counts, parts)
        convolved = functional.embedding_bag(
            to_tensor(places, parts), parts.flatten(0, 1), mode="sum", per_sample_weights=weights
        )
        return convolved.relu_().to(self._precision)

    def _spell(self, characters: Tensor) -> Optional[Tensor]:
        """Read the characters of words.

        *Shape:* ``characters (n_words, n_positions)``, result ``(n_words, character_width)``
        """
        if self._encoder.characters is None:
            return None
        table = characters.cpu().numpy()
        lengths = (table > 0).sum(1).clip(min=1)
        order = numpy.argsort(-lengths, kind="stable")
        layout = lay_out(order * table.shape[1], lengths[order], ROWS_PER_BLOCK[torch.float32])
        rows = table.ravel()[layout.tokens]
        places = numpy.stack([rows, rows[layout.mirror] + len(self._spelling_gates) // 2])
        read = read_words(self._spelling_gates, to_tensor(places, characters))
        states = take_steps(read, self._spelling.recurrent, layout.sizes)
        # The last step of each word is the mirror image of its first.
        last = layout.mirror[: len(order)][numpy.argsort(order)]
        found = to_tensor(layout.find_states(numpy.stack([last, last])).T.copy(), characters)
        return -states[found][..., : self._encoder.characters.rightwards.hidden_size].flatten(1)


def read_words(table: Tensor, places: Tensor) -> Read:
    """Let LSTMs read words: what these say to the gates is in a table.

    *Shape:* ``table (n_words * n_lstms, 4 * units)``, ``places (n_lstms, n_cells)``
    """
    places = functional.pad(places, (0, ROWS_PER_PRODUCT_BLOCK))

    def read(first: int, gates: Tensor) -> None:
        rows = places[:, first : first + gates.shape[1]].flatten()
        torch.index_select(table, 0, rows, out=gates.flatten(0, 1))

    return read


def read_states(states: Tensor, places: Tensor, weights: LSTMWeights) -> Read:
    """Let LSTMs read states of the layer below.

    *Shape:* ``states (n_cells * n_members, n_directions * units)``, ``places (n_lstms, n_cells)``
    """
    places = functional.pad(places, (0, ROWS_PER_PRODUCT_BLOCK))

    def read(first: int, gates: Tensor) -> None:
        rows = places[:, first : first + gates.shape[1]].flatten()
        weights.weigh(states.index_select(0, rows).view(*gates.shape[:2], -1), out=gates)

    return read


def take_steps(read: Read, recurrent: Tensor, sizes: List[int]) -> Tensor:
    """Let LSTMs read the cells of a layout.

    :param read: says to their gates what they read.
    :param recurrent: their recurrent weights. *Shape:* ``(n_lstms, units, 4 * units)``
    :param sizes: how many cells each step reads.
    :returns: negated hidden states, step by step and in each step LSTM by LSTM. *Shape:* ``(n_cells * n_lstms, units)``
    """
    n_lstms, units, _ = recurrent.shape
    states = recurrent.new_empty(n_lstms * sum(sizes), units)
    scratch = recurrent.new_empty(n_lstms * (max(ROWS_PER_PRODUCT, sizes[0]) + ROWS_PER_PRODUCT_BLOCK), 4 * units)
    double_cell = torch.zeros(n_lstms, sizes[0], units, device=recurrent.device)
    states_of_steps = iter(states.split([n_lstms * size for size in sizes]))
    hidden: Optional[Tensor] = None
    first = 0
    for part in _in_parts(sizes):
        n_rows = -(-sum(part) // ROWS_PER_PRODUCT_BLOCK) * ROWS_PER_PRODUCT_BLOCK
        gates = scratch[: n_lstms * n_rows].view(n_lstms, n_rows, 4 * units)
        read(first, gates)
        first += sum(part)
        for step, size in zip(gates.split([*part, n_rows - sum(part)], 1), part):
            # Where a part has several steps, products are made of copies, so that strides depend on their size alone.
            step_gates = step.contiguous()
            if hidden is not None:
                if size < hidden.shape[1]:
                    hidden, double_cell = hidden[:, :size].contiguous(), double_cell[:, :size]
                step_gates.baddbmm_(hidden, recurrent)
            # A sigmoid takes a sixth of the time of a tanh, and tanh(x) = 2 * sigmoid(2 * x) - 1. The weights of the
            # candidate are doubled for it, and so is the cell's state. float32 takes less time than bfloat16.
            opened = step_gates.float().sigmoid_().view(n_lstms, size, 4, units)
            input_gate, forget_gate, output_gate, candidate = opened.unbind(2)
            double_cell.mul_(forget_gate).addcmul_(input_gate, candidate, value=4).sub_(input_gate, alpha=2)
            hidden = next(states_of_steps).view(n_lstms, size, units)
            torch.addcmul(output_gate, output_gate, double_cell.sigmoid(), value=-2, out=hidden)
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
