"""The pass for training: docs to logits, and gradients of the logits to gradients of the weights."""

from typing import Callable, List

import numpy
from spacy.tokens import Doc
from spacy.vocab import Vocab

from ..network.hardware import choose_precision, to_tensor
from .augmentation import change_case, forget_words
from .features import TaggerModel, get_settings, look_up_types
from .shim import get_network
from .windows import Windows

# From the gradient of the loss with respect to each doc's logits. Leaves that of the weights in the network.
Backprop = Callable[[List[numpy.ndarray]], List[Doc]]


def begin_update(model: TaggerModel, vocab: Vocab, windows: Windows, n_samples: int, scores: numpy.ndarray) -> Backprop:
    """Score all windows at once, fill `scores` and return how to backpropagate."""
    network = get_network(model)
    orths, types = numpy.unique(windows.orths, return_inverse=True)
    words = [vocab.strings[orth] for orth in orths.tolist()]
    dropout = model.attrs["dropout_rate"]
    if dropout:
        words, types = change_case(model, words, types, windows.lengths)
    word_types = look_up_types(model, vocab, words)
    if get_settings(model).word_dropout and dropout:
        word_types = forget_words(model, word_types)
    rows = word_types.words
    logits = network(
        word_types,
        to_tensor(types, rows),
        to_tensor(windows.lengths, rows),
        dropout,
        get_settings(model).embedding_dropout if dropout else 0.0,
        n_samples,
        choose_precision(get_settings(model).mixed_precision, rows.device),
    ).flatten(1)
    taken = windows.targets >= 0
    targets = windows.targets[taken]
    scores[targets] = logits.detach().cpu().numpy()[taken]

    def backprop(d_scores: List[numpy.ndarray]) -> List[Doc]:
        d_logits = numpy.zeros(logits.shape, dtype="float32")
        d_logits[taken] = numpy.concatenate(d_scores)[targets]
        logits.backward(to_tensor(d_logits, logits))
        return []

    return backprop


def no_gradient(d_scores: List[numpy.ndarray]) -> List[Doc]:
    return []
