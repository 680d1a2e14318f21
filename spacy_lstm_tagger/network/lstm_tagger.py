"""The network, in torch alone: word types -> LSTM -> one linear head per annotation layer."""

from typing import Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

import torch
from torch import Tensor, nn
from torch.nn import functional

# Words whose characters are read in one go in training: sorted by length, so that there is little padding. A GPU reads
# all at once, and trains a third faster for it.
WORDS_PER_PART = 128
CHARACTER_WIDTH = 32


class NetworkSizes(NamedTuple):
    """Everything that the shape of a :class:`LSTMTagger` depends on.

    :param n_words: rows of the word table, the row of unknown words included.
    :param n_affixes: rows of each prefix, suffix and shape table.
    :param n_characters: rows of the character table; 0 if characters are not read.
    :param n_labels: labels of each head, by the head's name.
    :param word_width: width of a word's embedding.
    :param affix_width: width of an embedding of a prefix, a suffix or a shape.
    :param character_width: width of the vector that is made of a word's characters.
    :param vector_width: width of the static vectors; 0 if there are none.
    :param tune_vectors: whether a correction is learned for the static vector of each known word.
    :param mix_width: width to which all the embeddings of a word are mixed; 0 concatenates them.
    :param convolution_width: width of a convolution over each word and its neighbours, which heads see; 0 if there is
        none.
    :param hidden_width: units of each LSTM layer and direction.
    :param depth: number of LSTM layers.
    :param bidirectional: whether each layer reads the sentence from both ends.
    :param skip: whether layers are residual and heads see the word as well as its context.
    :param n_members: number of networks above the embeddings whose logits are averaged.
    """

    n_words: int
    n_affixes: Sequence[int]
    n_characters: int
    n_labels: Dict[str, int]
    word_width: int
    affix_width: int
    character_width: int
    vector_width: int
    tune_vectors: bool
    mix_width: int
    hidden_width: int
    depth: int
    bidirectional: bool
    skip: bool
    n_members: int
    convolution_width: int = 0


