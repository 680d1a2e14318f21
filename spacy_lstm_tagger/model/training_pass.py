"""The pass for training: docs to logits, and gradients of the logits to gradients of the weights."""

from typing import List, NamedTuple, Optional, Sequence

import numpy
import torch
from spacy.tokens import Doc
from torch import Tensor
from torch.nn import functional

from ..network.hardware import choose_precision, to_tensor
from .augmentation import change_case, forget_words
from .features import TaggerModel, get_settings, look_up_types, states_width, windows_of
from .quotation_marks import forget_direction
from .shared_encoder import Shared, encode_tokens
from .shim import get_network
from .windows import Windows

# The share of quotation marks of which it is not said in training which way they point.
PLAIN_MARKS = 0.2


class Scores(NamedTuple):
    """What the network computed of windows.

    logits (torch.Tensor): Shape (n_cells, n_samples * n_members * n_labels).
    states (torch.Tensor): The hidden states that the heads read, of all members, in the first sample. Shape (n_cells,
        `states_width`).
    """

    logits: Tensor
    states: Tensor


class Update:
    """A forward pass in training. It is called, once, with the gradient of the loss with respect to each doc's logits,
    and leaves that of the weights in the network. A shared encoder gets its part."""

    def __init__(
        self, n_tokens: int, windows: Windows, scores: Optional[Scores], shared: Optional[Shared], width: int
    ) -> None:
        self._n_tokens = n_tokens
        self._windows = windows
        self._scores = scores  # None without any word
        self._shared = shared
        self._states_width = width

    @property
    def states(self) -> numpy.ndarray:
        """RETURNS (numpy.ndarray): The tokens' hidden states, float32, shape (n_tokens, `states_width`)."""
        states = numpy.zeros((self._n_tokens, self._states_width), dtype="float32")
        if self._scores is not None:
            self.fill(states, self._scores.states)
        return states

    def fill(self, of_tokens: numpy.ndarray, of_cells: Tensor) -> None:
        """Copy the rows of cells to those of tokens."""
        taken = self._windows.targets >= 0
        of_tokens[self._windows.targets[taken]] = of_cells.detach().cpu().numpy()[taken]

    def __call__(
        self, d_logits: Sequence[numpy.ndarray], d_states: Optional[Sequence[numpy.ndarray]] = None
    ) -> List[Doc]:
        """Backpropagate.

        d_logits (Sequence[numpy.ndarray]): The gradient with respect to each doc's logits.
        d_states (Optional[Sequence[numpy.ndarray]]): That with respect to each doc's hidden states.
        RETURNS (List[Doc]): Nothing: docs have no gradient.
        """
        if self._scores is not None:
            gradients = [d_logits] if d_states is None else [d_logits, d_states]
            outputs = self._scores[: len(gradients)]
            torch.autograd.backward(outputs, [self._to_cells(*pair) for pair in zip(gradients, outputs)])
        if self._shared is not None:
            self._shared.backprop()
        return []

    def _to_cells(self, gradient: Sequence[numpy.ndarray], like: Tensor) -> Tensor:
        of_cells = numpy.zeros(like.shape, dtype="float32")
        taken = self._windows.targets >= 0
        of_cells[taken] = numpy.concatenate(gradient)[self._windows.targets[taken]]
        return to_tensor(of_cells, like)


def begin_update(model: TaggerModel, docs: Sequence[Doc], n_samples: int, scores: numpy.ndarray) -> Update:
    """Score all windows of the docs at once, and fill `scores`.

    RETURNS (Update): Backpropagates.
    """
    windows = windows_of(model, docs)
    shared = encode_tokens(model, docs, is_train=True)
    found = _score(model, docs, windows, shared, n_samples) if len(windows.lengths) else None
    update = Update(sum(map(len, docs)), windows, found, shared, states_width(model))
    if found is not None:
        update.fill(scores, found.logits)
    return update


def _score(
    model: TaggerModel, docs: Sequence[Doc], windows: Windows, shared: Optional[Shared], n_samples: int
) -> Scores:
    network = get_network(model)
    vocab = docs[0].vocab
    orths, types = numpy.unique(windows.orths, return_inverse=True)
    words = [vocab.strings[orth] for orth in orths.tolist()]
    dropout = model.attrs["dropout_rate"]
    if dropout:
        words, types = change_case(model, words, types, windows.lengths)
        words = forget_direction(words, PLAIN_MARKS)
    word_types = look_up_types(model, vocab, words)
    if get_settings(model).word_dropout and dropout:
        word_types = forget_words(model, word_types)
    rows = word_types.words
    tokens = to_tensor(types, rows)
    if shared is not None:
        # A word has another vector in each context.
        of_cells = functional.embedding(to_tensor(windows.tokens, rows), shared.vectors)
        word_types = word_types.take(tokens)._replace(shared=of_cells)
        tokens = torch.arange(len(tokens), device=rows.device)
    logits, states = network.score(
        word_types,
        tokens,
        to_tensor(windows.lengths, rows),
        dropout,
        get_settings(model).embedding_dropout if dropout else 0.0,
        n_samples,
        choose_precision(get_settings(model).mixed_precision, rows.device),
    )
    return Scores(logits.flatten(1), states)
