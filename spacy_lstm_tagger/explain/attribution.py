"""What each word, and each part of a word, adds to a decision: integrated gradients.

Sundararajan et al. (2017), https://arxiv.org/abs/1703.01365. The path leads straight to the real sentence from one of
as many words that are all the average word. Its vector is computed from averages of embeddings, and is not the average
of vectors: near vectors that no word has, such as zero, gradients change so fast that hundreds of points are too few.
"""

from contextlib import contextmanager
from typing import Callable, Iterator, List, NamedTuple, Tuple

import numpy
import torch
from torch import Tensor, nn

from ..network.lstm_tagger import LSTMTagger
from ..network.word_encoder import WordEncoder, WordTypes
from .recurrence import QUANTITIES, score_labels, trace_sentence

# At how many points of each part of the path the gradient is taken.
N_POINTS = 8
SHORTEST_PART = 2**-20
TOLERANCE = 0.01  # as a share of the difference
SMALLEST_DIFFERENCE = 0.1  # in nats: what is below counts as this much
# Gradients change faster along the path of a word's embeddings, and take less time.
N_POINTS_OF_WORD = 64
# How many gradients are computed at once.
N_GRADIENTS = 32


class Attributions(NamedTuple):
    """What the words of a sentence add to the log-probability of each word's label of each head.

    *Shape:* ``words (n_heads, n_words, n_words)``: for each word whose label is explained, what each word adds.
    ``difference (n_heads, n_words)``: the label's log-probability less that at the beginning of the path, which is what
    a row of ``words`` adds up to. ``parts (n_heads, n_words, n_parts)``: what a word adds to its own label: first what
    an unknown word of its length would add, then what its embedding, its affixes, its characters and its static vector
    add, as far as the network has them. ``characters (n_heads, n_words, n_positions)``: what each character adds; of
    width 0 where they are not read. Their sum is among the parts.
    """

    words: Tensor
    difference: Tensor
    parts: Tensor
    characters: Tensor


def attribute(
    network: LSTMTagger, types: WordTypes, labels: Tensor, average: Tensor, on_progress: Callable[[float], object]
) -> Attributions:
    """Find what a sentence's words add to the log-probability of labels.

    Gradients are averaged along a straight path of word vectors. What a word adds to its own label is then divided
    among its parts, along a straight path of its embeddings.

    :param network: of which no weight requires a gradient.
    :param types: the words of the sentence, one after another.
    :param labels: for each word and head the label. *Shape:* ``(n_words, n_heads)``
    :param average: the average word's vector. *Shape:* ``(encoder.width,)``
    :param on_progress: is given for how many words the labels were explained since it was last called.
    """
    vectors = network.encoder(types)
    n_words, n_heads = labels.shape
    start = average.expand_as(vectors)
    change = vectors - start

    gradients, difference = _average_gradients(network, start, change, labels, on_progress)
    # shape: (n_heads, n_words, n_words, width)
    gradients = gradients.unflatten(0, (n_words, n_heads)).transpose(0, 1)
    # shape: (n_heads, n_words, width)
    own = gradients.diagonal(dim1=1, dim2=2).transpose(1, 2)
    nothing_known = WordTypes(
        words=torch.zeros_like(types.words),
        affixes=torch.zeros_like(types.affixes),
        characters=types.characters.clamp(max=1),
        vectors=None if types.vectors is None else torch.zeros_like(types.vectors),
    )
    unknown = ((network.encoder(nothing_known) - start) * own).sum(2, keepdim=True)
    parts, characters = _divide(network.encoder, nothing_known, types, own)
    return Attributions(
        words=(gradients * change).sum(3),
        difference=difference.view(n_words, n_heads).t(),
        parts=torch.cat([unknown, parts], 2),
        characters=characters,
    )


def find_unit_effects(network: LSTMTagger, types: WordTypes, labels: Tensor) -> Tensor:
    """Find what each unit of the last layer adds to the logit of a label, less what it adds to the likeliest other one.

    Heads are linear: this is the unit's hidden state at the word, times the difference of the labels' weights.

    :param network: of which no weight requires a gradient.
    :param types: the words of the sentence, one after another.
    :param labels: for each word and head the label. *Shape:* ``(n_words, n_heads)``
    :returns: *Shape:* ``(n_heads, n_members, n_directions, n_words, hidden_width)``
    """
    states, features = trace_sentence(network, network.encoder(types))
    features.requires_grad_()
    weights = []
    for logits, label in zip(score_labels(network, features), labels.t().unsqueeze(2)):
        others = logits.scatter(1, label, -torch.inf).argmax(1, keepdim=True)
        margins = logits.gather(1, label) - logits.gather(1, others)
        # A word's labels depend on its own features alone, so that one pass finds the weights for all words.
        weights.append(torch.autograd.grad(margins.sum(), features)[0])
    # shape: (n_members, n_directions, n_words, hidden_width)
    hidden = states[:, -1, :, QUANTITIES.index("hidden")]
    _, n_directions, _, hidden_width = hidden.shape
    # shape: (n_heads, n_members, n_words, n_directions, hidden_width)
    by_unit = torch.stack(weights)[..., : n_directions * hidden_width].unflatten(-1, (n_directions, hidden_width))
    return hidden * by_unit.transpose(2, 3)


def average_word(encoder: WordEncoder, types: WordTypes, weights: numpy.ndarray) -> Tensor:
    """Make the vector of the average word.

    :param types: the words that are averaged.
    :param weights: how much each of them counts. *Shape:* ``(n_types,)``
    :returns: *Shape:* ``(encoder.width,)``
    """
    shares = torch.from_numpy(weights / weights.sum()).float()
    return encoder.mix(shares @ encoder.join(types, encoder.read_characters(types)))


