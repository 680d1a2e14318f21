"""The pass for tagging: docs to logits without gradients.

Distinct words are looked up in a table of what was computed of them before, and sentences of similar length go through
the network together.
"""

import os
from functools import partial
from typing import Callable, Hashable, Iterator, NamedTuple, Optional, Sequence, Tuple, Type

import numpy
import torch
from spacy.tokens import Doc
from spacy.vocab import Vocab

from ..inference.tagging_network import Plan, TaggingNetwork
from ..inference.word_table import TypeCache, WordTable
from ..network.hardware import choose_precision, has_amx, to_tensor
from ..ragged import numbers_within
from .features import TaggerModel, get_settings, look_up_types, windows_of
from .shared_encoder import encode_tokens
from .shim import get_network, get_shim


class Portion(NamedTuple):
    """How much goes through the network at once.

    windows, words (int): The most of them for the LSTMs. Less leaves the processor waiting, more its cache.
    tokens (int): The most for the heads. Scores of more would not stay in the cache until the labels are found.
    """

    windows: int
    words: int
    tokens: int


STEPPED = Portion(windows=128, words=8192, tokens=2048)
FUSED = Portion(windows=16384, words=16384, tokens=2048)
# A GPU tags 1.6 times as fast for four times as much.
ON_GPU = Portion(windows=512, words=32768, tokens=32768)
TYPES_PER_CALL = 1024
# The head for edit trees has the most labels, and most words have one that is known without it.
LATE = "lemma"

# The threads that torch computes with do not survive a fork, and a forked child that waits for them hangs.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=partial(torch.set_num_threads, 1))


class Prepared(NamedTuple):
    """What tagging keeps between batches, for one version of the weights."""

    version: Hashable
    network: TaggingNetwork
    cache: TypeCache


class FastPath:
    """What tagging keeps between batches. Copies begin empty."""

    def __init__(self, cache_size: int) -> None:
        """cache_size (int): The most words that are kept."""
        self._cache_size = cache_size
        self._prepared: Optional[Prepared] = None

    def prepare(self, model: TaggerModel, vocab: Vocab) -> Prepared:
        """RETURNS (Prepared): What belongs to the model's present weights and the vocab's present vectors."""
        prepared = self._prepared
        mixed = get_settings(model).mixed_precision
        version = (get_shim(model).version, id(vocab.vectors), mixed)
        if prepared is None or prepared.version != version:
            weights = get_shim(model).as_stored()
            device = weights.encoder.word.weight.device
            precision = choose_precision(mixed, device)
            fused = precision is torch.bfloat16 and has_amx(device)
            network = TaggingNetwork(weights, precision, fused=fused, late=[LATE])
            prepared = self._prepared = Prepared(version, network, TypeCache(self._cache_size))
        return prepared

    def __reduce__(self) -> Tuple[Type["FastPath"], Tuple[int]]:
        return FastPath, (self._cache_size,)


class ScoredPart(NamedTuple):
    """Some tokens with their logits.

    tokens (numpy.ndarray): Which, counted from the first doc's first token on. int64, shape (n,).
    logits (numpy.ndarray): Those of all heads but `LATE`, side by side. float32, shape (n, n_labels).
    score_late (Callable[[numpy.ndarray], numpy.ndarray]): Gives the logits of `LATE` for some of the tokens, which are
        named by their places among these. float32, shape (n_wanted, n_labels).
    """

    tokens: numpy.ndarray
    logits: numpy.ndarray
    score_late: Callable[[numpy.ndarray], numpy.ndarray]


