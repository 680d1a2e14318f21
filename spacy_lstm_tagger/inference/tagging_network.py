"""The network laid out for tagging: the outputs of `LSTMTagger`, without gradients, in less time.

What depends on a word alone is computed once for each word: the first layer's input projection, and the word's part in
the convolutions around it and in the logits.
"""

from typing import Any, Dict, List, NamedTuple, Sequence, Type, cast

import numpy
import torch
from torch import Tensor, nn
from torch.nn import functional

from ..network.hardware import to_tensor
from ..network.lstm_layer import LSTMLayer
from ..network.lstm_tagger import LSTMTagger, Member
from ..network.sizes import NetworkSizes
from ..network.word_encoder import WordTypes
from .characters import CharacterReader
from .fused_lstms import FusedLSTMs
from .lstms import ROWS_PER_PRODUCT, ROWS_PER_PRODUCT_BLOCK, Layout, LSTMs
from .stepped_lstms import SteppedLSTMs
from .word_table import WordTable

# Plans of a single window of up to so many words are kept, one for each length.
LONGEST_KEPT = 128


class Plan(NamedTuple):
    """How a network reads windows, whatever their words are.

    layout (Layout): The cells.
    words (numpy.ndarray): For each cell its word; with convolutions the word before it, its word and the word after it,
        -1 where there is none. int64, shape (n_cells, 1 or 3).
    """

    layout: Layout
    words: numpy.ndarray


class Heads(NamedTuple):
    """The weights of some heads.

    of_states (Tensor): Those of hidden states and convolutions, of all members. *Shape:* ``(n_members * (n_directions *
        hidden_width + convolution_width), n_labels)``
    of_words (Tensor): Those of the words' vectors. *Shape:* ``(n_members * width, n_labels)``, the width 0 without skip
    bias (Tensor): *Shape:* ``(n_labels,)``
    """

    of_states: Tensor
    of_words: Tensor
    bias: Tensor


