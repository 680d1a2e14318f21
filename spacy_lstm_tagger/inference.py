"""The network laid out for tagging: the outputs of network.py, without gradients, in a fraction of its time.

What depends on a word alone is computed once per word: what the first layer reads of it, and its part in the
convolutions around it and in the scores. steps.py has the LSTMs. Where spaCy's two taggers label 17,000 words a second
(a core with AVX2 alone; UD English-EWT, a sentence a doc), the config `fast` labels 77,000, and where they label 33,500
(one with AMX) 166,000.
"""

from typing import NamedTuple, Optional, Type, cast

import numpy
import torch
from torch import Tensor, nn
from torch.nn import functional

from .network import LSTMLayer, LSTMTagger, Member, WordTypes
from .steps import ROWS_PER_PRODUCT, ROWS_PER_PRODUCT_BLOCK, FusedLSTMs, Layout, LSTMs, SteppedLSTMs


class WordTable(NamedTuple):
    """What is known of words without their context.

    *Shape:* ``inputs (n_words, any, any)``, what the first layer's LSTMs read, ``scores (n_words, n_labels)``, for a
    first layer that is residual ``vectors (n_words, n_members, n_directions * units)``, and for convolutions ``parts
    (n_words, 3, n_members * convolution_width)``, what the word says to that of the next word, its own, and that of the
    last word; else of width 0.
    """

    inputs: Tensor
    scores: Tensor
    vectors: Tensor
    parts: Tensor


def to_tensor(array: numpy.ndarray, like: Tensor) -> Tensor:
    """RETURNS (Tensor): The array on the device where the other tensor is."""
    return torch.from_numpy(array).to(like.device)


