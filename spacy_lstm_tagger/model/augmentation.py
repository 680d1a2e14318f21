"""Changes to words in training, so that the network depends neither on case nor on knowing every word."""

from typing import Callable, List, Tuple

import numpy

from ..network.hardware import to_tensor
from ..network.word_encoder import WordTypes
from .features import TaggerModel, get_settings


def change_case(
    model: TaggerModel, words: List[str], types: numpy.ndarray, lengths: numpy.ndarray
) -> Tuple[List[str], numpy.ndarray]:
    """Read some sentences in lower case, some in capitals, and some with a capital at the beginning of each word.

    words (List[str]): Distinct words.
    types (numpy.ndarray): For each cell of the windows its word, int64, shape (n_cells,).
    lengths (numpy.ndarray): The windows' lengths.
    RETURNS (Tuple[List[str], numpy.ndarray]): Words and types with the changed ones.
    """
    limits = numpy.cumsum(get_settings(model).changed_case)
    # For each window the number of its change in CHANGES, from 1 on. 0: none.
    changes = (1 + numpy.searchsorted(limits, numpy.random.random(len(lengths)), "right")) % (1 + len(CHANGES))
    if not changes.any():
        return words, types
    changed, types = numpy.unique(types + numpy.repeat(changes, lengths) * len(words), return_inverse=True)
    change = (str, *CHANGES)
    return [change[i // len(words)](words[i % len(words)]) for i in changed.tolist()], types


def forget_words(model: TaggerModel, types: WordTypes) -> WordTypes:
    """Make words unknown at random, the rarer the likelier, so that the network learns to do without."""
    a = get_settings(model).word_dropout
    counts = model.attrs["vocabulary"].word_counts[types.words.cpu().numpy()]
    forgotten = numpy.random.random(len(counts)) < a / (a + counts)
    return types._replace(words=types.words.masked_fill(to_tensor(forgotten, types.words), 0))


def _title(word: str) -> str:
    return word[:1].upper() + word[1:]


# What the shares in `changed_case` are of.
CHANGES: Tuple[Callable[[str], str], ...] = (str.lower, str.upper, _title)
