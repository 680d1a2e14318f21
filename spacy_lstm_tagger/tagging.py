"""The fast path: docs to scores without gradients.

Each distinct word is encoded once and its vector kept, which leaves the LSTM as most of the work (English web text,
1,000 sentences a batch: 53,000 words a second instead of 41,000), and windows of similar length share a call of it.
"""

import os
from functools import partial
from typing import Dict, Iterator, List, Sequence, Tuple

import numpy
import torch
from spacy.tokens import Doc
from spacy.vocab import Vocab
from thinc.api import Model
from torch.nn import functional

from .network import WordTypes
from .shim import get_network, get_shim
from .windows import Windows, cut_windows

TaggerModel = Model[List[Doc], List[numpy.ndarray]]

# How much goes into one call of the network at prediction: less leaves the processor waiting, more its cache.
WINDOWS_PER_CALL = 128
WORDS_PER_CALL = 8192
PADDING_PER_CALL = 128  # costs about as much as another call
TYPES_PER_CALL = 64

# The threads that torch computes with do not survive a fork, and a forked child that waits for them hangs.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=partial(torch.set_num_threads, 1))


def score_tokens(model: TaggerModel, docs: Sequence[Doc]) -> Iterator[Tuple[numpy.ndarray, numpy.ndarray]]:
    """Score every label for every token, in parts of bounded size.

    model (Model[List[Doc], List[numpy.ndarray]]): The model.
    docs (Sequence[Doc]): The docs.
    YIELDS (Tuple[numpy.ndarray, numpy.ndarray]): Which tokens, counted from the first doc's first token on, int64
        of shape (n,), and their logits, float32 of shape (n, n_labels). Whitespace tokens are left out.
    """
    windows = windows_of(model, docs)
    if not len(windows.lengths):
        return
    network = get_network(model)
    with torch.inference_mode():
        orths, types = numpy.unique(windows.orths, return_inverse=True)
        vocab = docs[0].vocab
        version = (get_shim(model).version, id(vocab.vectors))
        vectors = model.attrs["type_cache"].get(orths.tolist(), version, partial(_encode, model, vocab))
        for cells, lengths in _group_by_length(windows.lengths):
            logits = network.score(vectors[to_tensor(types[cells], vectors)], to_tensor(lengths, vectors))
            targets = windows.targets[cells]
            taken = targets >= 0
            yield targets[taken], logits.cpu().numpy()[taken]


def windows_of(model: TaggerModel, docs: Sequence[Doc]) -> Windows:
    """RETURNS (Windows): The docs in windows of the model's size."""
    return cut_windows(docs, model.attrs["window_size"], model.attrs["window_overlap"])


def look_up_types(model: TaggerModel, vocab: Vocab, orths: List[int]) -> WordTypes:
    """Find the rows, and the static vectors, of word types given as hashes."""
    parameter = next(get_network(model).parameters())
    rows = model.attrs["vocabulary"].look_up([vocab.strings[orth] for orth in orths])
    tensors = WordTypes(*(to_tensor(table, parameter) for table in rows))
    if not get_network(model).sizes.vector_width:
        return tensors
    vectors = numpy.asarray([vocab.get_vector(orth) for orth in orths], dtype="float32")
    return tensors._replace(vectors=to_tensor(vectors, parameter))


def _encode(model: TaggerModel, vocab: Vocab, orths: List[int]) -> torch.Tensor:
    """Encode distinct words. To the last bit, a word's vector does not depend on the words encoded with it.

    RETURNS (torch.Tensor): Their vectors, shape (n_words, width).
    """
    encoder = get_network(model).encoder
    longest = model.attrs["vocabulary"].settings["max_characters"]
    # The kernels that compute a row depend on numbers of rows and of characters, so few of these occur.
    by_shape: Dict[int, List[int]] = {}
    for i, orth in enumerate(orths):
        n_positions = -(-min(len(vocab.strings[orth]), longest) // 8) * 8
        by_shape.setdefault(n_positions, []).append(i)
    vectors = next(encoder.parameters()).new_empty((len(orths), encoder.width))
    for n_positions, alike in by_shape.items():
        for first in range(0, len(alike), TYPES_PER_CALL):
            part = alike[first : first + TYPES_PER_CALL]
            types = look_up_types(model, vocab, [orths[i] for i in part])
            characters = functional.pad(types.characters, (0, n_positions - types.characters.shape[1]))
            types = types._replace(characters=characters)
            repeated = torch.arange(TYPES_PER_CALL, device=vectors.device) % len(part)
            encoded = encoder(WordTypes(*(rows[repeated] for rows in types if rows is not None)))
            vectors[part] = encoded[: len(part)]
    return vectors


def _group_by_length(lengths: numpy.ndarray) -> Iterator[Tuple[numpy.ndarray, numpy.ndarray]]:
    """Yield groups of windows of similar length: their cells and their lengths."""
    starts = numpy.cumsum(lengths) - lengths
    order = numpy.argsort(lengths, kind="stable")
    for first, end in _similar(lengths[order].tolist()):
        group = order[first:end]
        group_lengths = lengths[group]
        # shape: (n_cells,)
        within = numpy.arange(group_lengths.sum()) - numpy.repeat(
            numpy.cumsum(group_lengths) - group_lengths, group_lengths
        )
        yield numpy.repeat(starts[group], group_lengths) + within, group_lengths


def _similar(lengths: List[int]) -> Iterator[Tuple[int, int]]:
    """Yield the bounds of groups of sorted lengths."""
    first, n_words = 0, 0
    for i, length in enumerate(lengths):
        n_cells = (i - first + 1) * length
        full = i - first == WINDOWS_PER_CALL or n_cells > WORDS_PER_CALL
        if i > first and (full or n_cells - n_words - length > PADDING_PER_CALL):
            yield first, i
            first, n_words = i, 0
        n_words += length
    if lengths:
        yield first, len(lengths)


def to_tensor(array: numpy.ndarray, like: torch.Tensor) -> torch.Tensor:
    """RETURNS (torch.Tensor): The array on the device where the other tensor is."""
    return torch.from_numpy(array).to(like.device)