class TaggingNetwork:
    """A network's weights, arranged for tagging."""

    def __init__(
        self, network: LSTMTagger, precision: torch.dtype, *, fused: bool = False, late: Sequence[str] = ()
    ) -> None:
        """Take over weights.

        :param network: whose weights. It must not change any more.
        :param precision: in which LSTMs compute, and the heads' products with hidden states and convolutions. The sums
            that are logits are in float32: in bfloat16 many would be equal.
        :param fused: whether oneDNN takes the LSTMs' steps.
        :param late: heads whose labels are scored apart from those of the others, for the words that need it.
        """
        sizes = network.sizes
        self._plans: Dict[int, Plan] = {}  # those of a single window, by its length
        self._precision = precision
        self._n_members = sizes.n_members
        self.fused = fused
        kind: Type[Any] = FusedLSTMs if fused else SteppedLSTMs
        self._encoder = network.encoder
        self._characters = None if network.encoder.characters is None else CharacterReader(network.encoder.characters)
        members = [cast(Member, member) for member in network.members]
        layers = [[cast(LSTMLayer, member.layers[depth]) for member in members] for depth in range(sizes.depth)]
        self._is_residual = [of_members[0].residual for of_members in layers]
        self._lstms: List[LSTMs[Any]] = [
            kind([layer.directions for layer in of_members], precision) for of_members in layers
        ]
        self._convolutions = [member.convolution for member in members if member.convolution is not None]
        self._n_hidden = layers[-1][0].width
        self._early = self._arrange([name for name in sizes.n_labels if name not in late], members, sizes)
        self._late = self._arrange([name for name in sizes.n_labels if name in late], members, sizes)

    def _arrange(self, names: Sequence[str], members: Sequence[Member], sizes: NetworkSizes) -> "Heads":
        # The mean of the members' logits, as a sum: weights and biases are divided by the number of members.
        heads = [[cast(nn.Linear, member.heads[name]) for name in names] for member in members]
        width = cast(nn.Linear, next(iter(members[0].heads.values()))).in_features
        none = torch.zeros(0, width, device=self._encoder.word.weight.device)
        weights = [torch.cat([none, *(head.weight for head in of_member)]) / len(members) for of_member in heads]
        biases = [torch.cat([none[:, 0], *(head.bias for head in of_member)]) / len(members) for of_member in heads]
        # The heads' input has the hidden states, then, with skip, the word's vector, then the convolution.
        first_convolved = width - sizes.convolution_width
        hidden = [weight[:, : self._n_hidden] for weight in weights]
        convolved = [weight[:, first_convolved:] for weight in weights]
        words = [weight[:, self._n_hidden : first_convolved] for weight in weights]
        return Heads(
            torch.cat(hidden + convolved, 1).t().contiguous().to(self._precision),
            torch.cat(words, 1).t().contiguous(),
            torch.stack(biases).sum(0),
        )

    def encode(self, types: WordTypes) -> WordTable:
        """Compute what is known of words without their context.

        :param types: distinct words.
        :returns: a row of padding, and then one for each word.
        """
        n_words = len(types.words)
        rows = to_tensor(in_blocks(numpy.arange(n_words), ROWS_PER_PRODUCT_BLOCK), types.words)
        types = types.take(rows)
        from_characters = None if self._characters is None else self._characters.read(types.characters)
        words = self._encoder.combine(types, from_characters)
        early, late = (
            torch.addmm(heads.bias, words[:, : len(heads.of_words)], heads.of_words)
            for heads in (self._early, self._late)
        )
        by_member = zip(self._convolutions, words.chunk(self._n_members, 1))
        convolved = [convolve_apart(*pair) for pair in by_member] or [words.new_empty(len(words), 3, 0)]
        # shape: (n_words, n_members, width)
        vectors = words.to(self._precision).unflatten(1, (self._n_members, -1))
        inputs = self._lstms[0].project_words(vectors)
        if not self._is_residual[0]:
            vectors = vectors[..., :0]
        of_words = (early, late, vectors, torch.cat(convolved, 2))
        others = (torch.cat([torch.zeros_like(part[:1]), part]) for part in of_words)
        return WordTable(*(part[: 1 + n_words] for part in (inputs, *others)))

    def plan(self, starts: numpy.ndarray, lengths: numpy.ndarray) -> Plan:
        """Plan how to read windows.

        starts (numpy.ndarray): Each window's first word. int64, shape (n_windows,).
        lengths (numpy.ndarray): The windows' lengths, the longest first, all above 0. int64, same shape.
        RETURNS (Plan): The plan.
        """
        longest = int(lengths[0])
        if len(lengths) > 1 or starts[0] > 0 or longest > LONGEST_KEPT:
            return self._plan(starts, lengths)
        if longest not in self._plans:
            self._plans[longest] = self._plan(starts, lengths)
        return self._plans[longest]

    def _plan(self, starts: numpy.ndarray, lengths: numpy.ndarray) -> Plan:
        layout = self._lstms[0].lay_out(starts, lengths)
        tokens, positions, mirror, _ = layout.cells
        words = tokens[:, None]
        if self._convolutions:
            is_first, is_last = positions == 0, positions[mirror] == 0
            around = [numpy.where(is_first, -1, tokens - 1), tokens, numpy.where(is_last, -1, tokens + 1)]
            words = numpy.stack(around, axis=1)
        return Plan(layout, words)

    def read(self, table: WordTable, rows: numpy.ndarray, plan: Plan) -> Tensor:
        """Read windows.

        :param table: the words.
        :param rows: each word's row in the table, and at the end 0, that of padding. *Shape:* ``(n_words + 1,)``
        :param plan: how to read them.
        :returns: the last layer's output. *Shape:* ``(n_cells, n_members, n_directions * hidden_width)``
        """
        below = table.vectors
        if self._is_residual[0]:
            below = below.index_select(0, to_tensor(rows[plan.layout.cells.tokens], below))
        hidden = self._lstms[0].read_words(table.inputs, rows, plan.layout)
        for depth, is_residual in enumerate(self._is_residual):
            if depth:
                hidden = self._lstms[depth].read_states(below, plan.layout)
            hidden = hidden.unflatten(1, (self._n_members, -1))
            below = hidden.add_(below) if is_residual else hidden
        return below

    def score(
        self,
        table: WordTable,
        rows: numpy.ndarray,
        plan: Plan,
        hidden: Tensor,
        cells: numpy.ndarray,
        late: bool = False,
    ) -> Tensor:
        """Score labels for cells of a layout.

        :param hidden: what :meth:`read` returned for the table, rows and plan.
        :param cells: the cells whose scores are wanted, at least one. *Shape:* ``(n_wanted,)``
        :param late: whether the labels are those of the late heads, or of the others.
        :returns: logits, those of these heads concatenated. *Shape:* ``(n_wanted, n_labels)``
        """
        filled = in_blocks(cells, ROWS_PER_PRODUCT_BLOCK if len(cells) <= ROWS_PER_PRODUCT else ROWS_PER_PRODUCT)
        words = rows[plan.words[filled]]
        inputs = hidden.flatten(1).index_select(0, to_tensor(filled, hidden))
        if self._convolutions:
            places = to_tensor(3 * words + numpy.arange(3), inputs)
            convolved = functional.embedding_bag(places, table.convolved.flatten(0, 1), mode="sum").relu_()
            inputs = torch.cat([inputs, convolved.to(self._precision)], 1)
        of_words, heads = (table.late, self._late) if late else (table.scores, self._early)
        scores = of_words.index_select(0, to_tensor(words[:, words.shape[1] // 2], inputs))
        return scores.add_(inputs @ heads.of_states)[: len(cells)]


def convolve_apart(convolution: nn.Linear, words: Tensor) -> Tensor:
    """Compute each word's part in the convolutions of the word after it, of itself, and of the word before it.

    *Shape:* ``words (n_words, width)``, result ``(n_words, 3, convolution_width)``
    """
    # shape: (3 * convolution_width, width)
    weights = torch.cat(convolution.weight.chunk(3, 1))
    parts = (words @ weights.t()).unflatten(1, (3, -1))
    parts[:, 1] += convolution.bias
    return parts


def in_blocks(rows: numpy.ndarray, size: int) -> numpy.ndarray:
    """RETURNS (numpy.ndarray): The rows, the last of them repeated to fill a block."""
    return rows[numpy.minimum(numpy.arange(len(rows) + -len(rows) % size), len(rows) - 1)]
