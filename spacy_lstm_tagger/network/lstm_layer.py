"""One LSTM layer over sentences of different lengths, and the dropout between layers."""

from typing import List, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional


class Sentences(NamedTuple):
    """Indices between a flat list of tokens, sentence after sentence, and padded batches.

    *Shape:* ``rightwards`` and ``leftwards`` ``(longest, n_sentences)``: for each cell of the batch that a direction
    reads, its token. Padding repeats the sentence's last token that is read.
    ``rightwards_cells`` and ``leftwards_cells`` ``(n_tokens,)``: for each token its cell in that batch.
    ``sentence`` ``(n_tokens,)``: for each token the number of its sentence.
    ``before`` and ``after`` ``(n_tokens,)``: for each token its neighbours, ``n_tokens`` at the ends of sentences.
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
        """Compute the indices of sentences of the given lengths.

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


class LSTMLayer(nn.Module):
    """One LSTM layer over sentences of any lengths, in one direction or in both.

    Each direction is a :class:`torch.nn.LSTM` over padded sentences. The padding comes after the last token that the
    direction reads, so that it changes nothing: a sentence has the same hidden states in any batch.
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


def read(lstm: nn.LSTM, tokens: Tensor, batch: Tensor, cells: Tensor, precision: torch.dtype) -> Tensor:
    """Run an LSTM over a padded batch of tokens, and gather the hidden states of each token.

    :param batch: for each cell of the batch its token. *Shape:* ``(longest, n_sentences)``
    :param cells: for each token its cell. *Shape:* ``(n_tokens,)``

    *Shape:* ``tokens (n_tokens, width)``, result ``(n_tokens, hidden_width)``
    """
    # Of the operations that gather rows, only this one has a gradient with the same bits in every run: that of indexing
    # varies with several threads, that of index_select on a GPU.
    inputs = functional.embedding(batch, tokens)
    with torch.autocast(tokens.device.type, precision, enabled=precision is not torch.float32):
        states: Tensor = lstm(inputs)[0]
    return functional.embedding(cells, states.to(tokens.dtype).flatten(0, 1))


def drop(tokens: Tensor, rate: float, sentence: Tensor) -> Tensor:
    """Variational dropout: one mask for all tokens of a sentence.

    Source: Gal & Ghahramani (2016), https://arxiv.org/abs/1512.05287

    :param rate: given with each call, so that the network needs no switch between training and prediction.

    *Shape:* ``tokens (n_tokens, width)``, ``sentence (n_tokens,)``, result ``(n_tokens, width)``
    """
    if not rate:
        return tokens
    kept = functional.dropout(tokens.new_ones(int(sentence[-1]) + 1, tokens.shape[1]), rate)
    return tokens * kept.index_select(0, sentence)
