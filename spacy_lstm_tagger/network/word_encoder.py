"""The lower half of the network: one vector for each distinct word, from its embeddings and its characters."""

from typing import List, NamedTuple, Optional

import torch
from torch import Tensor, nn
from torch.nn import functional

from .sizes import CHARACTER_WIDTH, NetworkSizes

# In training, words are sorted by length and their characters are read in parts of so many words, so that there is
# little padding. On a GPU one part of all words takes less time.
WORDS_PER_PART = 128


class WordTypes(NamedTuple):
    """Distinct words as rows of the embedding tables.

    With a shared encoder, which gives a word another vector in each context, there is a row for each token.

    *Shape:* ``words (n_types,)``, ``affixes (n_types, n_tables)``, ``characters (n_types, n_positions)`` (0 is padding)
    and, with static vectors, ``vectors (n_types, vector_width)``; with a shared encoder ``shared (n_types,
    shared_width)``.
    """

    words: Tensor
    affixes: Tensor
    characters: Tensor
    vectors: Optional[Tensor] = None
    shared: Optional[Tensor] = None

    def take(self, rows: Tensor) -> "WordTypes":
        """:returns: the rows of these numbers."""
        vectors, shared = (None if table is None else table[rows] for table in (self.vectors, self.shared))
        return WordTypes(self.words[rows], self.affixes[rows], self.characters[rows], vectors, shared)


class WordEncoder(nn.Module):
    """One vector for each distinct word, independent of its context: the vectors of all members, concatenated."""

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
            + sizes.shared_width
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
        return self.combine(types, self.read_characters(types), dropout)

    def read_characters(self, types: WordTypes) -> Optional[Tensor]:
        """Encode the characters of words, if the network reads them.

        :returns: *Shape:* ``(n_types, character_width)``
        """
        return None if self.characters is None else self.characters(types.characters)

    def combine(self, types: WordTypes, from_characters: Optional[Tensor], dropout: float = 0.0) -> Tensor:
        """Encode word types whose characters were read already.

        :param from_characters: what :meth:`read_characters` returned.
        :param dropout: rate of dropout on the embeddings.
        :returns: *Shape:* ``(n_types, width)``
        """
        return self.mix(functional.dropout(self.join(types, from_characters), dropout, training=dropout > 0))

    def join(self, types: WordTypes, from_characters: Optional[Tensor]) -> Tensor:
        """Concatenate all embeddings of a word.

        :param from_characters: what :meth:`read_characters` returned.
        :returns: *Shape:* ``(n_types, width before mixing)``
        """
        parts: List[Tensor] = [self.word(types.words)]
        parts += [table(rows) for table, rows in zip(self.affixes, types.affixes.unbind(1))]
        if from_characters is not None:
            parts.append(from_characters)
        if types.vectors is not None:
            parts.append(types.vectors if self.corrections is None else types.vectors + self.corrections(types.words))
        if types.shared is not None:
            parts.append(types.shared)
        return torch.cat(parts, dim=1)

    def mix(self, embeddings: Tensor) -> Tensor:
        """Project concatenated embeddings.

        *Shape:* ``embeddings (..., width before mixing)``, result ``(..., width)``
        """
        return torch.cat([mix(embeddings) for mix in self.mixes], dim=-1) if self.mixes else embeddings

    def encode_by_length(self, types: WordTypes, dropout: float) -> Tensor:
        """Encode word types as :meth:`forward` does, in parts of similar length, which takes less time.

        :param dropout: rate of dropout on the embeddings.
        :returns: *Shape:* ``(n_types, width)``
        """
        if self.characters is None:
            return self(types, dropout)
        lengths = (types.characters > 0).sum(1).clamp(min=1)
        order = lengths.argsort(stable=True)
        encoded = []
        for rows in order.split(len(order) if order.is_cuda else WORDS_PER_PART):
            part = types.take(rows)
            encoded.append(self(part._replace(characters=part.characters[:, : lengths[rows[-1]]]), dropout))
        return functional.embedding(order.argsort(), torch.cat(encoded))


class CharacterEncoder(nn.Module):
    """The characters of a word, read by an LSTM in each direction: the last hidden states of both.

    Source: Ling et al. (2015), https://aclanthology.org/D15-1176
    """

    def __init__(self, n_characters: int, width: int) -> None:
        """:param width: of the output, half of it for each direction."""
        super().__init__()
        self.embedding = nn.Embedding(n_characters, CHARACTER_WIDTH, padding_idx=0)
        self.rightwards = nn.LSTM(CHARACTER_WIDTH, width // 2)
        self.leftwards = nn.LSTM(CHARACTER_WIDTH, width // 2)

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