def _log_probabilities(network: LSTMTagger, path: Tensor, labels: Tensor) -> Tensor:
    """*Shape:* ``path (n_words, n_points, encoder.width)``, result ``(n_words, n_points, n_heads)``"""
    n_points = path.shape[1]
    scores = score_labels(network, trace_sentence(network, path).features)
    chosen = [
        logits.log_softmax(2).gather(2, column.view(-1, 1, 1).expand(-1, n_points, 1))
        for logits, column in zip(scores, labels.t())
    ]
    return torch.cat(chosen, dim=2)


def _average_gradients(
    network: LSTMTagger, start: Tensor, change: Tensor, labels: Tensor, on_progress: Callable[[float], object]
) -> Tuple[Tensor, Tensor]:
    """Average the gradients of the labels' log-probabilities over the path.

    A part of the path in which a label's sum misses its difference is halved, for that label, until the tolerance is
    kept: along some sentences a gate opens within a ten-thousandth of the path.

    :returns: *Shape:* ``(n_words * n_heads, n_words, width)``, and how much each log-probability changes,
        ``(n_words * n_heads,)``
    """
    differences = _find_differences(network, start, change, labels)
    allowed = TOLERANCE * differences.abs().clamp(min=SMALLEST_DIFFERENCE)
    errors = torch.zeros_like(differences)
    averages = change.new_zeros(len(differences), *change.shape)
    parts = [(0.0, 1.0, torch.arange(len(differences)))]
    while parts:
        begin, length, pending = parts.pop()
        part = length * change
        part_start = start + begin * change
        gradients = _average_over_part(network, part_start, part, labels, pending)
        part_differences = _find_differences(network, part_start, part, labels)[pending]
        part_errors = (gradients * part).sum((1, 2)) - part_differences
        limit = allowed[pending]
        accepted = (part_errors.abs() <= limit / 2) & ((errors[pending] + part_errors).abs() <= limit)
        accepted |= length <= SHORTEST_PART
        done, missed = pending[accepted], pending[~accepted]
        averages[done] += length * gradients[accepted]
        errors[done] += part_errors[accepted]
        on_progress(length * len(done) / labels.shape[1])
        if len(missed):
            parts += [(begin, length / 2, missed), (begin + length / 2, length / 2, missed)]
    return averages, differences


def _find_differences(network: LSTMTagger, start: Tensor, change: Tensor, labels: Tensor) -> Tensor:
    """Find how much the labels' log-probabilities change along a path. *Shape:* ``(n_words * n_heads,)``"""
    with torch.no_grad():
        before, after = _log_probabilities(network, torch.stack([start, start + change], dim=1), labels).unbind(1)
    return (after - before).flatten()


def _average_over_part(network: LSTMTagger, start: Tensor, change: Tensor, labels: Tensor, wanted: Tensor) -> Tensor:
    """Average the gradients of some labels' log-probabilities over a part of the path.

    :param wanted: which of the labels, counted word by word. *Shape:* ``(n_wanted,)``
    :returns: *Shape:* ``(n_wanted, n_words, width)``
    """
    points, weights = _gauss_legendre(N_POINTS)
    # A shift of all points at once: its gradient is the sum over the points.
    shift = torch.zeros_like(change).requires_grad_()
    path = (start + shift).unsqueeze(1) + points.unsqueeze(1) * change.unsqueeze(1)
    averages = (weights @ _log_probabilities(network, path, labels)).flatten()[wanted]
    gradients = [
        torch.autograd.grad(averages, shift, directions, retain_graph=True, is_grads_batched=True)[0]
        for directions in torch.eye(len(wanted)).split(N_GRADIENTS)
    ]
    return torch.cat(gradients)


def _divide(
    encoder: WordEncoder, nothing_known: WordTypes, types: WordTypes, directions: Tensor
) -> Tuple[Tensor, Tensor]:
    """Divide how far each word's vector goes in some directions among what the vector is made of.

    *Shape:* ``directions (n_heads, n_words, width)``, results ``(n_heads, n_words, n_parts)`` and
    ``(n_heads, n_words, n_positions)``
    """
    points, weights = _gauss_legendre(N_POINTS_OF_WORD)
    starts, ends = _embed(encoder, nothing_known), _embed(encoder, types)
    changes = [end - start for start, end in zip(starts, ends)]
    totals = [change.new_zeros(len(directions), *change.shape[:-1]) for change in changes]
    for point, weight in zip(points, weights):
        embeddings = [(start + point * change).requires_grad_() for start, change in zip(starts, changes)]
        vectors = _encode(encoder, types, embeddings)
        for head, direction in enumerate(directions):
            gradients = torch.autograd.grad(vectors, embeddings, direction, retain_graph=True)
            for total, gradient, change in zip(totals, gradients, changes):
                total[head] += weight * (gradient * change).sum(-1)
    characters = directions.new_zeros(*directions.shape[:2], 0)
    if encoder.characters is not None:
        # The characters are read twice, from the left and from the right, and the steps come first.
        from_left, from_right, *totals = totals
        last = (types.characters > 0).sum(1, keepdim=True) - 1
        places = (last - torch.arange(types.characters.shape[1])).clamp(min=0).expand(len(directions), -1, -1)
        characters = from_left.transpose(1, 2).scatter_add(2, places, from_right.transpose(1, 2))
        totals.insert(1 + len(encoder.affixes), characters.sum(2))
    if encoder.corrections is not None:
        correction = totals.pop(-2)
        totals[-1] += correction
    return torch.stack(totals, 2), characters


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