def score_tokens(
    model: TaggerModel, docs: Sequence[Doc], states: Optional[numpy.ndarray] = None
) -> Iterator[ScoredPart]:
    """Score labels for every token, in parts of bounded size.

    model (Model[List[Doc], List[numpy.ndarray]]): The model.
    docs (Sequence[Doc]): The docs.
    states (Optional[numpy.ndarray]): Filled with the hidden states of the last layer, those of all members side by
        side, for the tokens that were scored so far. float32, shape (n_tokens, `states_width`).
    YIELDS (ScoredPart): The tokens with their logits. Whitespace tokens are left out.
    """
    windows = windows_of(model, docs)
    if not len(windows.lengths):
        return
    with torch.inference_mode():
        vocab = docs[0].vocab
        _, network, cache = model.attrs["fast_path"].prepare(model, vocab)
        encode = partial(_encode, model, vocab, network)
        shared = None
        if model.layers:
            shared = encode_tokens(model, docs, is_train=False)
        else:
            table, rows = cache.get(windows.orths, encode)
            rows = numpy.concatenate([rows, [0]])
        of_cells = numpy.concatenate([windows.targets, [-1]])
        is_on_gpu = get_network(model).encoder.word.weight.is_cuda
        portion = ON_GPU if is_on_gpu else FUSED if network.fused else STEPPED
        for starts, lengths in _group_by_length(windows.lengths, portion):
            if shared is not None:
                # A word has another vector in each context, so there is nothing to keep for the next.
                cells = numpy.repeat(starts, lengths) + numbers_within(lengths)
                vectors = shared.vectors[to_tensor(windows.tokens[cells], shared.vectors)]
                table = encode(windows.orths[cells], vectors)
                rows = numpy.zeros(1 + len(windows.orths), dtype="int64")
                rows[cells] = 1 + numpy.arange(len(cells))
            plan = network.plan(starts, lengths)
            hidden = network.read(table, rows, plan)
            targets = of_cells[plan.layout.cells.tokens]
            (wanted,) = (targets >= 0).nonzero()
            for first in range(0, len(wanted), portion.tokens):
                cells = wanted[first : first + portion.tokens]
                score = partial(_score, network, table, rows, plan, hidden, cells)
                if states is not None:
                    of_part = hidden.flatten(1).index_select(0, to_tensor(cells, hidden))
                    states[targets[cells]] = of_part.float().cpu().numpy()
                yield ScoredPart(targets[cells], score(), partial(score, late=True))


def _score(
    network: TaggingNetwork,
    table: WordTable,
    rows: numpy.ndarray,
    plan: Plan,
    hidden: torch.Tensor,
    cells: numpy.ndarray,
    places: Optional[numpy.ndarray] = None,
    late: bool = False,
) -> numpy.ndarray:
    wanted = cells if places is None else cells[places]
    with torch.inference_mode():
        return network.score(table, rows, plan, hidden, wanted, late).cpu().numpy()


def _encode(
    model: TaggerModel,
    vocab: Vocab,
    network: TaggingNetwork,
    orths: numpy.ndarray,
    shared: Optional[torch.Tensor] = None,
) -> WordTable:
    """Compute what is known of words before the LSTM reads them: a row of padding, and then one for each. They are
    distinct, or tokens with vectors of a shared encoder."""
    words = [vocab.strings[orth] for orth in orths.tolist()]
    firsts = range(0, len(words), TYPES_PER_CALL)
    parts = [words[first : first + TYPES_PER_CALL] for first in firsts]
    all_types = [look_up_types(model, vocab, part) for part in parts]
    if shared is not None:
        all_types = [
            types._replace(shared=shared[first : first + TYPES_PER_CALL]) for first, types in zip(firsts, all_types)
        ]
    tables = [network.encode(types) for types in all_types]
    if (mask := model.attrs["word_mask"]) is not None:
        for table, part in zip(tables, parts):
            table.scores[1:] += torch.from_numpy(mask(part)).to(table.scores.device)
    return WordTable(*(torch.cat([first, *(rows[1:] for rows in others)]) for first, *others in zip(*tables)))


def _group_by_length(lengths: numpy.ndarray, portion: Portion) -> Iterator[Tuple[numpy.ndarray, numpy.ndarray]]:
    """Yield groups of windows, the longest first: where they start and their lengths."""
    order = numpy.argsort(-lengths, kind="stable")
    starts, lengths = (numpy.cumsum(lengths) - lengths)[order], lengths[order]
    ends = numpy.cumsum(lengths)
    first = n_words = 0
    while first < len(lengths):
        end = int(numpy.searchsorted(ends, n_words + portion.words, "right"))
        end = max(first + 1, min(end, first + portion.windows))
        yield starts[first:end], lengths[first:end]
        first, n_words = end, ends[end - 1]