def weight_shapes(sizes: NetworkSizes) -> Iterator[Tuple[str, Tuple[int, ...]]]:
    """Yield name and shape of each weight that a :class:`LSTMTagger` of the sizes has, without taking memory for it, so
    that sizes from a file can be compared with the weights that are there.
    """
    yield "encoder.word.weight", (sizes.n_words, sizes.word_width)
    for i, n_affixes in enumerate(sizes.n_affixes):
        yield f"encoder.affixes.{i}.weight", (n_affixes, sizes.affix_width)
    width = sizes.word_width + len(sizes.n_affixes) * sizes.affix_width + sizes.vector_width
    if sizes.n_characters:
        yield "encoder.characters.embedding.weight", (sizes.n_characters, CHARACTER_WIDTH)
        for direction in ("rightwards", "leftwards"):
            yield from _lstm_shapes(f"encoder.characters.{direction}", CHARACTER_WIDTH, sizes.character_width // 2)
        width += sizes.character_width
    if sizes.tune_vectors and sizes.vector_width:
        yield "encoder.corrections.weight", (sizes.n_words, sizes.vector_width)
    for i in range(sizes.n_members if sizes.mix_width else 0):
        yield f"encoder.mixes.{i}.0.weight", (sizes.mix_width, width)
        for part in ("0.bias", "2.weight", "2.bias"):
            yield f"encoder.mixes.{i}.{part}", (sizes.mix_width,)
    word_width = sizes.mix_width or width // sizes.n_members
    directions = ("rightwards", "leftwards") if sizes.bidirectional else ("rightwards",)
    hidden_width = sizes.hidden_width * len(directions)
    head_width = hidden_width + (word_width if sizes.skip else 0) + sizes.convolution_width
    for i in range(sizes.n_members):
        if sizes.convolution_width:
            yield f"members.{i}.convolution.weight", (sizes.convolution_width, 3 * word_width)
            yield f"members.{i}.convolution.bias", (sizes.convolution_width,)
        for depth in range(sizes.depth):
            for direction in directions:
                name = f"members.{i}.layers.{depth}.{direction}"
                yield from _lstm_shapes(name, hidden_width if depth else word_width, sizes.hidden_width)
        for head, n_labels in sizes.n_labels.items():
            yield f"members.{i}.heads.{head}.weight", (n_labels, head_width)
            yield f"members.{i}.heads.{head}.bias", (n_labels,)


def _lstm_shapes(name: str, width: int, hidden_width: int) -> Iterator[Tuple[str, Tuple[int, ...]]]:
    yield f"{name}.weight_ih_l0", (4 * hidden_width, width)
    yield f"{name}.weight_hh_l0", (4 * hidden_width, hidden_width)
    for part in ("bias_ih_l0", "bias_hh_l0"):
        yield f"{name}.{part}", (4 * hidden_width,)


class WordTypes(NamedTuple):
    """Distinct words as rows of the embedding tables.

    *Shape:* ``words (n_types,)``, ``affixes (n_types, n_tables)``, ``characters (n_types, n_positions)``
    (row 0 is padding) and, with static vectors, ``vectors (n_types, vector_width)``.
    """

    words: Tensor
    affixes: Tensor
    characters: Tensor
    vectors: Optional[Tensor] = None


class Sentences(NamedTuple):
    """Where the tokens of a batch stand, so that layers can work on a flat list of tokens.

    *Shape:* ``rightwards`` and ``leftwards`` ``(longest, n_sentences)`` hold for each cell of a padded
    batch the token that stands there, read from the left and from the right. Padding repeats a token of
    the sentence: it always comes after the real tokens, so no real token sees it.
    ``rightwards_cells`` and ``leftwards_cells`` ``(n_tokens,)`` hold for each token its cell, ``sentence``
    ``(n_tokens,)`` the number of its sentence, ``before`` and ``after`` ``(n_tokens,)`` the tokens beside it, or
    ``n_tokens`` where the sentence begins or ends.
    """

    rightwards: Tensor
    leftwards: Tensor
    rightwards_cells: Tensor
    leftwards_cells: Tensor
    sentence: Tensor
    before: Tensor
    after: Tensor

    @classmethod
    def from_lengths(cls, lengths: Tensor) -> "Sentences":
        """Lay out sentences of the given lengths.

        :param lengths: the number of tokens of each sentence, all above 0. *Shape:* ``(n_sentences,)``
        """
        n_sentences = len(lengths)
        starts = lengths.cumsum(0) - lengths
        # shape: (longest, 1)
        steps = torch.arange(int(lengths.max()), device=lengths.device).unsqueeze(1)
        from_left = torch.minimum(steps, lengths - 1)
        # shape: (n_tokens,)
        sentence = torch.repeat_interleave(torch.arange(n_sentences, device=lengths.device), lengths)
        token = torch.arange(len(sentence), device=lengths.device)
        step = token - starts[sentence]
        return cls(
            rightwards=starts + from_left,
            leftwards=starts + lengths - 1 - from_left,
            rightwards_cells=step * n_sentences + sentence,
            leftwards_cells=(lengths[sentence] - 1 - step) * n_sentences + sentence,
            sentence=sentence,
            before=torch.where(step > 0, token - 1, len(token)),
            after=torch.where(step < lengths[sentence] - 1, token + 1, len(token)),
        )


class LSTMTagger(nn.Module):
    """Tag sequences of words: embeddings of word types, LSTM layers, one linear head per layer of annotation.

    With ``mix_width=0``, ``depth=1``, ``bidirectional=False``, ``n_members=1`` and without affixes, characters and
    convolution this is the textbook tagger: word embedding, LSTM, linear. A log-softmax of its output gives
    log-probabilities.

    Long short-term memory: Hochreiter & Schmidhuber (1997), https://doi.org/10.1162/neco.1997.9.8.1735,
    with the forget gate of Gers et al. (2000).
    """

    def __init__(self, sizes: NetworkSizes) -> None:
        super().__init__()
        self.sizes = sizes
        self.encoder = WordEncoder(sizes)
        self.members = nn.ModuleList(
            Member(self.encoder.width // sizes.n_members, sizes) for _ in range(sizes.n_members)
        )

    def forward(
        self,
        types: WordTypes,
        tokens: Tensor,
        lengths: Tensor,
        dropout: float = 0.0,
        embedding_dropout: float = 0.0,
        n_samples: int = 1,
        precision: torch.dtype = torch.float32,
    ) -> Tensor:
        """Score every label for every token with each member, as training needs it.

        With several samples the LSTM reads the same word vectors several times, with other masks of dropout. Their
        mean is a gradient with less noise. Source: Inoue (2019), https://arxiv.org/abs/1905.09788

        :param types: the distinct words of the batch.
        :param tokens: for each token its row in ``types``, sentence after sentence. *Shape:* ``(n_tokens,)``
        :param lengths: number of tokens of each sentence. *Shape:* ``(n_sentences,)``
        :param dropout: rate of dropout on word vectors, between layers and before the heads.
        :param embedding_dropout: rate of dropout on what word vectors are made of.
        :param n_samples: how often words are read.
        :param precision: in which the LSTM computes.
        :returns: logits, the heads side by side, sample after sample those of all members.
            *Shape:* ``(n_tokens, n_samples * n_members, n_labels)``
        """
        words = functional.embedding(tokens, self.encoder.encode_by_length(types, embedding_dropout))
        sentences = Sentences.from_lengths(lengths.repeat(n_samples))
        parts = words.repeat(n_samples, 1).chunk(len(self.members), dim=1)
        logits = [member(part, sentences, dropout, precision) for member, part in zip(self.members, parts)]
        return torch.cat(torch.stack(logits, dim=1).chunk(n_samples), dim=1)


class Member(nn.Module):
    """LSTM layers and heads, on vectors of words of their own."""

    def __init__(self, width: int, sizes: NetworkSizes) -> None:
        super().__init__()
        self.skip = sizes.skip
        self.convolution: Optional[nn.Linear] = None
        if sizes.convolution_width:
            self.convolution = nn.Linear(3 * width, sizes.convolution_width)
        word_width = width
        self.layers = nn.ModuleList()
        for _ in range(sizes.depth):
            layer = LSTMLayer(width, sizes.hidden_width, sizes.bidirectional, residual=sizes.skip)
            self.layers.append(layer)
            width = layer.width
        width += (word_width if sizes.skip else 0) + sizes.convolution_width
        self.heads = nn.ModuleDict({name: make_head(width, n) for name, n in sizes.n_labels.items()})

    def forward(self, words: Tensor, sentences: Sentences, dropout: float, precision: torch.dtype) -> Tensor:
        """Score every label for every token.

        :param words: word vectors. *Shape:* ``(n_tokens, width)``
        :returns: logits, the heads side by side. *Shape:* ``(n_tokens, n_labels)``
        """
        words = drop(words, dropout, sentences.sentence)
        seen = [words] if self.skip else []
        if self.convolution is not None:
            # The last row stands for what is beyond the ends of a sentence.
            rows = functional.pad(words, (0, 0, 0, 1))
            before, after = functional.embedding(sentences.before, rows), functional.embedding(sentences.after, rows)
            convolved = self.convolution(torch.cat([before, words, after], dim=1)).relu()
            seen.append(drop(convolved, dropout, sentences.sentence))
        hidden = words
        for layer in self.layers:
            hidden = drop(layer(hidden, sentences, precision), dropout, sentences.sentence)
        hidden = torch.cat([hidden, *seen], dim=1)
        return torch.cat([head(hidden) for head in self.heads.values()], dim=1)


class WordEncoder(nn.Module):
    """Turn each distinct word into one vector, whatever its context: the members' vectors side by side."""

    def __init__(self, sizes: NetworkSizes) -> None:
        super().__init__()
        self.word = nn.Embedding(sizes.n_words, sizes.word_width)
        nn.init.zeros_(self.word.weight[0])
        self.affixes = nn.ModuleList(nn.Embedding(n, sizes.affix_width) for n in sizes.n_affixes)
        self.characters: Optional[CharacterEncoder] = None
        if sizes.n_characters:
            self.characters = CharacterEncoder(sizes.n_characters, sizes.character_width)
        self.corrections: Optional[nn.Embedding] = None
        if sizes.tune_vectors and sizes.vector_width:
            self.corrections = nn.Embedding(sizes.n_words, sizes.vector_width, padding_idx=0)
            nn.init.zeros_(self.corrections.weight)
        self.width = (
            sizes.word_width
            + len(self.affixes) * sizes.affix_width
            + (sizes.character_width if self.characters else 0)
            + sizes.vector_width
        )
        self.mixes = nn.ModuleList()
        if sizes.mix_width:
            for _ in range(sizes.n_members):
                mix = nn.Linear(self.width, sizes.mix_width), nn.GELU(), nn.LayerNorm(sizes.mix_width)
                self.mixes.append(nn.Sequential(*mix))
            self.width = sizes.mix_width * sizes.n_members

    def forward(self, types: WordTypes, dropout: float = 0.0) -> Tensor:
        """Encode word types.

        :param dropout: rate of dropout on the embeddings.
        :returns: *Shape:* ``(n_types, width)``
        """
        return self.combine(types, self.spell(types), dropout)

    def spell(self, types: WordTypes) -> Optional[Tensor]:
        """:returns: what the characters of words give, if they are read. *Shape:* ``(n_types, character_width)``"""
        return None if self.characters is None else self.characters(types.characters)

    def combine(self, types: WordTypes, spelling: Optional[Tensor], dropout: float = 0.0) -> Tensor:
        """Encode word types whose characters were read already.

        :param spelling: what the characters give. *Shape:* ``(n_types, character_width)``
        :param dropout: rate of dropout on the embeddings.
        :returns: *Shape:* ``(n_types, width)``
        """
        return self.mix(functional.dropout(self.join(types, spelling), dropout, training=dropout > 0))

    def join(self, types: WordTypes, spelling: Optional[Tensor]) -> Tensor:
        """Put side by side what vectors of words are made of.

        :param spelling: what the characters give. *Shape:* ``(n_types, character_width)``
        :returns: *Shape:* ``(n_types, width before mixing)``
        """
        parts: List[Tensor] = [self.word(types.words)]
        parts += [table(rows) for table, rows in zip(self.affixes, types.affixes.unbind(1))]
        if spelling is not None:
            parts.append(spelling)
        if types.vectors is not None:
            parts.append(types.vectors if self.corrections is None else types.vectors + self.corrections(types.words))
        return torch.cat(parts, dim=1)

    def mix(self, parts: Tensor) -> Tensor:
        """Make vectors of words. *Shape:* ``parts (..., width before mixing)``, result ``(..., width)``"""
        return torch.cat([mix(parts) for mix in self.mixes], dim=-1) if self.mixes else parts

    def encode_by_length(self, types: WordTypes, dropout: float) -> Tensor:
        """Encode word types, short words apart from long ones: the same vectors, in less time.

        :param dropout: rate of dropout on the embeddings.
        :returns: *Shape:* ``(n_types, width)``
        """
        if self.characters is None:
            return self(types, dropout)
        lengths = (types.characters > 0).sum(1).clamp(min=1)
        order = lengths.argsort(stable=True)
        encoded = []
        for rows in order.split(len(order) if order.is_cuda else WORDS_PER_PART):
            part = WordTypes(*(table[rows] for table in types if table is not None))
            encoded.append(self(part._replace(characters=part.characters[:, : lengths[rows[-1]]]), dropout))
        return functional.embedding(order.argsort(), torch.cat(encoded))


class CharacterEncoder(nn.Module):
    """Read the characters of a word with an LSTM from both ends, and keep the last state of each.

    Source: Ling et al. (2015), https://aclanthology.org/D15-1176
    """

    def __init__(self, n_characters: int, width: int, embedding_width: int = CHARACTER_WIDTH) -> None:
        """:param width: of the output, half of it for each direction."""
        super().__init__()
        self.embedding = nn.Embedding(n_characters, embedding_width, padding_idx=0)
        self.rightwards = nn.LSTM(embedding_width, width // 2)
        self.leftwards = nn.LSTM(embedding_width, width // 2)

    @property
    def directions(self) -> List[nn.LSTM]:
        """The LSTMs, the one that reads rightwards first."""
        return [self.rightwards, self.leftwards]

    def forward(self, characters: Tensor) -> Tensor:
        """Encode words from their characters.

        :param characters: rows of the character table, 0 after a word's end. *Shape:* ``(n_types, n_positions)``
        :returns: *Shape:* ``(n_types, width)``
        """
        # shape: (n_positions, n_types)
        rightwards = characters.t()
        last = ((rightwards > 0).sum(0) - 1).clamp(min=0)
        positions = torch.arange(len(rightwards), device=characters.device).unsqueeze(1)
        leftwards = rightwards.gather(0, (last - positions).clamp(min=0))
        words = torch.arange(len(characters), device=characters.device)
        from_left = self.rightwards(self.embedding(rightwards))[0][last, words]
        from_right = self.leftwards(self.embedding(leftwards))[0][last, words]
        return torch.cat([from_left, from_right], dim=1)


class LSTMLayer(nn.Module):
    """One layer of LSTM over sentences of any lengths, in one direction or in both.

    Each direction is an ordinary :class:`torch.nn.LSTM` that reads its padded sentences from the first token
    on, so that padding comes last and changes nothing: a sentence gets the same states in any batch.
    """

    def __init__(self, width: int, hidden_width: int, bidirectional: bool, *, residual: bool) -> None:
        super().__init__()
        self.rightwards = nn.LSTM(width, hidden_width)
        self.leftwards = nn.LSTM(width, hidden_width) if bidirectional else None
        self.width = hidden_width * (2 if bidirectional else 1)
        self.residual = residual and self.width == width

    @property
    def directions(self) -> List[nn.LSTM]:
        """The LSTMs, the one that reads rightwards first."""
        return [self.rightwards] if self.leftwards is None else [self.rightwards, self.leftwards]

    def forward(self, tokens: Tensor, sentences: Sentences, precision: torch.dtype) -> Tensor:
        """Read the sentences.

        :param tokens: *Shape:* ``(n_tokens, input width)``
        :param precision: in which the LSTM computes.
        :returns: hidden states. *Shape:* ``(n_tokens, width)``
        """
        hidden = read(self.rightwards, tokens, sentences.rightwards, sentences.rightwards_cells, precision)
        if self.leftwards is not None:
            from_right = read(self.leftwards, tokens, sentences.leftwards, sentences.leftwards_cells, precision)
            hidden = torch.cat([hidden, from_right], dim=1)
        return hidden + tokens if self.residual else hidden


def read(lstm: nn.LSTM, tokens: Tensor, order: Tensor, cells: Tensor, precision: torch.dtype) -> Tensor:
    """Run an LSTM over tokens laid out in the given order and bring the states back to the tokens.

    *Shape:* ``tokens (n_tokens, width)``, ``order (longest, n_sentences)``, ``cells (n_tokens,)``,
    result ``(n_tokens, hidden_width)``
    """
    # The gradient of embedding is the same in every run, that of indexing is not where there are threads, that of
    # index_select not on a GPU.
    inputs = functional.embedding(order, tokens)
    with torch.autocast(tokens.device.type, precision, enabled=precision is not torch.float32):
        states: Tensor = lstm(inputs)[0]
    return functional.embedding(cells, states.to(tokens.dtype).flatten(0, 1))


def make_head(width: int, n_labels: int) -> nn.Linear:
    """Make a linear layer by which all labels begin about equally likely."""
    head = nn.Linear(width, n_labels)
    nn.init.normal_(head.weight, std=0.1 * width**-0.5)
    nn.init.zeros_(head.bias)
    return head


def drop(tokens: Tensor, rate: float, sentence: Tensor) -> Tensor:
    """Dropout of the same units in all of a sentence, at a rate that is given with each call, so that
    prediction leaves no flag to reset.

    Variational dropout: Gal & Ghahramani (2016), https://arxiv.org/abs/1512.05287

    *Shape:* ``tokens (n_tokens, width)``, ``sentence (n_tokens,)``, result ``(n_tokens, width)``
    """
    if not rate:
        return tokens
    kept = functional.dropout(tokens.new_ones(int(sentence[-1]) + 1, tokens.shape[1]), rate)
    return tokens * kept.index_select(0, sentence)
