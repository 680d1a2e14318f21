"""What each word, and each part of a word, adds to a decision: integrated gradients.

Sundararajan et al. (2017), https://arxiv.org/abs/1703.01365. The path leads straight to the real sentence from one of
as many words whose vectors are the average word's. From vectors such as no word has, zeros for instance, it would bend
so often that hundreds of points were too few.
"""

from contextlib import contextmanager
from typing import Callable, Iterator, List, NamedTuple, Tuple

import numpy
import torch
from torch import Tensor, nn

from .network import LSTMTagger, Sentences, WordEncoder, WordTypes

# At how many points of the path the gradient is taken. While sums and differences are further apart than the
# tolerance, the points double.
N_POINTS = 64
MOST_POINTS = 512
TOLERANCE = 0.01  # as a share of the difference; one below a tenth of a nat counts as that


class Attributions(NamedTuple):
    """What the words of a sentence add to the log-probability of some labels.

    *Shape:* ``words (n_words, n_words)``: for each word whose labels are explained, what each word adds.
    ``difference (n_words,)``: the labels' log-probability less that at the beginning of the path, which is what
    a row of ``words`` adds up to. ``parts (n_words, n_parts)``: what a word adds to its own labels: first what it would
    add if nothing were known of it but its length, then what its embedding, its affixes, its characters and its static
    vector add, as far as they are read. ``characters (n_words, n_positions)``: what each character adds; of width 0
    where they are not read. Their sum is among the parts.
    """

    words: Tensor
    difference: Tensor
    parts: Tensor
    characters: Tensor


def attribute(network: LSTMTagger, types: WordTypes, labels: Tensor, average: Tensor) -> Attributions:
    """Find what a sentence's words add to the log-probability of labels, summed over the heads.

    The word's part goes along a straight path of word vectors. What a word adds to its own labels is then divided along
    the path of its embeddings, by the gradient that its vector has.

    :param network: of which no weight requires a gradient.
    :param types: the words of the sentence, one after another.
    :param labels: for each word and head the label. *Shape:* ``(n_words, n_heads)``
    :param average: the average word's vector. *Shape:* ``(encoder.width,)``
    """
    vectors = network.encoder(types)
    start = average.expand_as(vectors)
    change = vectors - start

    def score(words: Tensor) -> Tensor:
        return _log_probabilities(network, words, labels)

    n_points = N_POINTS
    while True:
        gradients, difference = _integrate(score, start, change, n_points)
        # shape: (n_words, n_words)
        words = (gradients * change).sum(2)
        error = (words.sum(1) - difference).abs() / difference.abs().clamp(min=0.1)
        if bool((error <= TOLERANCE).all()) or n_points >= MOST_POINTS:
            break
        n_points *= 2
    nothing_known = WordTypes(
        words=torch.zeros_like(types.words),
        affixes=torch.zeros_like(types.affixes),
        characters=types.characters.clamp(max=1),
        vectors=None if types.vectors is None else torch.zeros_like(types.vectors),
    )
    own = gradients.diagonal().t()
    unknown = ((network.encoder(nothing_known) - start) * own).sum(1, keepdim=True)
    parts, characters = _divide(network.encoder, nothing_known, types, own, n_points)
    return Attributions(words, difference, torch.cat([unknown, parts], 1), characters)


def _log_probabilities(network: LSTMTagger, words: Tensor, labels: Tensor) -> Tensor:
    """*Shape:* ``words (n_sentences, n_words, width)``, result ``(n_sentences, n_words)``"""
    n_sentences, n_words, _ = words.shape
    sentences = Sentences.from_lengths(torch.full((n_sentences,), n_words))
    parts = words.flatten(0, 1).chunk(len(network.members), 1)
    members = [member(part, sentences, 0.0, torch.float32) for member, part in zip(network.members, parts)]
    logits = torch.stack(members).mean(0).unflatten(0, (n_sentences, n_words))
    heads = logits.split(list(network.sizes.n_labels.values()), 2)
    chosen = [
        head.log_softmax(2).gather(2, column.expand(n_sentences, -1).unsqueeze(2)).squeeze(2)
        for head, column in zip(heads, labels.t())
    ]
    return torch.stack(chosen).sum(0)


