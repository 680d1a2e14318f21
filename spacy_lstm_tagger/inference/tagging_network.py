"""The network laid out for tagging: the outputs of network.py, without gradients, in a fraction of its time.

What depends on a word alone is computed once per word: what the first layer reads of it, and its part in the
convolutions around it and in the scores. steps.py has the LSTMs. Where spaCy's two taggers label 17,000 words a second
(a core with AVX2 alone; UD English-EWT, a sentence a doc), the config `fast` labels 77,000, and where they label 36,000
(one with AMX) 199,000.
"""

from typing import Dict, List, NamedTuple, Optional, Type, cast

import numpy
import torch
from torch import Tensor, nn
from torch.nn import functional

from ..network.hardware import to_tensor
from ..network.lstm_layer import LSTMLayer
from ..network.lstm_tagger import LSTMTagger, Member
from ..network.word_encoder import WordTypes
from .fused_lstms import FusedLSTMs
from .lstms import ROWS_PER_PRODUCT, ROWS_PER_PRODUCT_BLOCK, Layout, LSTMs, Selection
from .stepped_lstms import SteppedLSTMs
from .word_table import WordTable

# A window alone of up to so many words is planned once: it takes a tenth of the time of a sentence of 12.
LONGEST_KEPT = 128


class Plan(NamedTuple):
    """How a network reads windows, whatever their words are.

    layout (Layout): The cells.
    tokens (numpy.ndarray): For each LSTM and cell, in the order in which the first layer reads, the word there, or -1.
        int64, shape (n_lstms * n_cells,).
    lstms (numpy.ndarray): Which LSTM that is. int64, same shape.
    below (List[Selection]): For each layer but the first, the states of the layer below that it reads.
    found (Tensor): For each cell the states of all LSTMs that have just read it, among those that they return. Shape
        (n_cells, n_lstms).
    words (numpy.ndarray): For each cell what heads see: its word, with convolutions between the last and the next word,
        or -1. int64, shape (n_cells, 1 or 3).
    """

    layout: Layout
    tokens: numpy.ndarray
    lstms: numpy.ndarray
    below: List[Selection]
    found: Tensor
    words: numpy.ndarray


class Hidden(NamedTuple):
    """What a network has read.

    states (Tensor): Those of the last layer, in the order in which it returns them.
    below (Tensor): What it adds to them if it is residual. Shape (n_cells, n_members, n_directions * units).
    """

    states: Tensor
    below: Tensor


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
        # Those of windows alone, by length.
        self._plans: Dict[int, Plan] = {}
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
        n_cells, n_lstms = len(layout.tokens), self._n_members * self._n_directions
        # For each LSTM and step the cell that it reads. shape: (n_lstms, n_cells)
        cells = numpy.tile([numpy.arange(n_cells), layout.mirror][: self._n_directions], (self._n_members, 1))
        below = cells * self._n_members + numpy.arange(n_lstms)[:, None] // self._n_directions
        order = self._lstms[0].order(layout)
        tokens = layout.tokens
        words = tokens[:, None]
        if self._convolutions:
            is_first, is_last = layout.positions == 0, layout.positions[layout.mirror] == 0
            around = [numpy.where(is_first, -1, tokens - 1), tokens, numpy.where(is_last, -1, tokens + 1)]
            words = numpy.stack(around, axis=1)
        return Plan(
            layout=layout,
            tokens=tokens[cells].ravel()[order],
            lstms=order // n_cells,
            below=[layer.choose_states(below, layout) for layer in self._lstms[1:]],
            found=to_tensor(layout.find_states(cells).T.copy(), self._bias),
            words=words,
        )

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

    def stand_in(self, like: WordTable) -> WordTable:
        """RETURNS (WordTable): The row of no word, for tables like this one."""
        inputs, *others = (part[:1] for part in like)
        return WordTable(self._lstms[0].weigh_nothing(inputs), *map(torch.zeros_like, others))

    def read(self, table: WordTable, rows: numpy.ndarray, plan: Plan) -> Hidden:
        """Read windows.

        :param table: the words.
        :param rows: each word's row in the table, and at the end that of no word. *Shape:* ``(n_words + 1,)``
        :param plan: how to read them.
        """
        n_inputs, n_lstms = table.inputs.shape[1], plan.found.shape[1]
        words = to_tensor(rows[plan.tokens] * n_inputs + plan.lstms * n_inputs // n_lstms, table.scores)
        states = self._lstms[0].read_words(table.inputs.flatten(0, 1), words, plan.layout)
        hidden = table.vectors
        if self._is_residual[0]:
            hidden = hidden.index_select(0, to_tensor(rows[plan.layout.tokens], hidden))
        for layer, is_residual, selection in zip(self._lstms[1:], self._is_residual, plan.below):
            below = states.index_select(0, plan.found.flatten()).view(len(plan.found), self._n_members, -1)
            hidden = below.add_(hidden) if is_residual else below
            states = layer.read_states(hidden.flatten(0, 1), selection, plan.layout)
        return Hidden(states, hidden)

    def score(self, table: WordTable, rows: numpy.ndarray, plan: Plan, hidden: Hidden, cells: numpy.ndarray) -> Tensor:
        """Score every label for cells of a layout.

        :param hidden: what :meth:`read` returned for the table, rows and plan.
        :param cells: the cells whose scores are wanted. *Shape:* ``(n_wanted,)``
        :returns: logits, the heads side by side. *Shape:* ``(n_wanted, n_labels)``
        """
        filled = in_blocks(cells, ROWS_PER_PRODUCT_BLOCK if len(cells) <= ROWS_PER_PRODUCT else ROWS_PER_PRODUCT)
        words = rows[plan.words[filled]]
        wanted = to_tensor(filled, hidden.states)
        seen = hidden.states.index_select(0, plan.found.index_select(0, wanted).flatten()).view(len(filled), -1)
        if self._is_residual[-1]:
            seen.add_(hidden.below.index_select(0, wanted).flatten(1))
        if self._convolutions:
            places = to_tensor(3 * words + numpy.arange(3), seen)
            convolved = functional.embedding_bag(places, table.parts.flatten(0, 1), mode="sum").relu_()
            seen = torch.cat([seen, convolved.to(self._precision)], 1)
        scores = table.scores.index_select(0, to_tensor(words[:, words.shape[1] // 2], seen))
        if self._precision is torch.float32:  # else the product is of another precision than the sum
            return scores.addmm_(seen, self._head)[: len(cells)]
        return scores.add_(seen @ self._head)[: len(cells)]

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
        places = numpy.concatenate([rows, rows[layout.mirror] + len(self._spelling_gates) // 2])
        places = places[self._spelling.order(layout)]
        states = self._spelling.read_words(self._spelling_gates, to_tensor(places, characters), layout)
        # The last step of each word is the mirror image of its first.
        last = layout.mirror[: len(order)][numpy.argsort(order)]
        found = to_tensor(layout.find_states(numpy.stack([last, last])).T.copy(), characters)
        return -states[found][..., : self._encoder.characters.rightwards.hidden_size].flatten(1)