def in_blocks(rows: numpy.ndarray, size: int) -> numpy.ndarray:
    """RETURNS (numpy.ndarray): The rows, the last of them repeated to fill a block."""
    return rows[numpy.minimum(numpy.arange(len(rows) + -len(rows) % size), len(rows) - 1)]


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

    def __init__(self, network: LSTMTagger, precision: torch.dtype, *, fused: bool = False) -> None:
        """Take over weights.

        :param network: whose weights. It must not change any more.
        :param precision: in which LSTMs compute, and what their states say to the heads. That is added in float32 to
            what words say: in bfloat16 alone many scores would be equal.
        :param fused: whether oneDNN takes the LSTMs' steps.
        """
        sizes = network.sizes
        self._precision = precision
        self._n_members = sizes.n_members
        self._n_directions = 2 if sizes.bidirectional else 1
        self._hidden_width = sizes.hidden_width
        self.fused = fused
        kind: Type[LSTMs] = FusedLSTMs if fused else SteppedLSTMs
        self._encoder = network.encoder
        if network.encoder.characters is not None:
            self._spelling = SteppedLSTMs(network.encoder.characters.directions, torch.float32, reads_states=False)
            embeddings = network.encoder.characters.embedding.weight.expand(2, -1, -1)
            # shape: (2 * n_characters, 4 * units)
            self._spelling_gates = self._spelling.weigh(embeddings).flatten(0, 1)
        members = [cast(Member, member) for member in network.members]
        layers = [[cast(LSTMLayer, member.layers[depth]) for member in members] for depth in range(sizes.depth)]
        self._is_residual = [of_members[0].residual for of_members in layers]
        self._lstms = [
            kind([lstm for layer in of_members for lstm in layer.directions], precision, reads_states=depth > 0)
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
        hidden = [kind.as_states(weight[:, :n_hidden], sizes.hidden_width) for weight in weights]
        convolved = [weight[:, n_seen:] for weight in weights]
        # shape: (n_members * n_directions * units + n_members * convolution_width, n_labels)
        self._head = torch.cat(hidden + convolved, 1).t().contiguous().to(precision)
        # shape: (n_members * width of the word, n_labels), the width 0 where heads do not see the word
        self._word_head = torch.cat([weight[:, n_hidden:n_seen] for weight in weights], 1).t().contiguous()
        self._bias = torch.stack(biases).sum(0)

    def lay_out(self, starts: numpy.ndarray, lengths: numpy.ndarray) -> Layout:
        """Lay out windows for :meth:`score`.

        starts (numpy.ndarray): Each window's first word. int64, shape (n_windows,).
        lengths (numpy.ndarray): The windows' lengths, the longest first, all above 0. int64, same shape.
        RETURNS (Layout): The cells.
        """
        return self._lstms[0].lay_out(starts, lengths)

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
        inputs = self._lstms[0].weigh_words(vectors)
        vectors = self._lstms[0].as_states(vectors, self._hidden_width) if self._is_residual[0] else vectors[..., :0]
        return WordTable(inputs[:n_words], scores[:n_words], vectors[:n_words], torch.cat(parts, 2)[:n_words])

    def read(self, table: WordTable, rows: numpy.ndarray, layout: Layout) -> Tensor:
        """Read windows.

        :param table: the words.
        :param rows: each word's row in the table. *Shape:* ``(n_words,)``
        :param layout: the cells.
        :returns: the states of the last layer. *Shape:* ``(n_cells, n_members * n_directions * units)``
        """
        n_members, n_directions = self._n_members, self._n_directions
        n_lstms, n_inputs = n_members * n_directions, table.inputs.shape[1]
        rows_of_cells = rows[layout.tokens]
        n_cells = len(rows_of_cells)
        lstms = numpy.arange(n_lstms)[:, None]
        # For each LSTM and step the cell that it reads, and what it finds there. shape: (n_lstms, n_cells)
        cells = numpy.tile([numpy.arange(n_cells), layout.mirror][:n_directions], (n_members, 1))
        words = to_tensor(rows_of_cells[cells] * n_inputs + lstms * n_inputs // n_lstms, table.scores)
        below = to_tensor(cells * n_members + lstms // n_directions, table.scores)
        # For each cell the states of all LSTMs that have just read it.
        found = to_tensor(layout.find_states(cells).T.ravel(), table.scores)

        hidden = table.vectors.index_select(0, to_tensor(rows_of_cells, table.scores))
        for i, (layer, is_residual) in enumerate(zip(self._lstms, self._is_residual)):
            if i:
                states = layer.read_states(hidden.flatten(0, 1), below, layout)
            else:
                states = layer.read_words(table.inputs.flatten(0, 1), words, layout)
            states = states.index_select(0, found).view(n_cells, n_members, -1)
            hidden = states.add_(hidden) if is_residual else states
        return hidden.flatten(1)

    def score(
        self, table: WordTable, rows: numpy.ndarray, layout: Layout, hidden: Tensor, cells: numpy.ndarray
    ) -> Tensor:
        """Score every label for cells of a layout.

        :param hidden: what :meth:`read` returned for the table, rows and layout.
        :param cells: the cells whose scores are wanted. *Shape:* ``(n_wanted,)``
        :returns: logits, the heads side by side. *Shape:* ``(n_wanted, n_labels)``
        """
        filled = in_blocks(cells, ROWS_PER_PRODUCT_BLOCK if len(cells) <= ROWS_PER_PRODUCT else ROWS_PER_PRODUCT)
        seen = hidden.index_select(0, to_tensor(filled, hidden))
        if self._convolutions:
            seen = torch.cat([seen, self._convolve(table.parts, rows, layout, filled)], 1)
        scores = table.scores.index_select(0, to_tensor(rows[layout.tokens[filled]], hidden))
        return scores.add_(seen @ self._head)[: len(cells)]

    def _convolve(self, parts: Tensor, rows: numpy.ndarray, layout: Layout, cells: numpy.ndarray) -> Tensor:
        """Read the words of cells together with their neighbours.

        *Shape:* ``parts`` as in :class:`WordTable`, ``rows (n_words,)``, ``cells (n_cells,)``, result ``(n_cells,
        n_members * convolution_width)``
        """
        tokens = layout.tokens[cells]
        # At the ends of a window the place beside it has another word, which does not count.
        places = 3 * rows.take(tokens[:, None] + [-1, 0, 1], mode="wrap") + numpy.arange(3)
        counts = numpy.ones(places.shape, dtype="float32")
        counts[:, 0] = layout.positions[cells] > 0
        counts[:, 2] = layout.positions[layout.mirror[cells]] > 0
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
        layout = self._spelling.lay_out(order * table.shape[1], lengths[order])
        rows = table.ravel()[layout.tokens]
        places = numpy.stack([rows, rows[layout.mirror] + len(self._spelling_gates) // 2])
        states = self._spelling.read_words(self._spelling_gates, to_tensor(places, characters), layout)
        # The last step of each word is the mirror image of its first.
        last = layout.mirror[: len(order)][numpy.argsort(order)]
        found = to_tensor(layout.find_states(numpy.stack([last, last])).T.copy(), characters)
        return -states[found][..., : self._encoder.characters.rightwards.hidden_size].flatten(1)