def _integrate(
    score: Callable[[Tensor], Tensor], start: Tensor, change: Tensor, n_points: int
) -> Tuple[Tensor, Tensor]:
    """Average each score's gradient over a path, and find by how much the score changes along it.

    *Shape:* ``start`` and ``change (n_words, width)``, results ``(n_scores, n_words, width)`` and ``(n_scores,)``
    """
    points, weights = _gauss_legendre(n_points)
    path = (start + points.view(-1, 1, 1) * change).requires_grad_()
    # shape: (n_points, n_scores)
    scores = score(path)
    gradients = [torch.autograd.grad(mean, path, retain_graph=True)[0].sum(0) for mean in weights @ scores]
    with torch.no_grad():
        difference = score(torch.stack([start, start + change]))
    return torch.stack(gradients), difference[1] - difference[0]


def _divide(
    encoder: WordEncoder, nothing_known: WordTypes, types: WordTypes, direction: Tensor, n_points: int
) -> Tuple[Tensor, Tensor]:
    """Divide how far each word's vector goes in a direction among what the vector is made of.

    *Shape:* ``direction (n_words, width)``, results ``(n_words, n_parts)`` and ``(n_words, n_positions)``
    """
    points, weights = _gauss_legendre(n_points)
    starts, ends = _embed(encoder, nothing_known), _embed(encoder, types)
    changes = [end - start for start, end in zip(starts, ends)]
    totals = [torch.zeros_like(change[..., 0]) for change in changes]
    for point, weight in zip(points, weights):
        embeddings = [(start + point * change).requires_grad_() for start, change in zip(starts, changes)]
        gradients = torch.autograd.grad(_encode(encoder, types, embeddings), embeddings, direction)
        for i, (gradient, change) in enumerate(zip(gradients, changes)):
            totals[i] += weight * (gradient * change).sum(-1)
    characters = torch.zeros(len(direction), 0)
    if encoder.characters is not None:
        # The characters are read twice, from the left and from the right, and the steps come first.
        from_left, from_right, *totals = totals
        last = (types.characters > 0).sum(1, keepdim=True) - 1
        places = (last - torch.arange(types.characters.shape[1])).clamp(min=0)
        characters = from_left.t().scatter_add(1, places, from_right.t())
        totals.insert(1 + len(encoder.affixes), characters.sum(1))
    if encoder.corrections is not None:
        correction = totals.pop(-2)
        totals[-1] += correction
    return torch.stack(totals, 1), characters


def _embed(encoder: WordEncoder, types: WordTypes) -> List[Tensor]:
    """Find the embeddings of words in the order in which the encoder looks them up, and their static vectors."""
    embeddings: List[Tensor] = []
    with _intercept(encoder, embeddings.append):
        encoder(types)
    return embeddings if types.vectors is None else [*embeddings, types.vectors]


def _encode(encoder: WordEncoder, types: WordTypes, embeddings: List[Tensor]) -> Tensor:
    """Encode words of other embeddings than theirs."""
    if types.vectors is not None:
        *embeddings, vectors = embeddings
        types = types._replace(vectors=vectors)
    others = iter(embeddings)
    with _intercept(encoder, lambda embedding: next(others)):
        encoded: Tensor = encoder(types)
    return encoded


@contextmanager
def _intercept(encoder: WordEncoder, replace: Callable[[Tensor], object]) -> Iterator[None]:
    """Put what a function returns in the place of each embedding that is looked up, unless it is None."""
    tables = [module for module in encoder.modules() if isinstance(module, nn.Embedding)]
    handles = [table.register_forward_hook(lambda table, rows, embedding: replace(embedding)) for table in tables]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _gauss_legendre(n_points: int) -> Tuple[Tensor, Tensor]:
    """Points between 0 and 1, and their weights, which sum to 1. *Shape:* both ``(n_points,)``"""
    points, weights = numpy.polynomial.legendre.leggauss(n_points)
    return torch.from_numpy((points + 1) / 2).float(), torch.from_numpy(weights / 2).float()
