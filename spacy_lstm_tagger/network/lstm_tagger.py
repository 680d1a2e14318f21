"""The network as it is trained: word encoder -> LSTM layers -> one linear head for each annotation layer."""

import copy
from typing import Any, List, Mapping, Optional, Sequence, Tuple, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from .lstm_layer import LSTMLayer, Sentences, drop
from .sizes import NetworkSizes
from .word_encoder import WordEncoder, WordTypes


class LSTMTagger(nn.Module):
    """Score labels for sequences of words: a word encoder, LSTM layers, one linear head for each annotation layer.

    With ``mix_width=0``, ``depth=1``, ``bidirectional=False``, ``n_members=1`` and without affixes, characters and
    convolution this is the textbook tagger: word embedding, LSTM, linear. The log-softmax of its logits are
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

    def forward(self, *args: Any, **kwargs: Any) -> Tensor:
        """:returns: the logits of :meth:`score`."""
        return self.score(*args, **kwargs)[0]

    def score(
        self,
        types: WordTypes,
        tokens: Tensor,
        lengths: Tensor,
        dropout: float = 0.0,
        embedding_dropout: float = 0.0,
        n_samples: int = 1,
        precision: torch.dtype = torch.float32,
    ) -> Tuple[Tensor, Tensor]:
        """Score every label for every token, with each member.

        With several samples the LSTM reads the same word vectors several times, with other dropout masks. The mean of
        their gradients has less noise. Source: Inoue (2019), https://arxiv.org/abs/1905.09788

        :param types: the distinct words of the batch.
        :param tokens: for each token its row in ``types``, sentence after sentence. *Shape:* ``(n_tokens,)``
        :param lengths: number of tokens of each sentence. *Shape:* ``(n_sentences,)``
        :param dropout: rate of dropout on word vectors, between layers and before the heads.
        :param embedding_dropout: rate of dropout on the embeddings of words.
        :param n_samples: how often the LSTM reads the words.
        :param precision: in which the LSTM computes.
        :returns: logits, those of all heads concatenated; sample after sample, and in each those of all members.
            *Shape:* ``(n_tokens, n_samples * n_members, n_labels)``. The first sample's states of the last LSTM layer,
            those of all members. *Shape:* ``(n_tokens, n_members * n_directions * hidden_width)``
        """
        words = functional.embedding(tokens, self.encoder.encode_by_length(types, embedding_dropout))
        sentences = Sentences.from_lengths(lengths.repeat(n_samples))
        parts = words.repeat(n_samples, 1).chunk(len(self.members), dim=1)
        of_members = [member(part, sentences, dropout, precision) for member, part in zip(self.members, parts)]
        logits, states = zip(*of_members)
        return torch.cat(torch.stack(logits, dim=1).chunk(n_samples), dim=1), torch.cat(states, 1)[: len(tokens)]


class Member(nn.Module):
    """LSTM layers and heads, with word vectors of their own."""

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

    def forward(
        self, words: Tensor, sentences: Sentences, dropout: float, precision: torch.dtype
    ) -> Tuple[Tensor, Tensor]:
        """Score every label for every token.

        :param words: word vectors. *Shape:* ``(n_tokens, width)``
        :returns: logits, those of all heads concatenated. *Shape:* ``(n_tokens, n_labels)``. The states of the last
            layer. *Shape:* ``(n_tokens, n_directions * hidden_width)``
        """
        words = drop(words, dropout, sentences.sentence)
        read_by_heads = [words] if self.skip else []
        if self.convolution is not None:
            # The last row is the padding beyond the ends of a sentence.
            rows = functional.pad(words, (0, 0, 0, 1))
            before, after = functional.embedding(sentences.before, rows), functional.embedding(sentences.after, rows)
            convolved = self.convolution(torch.cat([before, words, after], dim=1)).relu()
            read_by_heads.append(drop(convolved, dropout, sentences.sentence))
        hidden = words
        for layer in self.layers:
            hidden = drop(layer(hidden, sentences, precision), dropout, sentences.sentence)
        features = torch.cat([hidden, *read_by_heads], dim=1)
        return torch.cat([head(features) for head in self.heads.values()], dim=1), hidden


class ComposedHead(nn.Module):
    """A linear head in whose weights labels have parts in common, such as bundles their features.

    The weights of a label are the sum of its own and of those of its parts. So a rare label is learned from all labels
    that it has parts in common with.
    """

    has_part: Tensor

    def __init__(self, width: int, parts: Sequence[Sequence[int]]) -> None:
        """
        :param width: of the input.
        :param parts: for each label the numbers of its parts.
        """
        super().__init__()
        n_parts = 1 + max((part for of_label in parts for part in of_label), default=-1)
        has_part = torch.zeros(len(parts), n_parts)
        for label, of_label in enumerate(parts):
            has_part[label, list(of_label)] = 1.0
        self.register_buffer("has_part", has_part, persistent=False)
        self.own = nn.Parameter(torch.zeros(len(parts), width))
        self.parts = nn.Parameter(torch.empty(n_parts, width))
        self.bias = nn.Parameter(torch.zeros(len(parts)))
        nn.init.normal_(self.parts, std=0.1 * width**-0.5)

    @property
    def weight(self) -> Tensor:
        """:returns: the weights of the labels. *Shape:* ``(n_labels, width)``"""
        return self.own + self.has_part @ self.parts

    def forward(self, features: Tensor) -> Tensor:
        return functional.linear(features, self.weight, self.bias)


def compose(network: LSTMTagger, parts: Mapping[str, Sequence[Sequence[int]]]) -> None:
    """Let the labels of some heads have parts in common while the network is trained.

    :param network: a new network, which is changed.
    :param parts: for each of these heads, the numbers of the parts of each label.
    """
    for heads in _heads(network):
        for name, of_head in parts.items():
            heads[name] = ComposedHead(cast(nn.Linear, heads[name]).in_features, of_head)


def fold(network: LSTMTagger) -> LSTMTagger:
    """Make a network that computes the same, in which the weights of labels have those of their parts in them.

    :returns: a copy, of which all heads are plain ones. So are those of a network that is stored.
    """
    copied = copy.deepcopy(network)
    for heads in _heads(copied):
        for name, head in heads.items():
            if isinstance(head, ComposedHead):
                plain = make_head(*reversed(head.own.shape))
                plain.load_state_dict({"weight": head.weight, "bias": head.bias})
                heads[name] = plain
    return copied


def _heads(network: LSTMTagger) -> List[nn.ModuleDict]:
    return [cast(Member, member).heads for member in network.members]


def make_head(width: int, n_labels: int) -> nn.Linear:
    """Make a linear layer with weights so small that all labels begin about equally likely."""
    head = nn.Linear(width, n_labels)
    nn.init.normal_(head.weight, std=0.1 * width**-0.5)
    nn.init.zeros_(head.bias)
    return head
