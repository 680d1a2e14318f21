"""Which words, and which parts of a word, the tagger's decisions depend on."""

from typing import Callable, Dict, List, NamedTuple, Sequence

import numpy
from spacy.tokens import Doc

from ..model.features import look_up_types, read_words
from ..network.hardware import to_tensor
from ..network.lstm_tagger import LSTMTagger
from ..pipeline.component import LSTMTaggerPipe
from ..ragged import split
from .attribution import attribute, find_unit_effects
from .decisions import Decisions


class Reasons(NamedTuple):
    """Two measures of how the labels depend on the words: leaving words out, and integrated gradients.

    left_out (Dict[str, numpy.ndarray]): For each head the change in the log-probability of a word's label (column) if
        another word (row) is left out of its sentence. NaN for the word itself. float32, shape (n_words, n_words).
    attributions (Dict[str, numpy.ndarray]): For each head what each word (column) adds to the log-probability of a
        word's label (row): integrated gradients, see `attribution`. float32, shape (n_words, n_words).
    differences (Dict[str, numpy.ndarray]): For each head the sums of the rows of `attributions`: the log-probability of
        the word's label, less what it would be if all words were the average word. float32, shape (n_words,).
    part_names (List[str]): The parts of a word: an unknown word of its length, and what the network reads of it.
    parts (Dict[str, numpy.ndarray]): For each head what each of these adds to the word's own label: together the
        diagonal of `attributions`. float32, shape (n_words, n_parts).
    characters (Dict[str, List[numpy.ndarray]]): For each head what each of a word's characters adds, together the part
        "characters". For each word float32, shape (n_characters,).
    unit_effects (Dict[str, numpy.ndarray]): For each head what each unit of the last layer adds to the logit of a
        word's label, less what it adds to that of the likeliest other label. float32, shape (n_members, n_directions,
        n_words, hidden_width).
    """

    left_out: Dict[str, numpy.ndarray]
    attributions: Dict[str, numpy.ndarray]
    differences: Dict[str, numpy.ndarray]
    part_names: List[str]
    parts: Dict[str, numpy.ndarray]
    characters: Dict[str, List[numpy.ndarray]]
    unit_effects: Dict[str, numpy.ndarray]


def find_reasons(
    tagger: LSTMTaggerPipe,
    network: LSTMTagger,
    decisions: Decisions,
    average: numpy.ndarray,
    on_progress: Callable[[float], object],
) -> Reasons:
    """Find what decisions depend on.

    tagger (LSTMTaggerPipe): The tagger.
    network (LSTMTagger): Its network, on the CPU. No weight requires a gradient.
    decisions (Decisions): What it decides.
    average (numpy.ndarray): The vector of the average word. float32, shape (width,).
    on_progress (Callable[[float], object]): Is given the share of the work that was done since it was last called.
    RETURNS (Reasons): The reasons.
    """
    sentences = decisions.sentences
    # shape: (n_words, n_heads)
    chosen = numpy.stack([table.argmax(1) for table in decisions.probabilities.values()], axis=1)
    parts = [
        _attribute(
            tagger, network, read_words(tagger.model, doc), labels, average, lambda n: on_progress(n / len(chosen))
        )
        for doc, labels in zip(sentences, split(chosen, list(map(len, sentences))))
    ]
    heads = list(enumerate(decisions.probabilities))
    return Reasons(
        left_out=leave_out(tagger, decisions),
        attributions={head: _block_diagonal([part.words[i] for part in parts]) for i, head in heads},
        differences={head: numpy.concatenate([part.differences[i] for part in parts]) for i, head in heads},
        part_names=_part_names(tagger, network),
        parts={head: numpy.concatenate([part.parts[i] for part in parts]) for i, head in heads},
        characters={head: [scores for part in parts for scores in part.characters[i]] for i, head in heads},
        unit_effects={head: numpy.concatenate([part.unit_effects[i] for part in parts], axis=2) for i, head in heads},
    )


def leave_out(tagger: LSTMTaggerPipe, decisions: Decisions) -> Dict[str, numpy.ndarray]:
    """Tag each sentence again without each of its words.

    tagger (LSTMTaggerPipe): The tagger.
    decisions (Decisions): What it decides.
    RETURNS (Dict[str, numpy.ndarray]): As in `Reasons.left_out`.
    """
    sentences, probabilities = decisions.sentences, decisions.probabilities
    chosen = {head: table.argmax(1) for head, table in probabilities.items()}
    n_words = len(decisions.words)
    changes = {head: numpy.zeros((n_words, n_words), dtype="float32") for head in probabilities}
    shortened: List[Doc] = []
    # For each shortened sentence which word it lacks, and which it has.
    missing: List[int] = []
    present: List[List[int]] = []
    start = 0
    for sentence in sentences:
        places = range(start, start + len(sentence))
        words, spaces = [token.text for token in sentence], [bool(token.whitespace_) for token in sentence]
        for i, place in enumerate(places):
            shortened.append(Doc(tagger.vocab, words[:i] + words[i + 1 :], spaces[:i] + spaces[i + 1 :]))
            missing.append(place)
            present.append([other for other in places if other != place])
        start += len(sentence)
    for place, others, without in zip(missing, present, tagger.predict_proba(shortened)):
        for head, table in probabilities.items():
            labels = chosen[head][others]
            difference = _log(without[head][range(len(others)), labels]) - _log(table[others, labels])
            changes[head][place, others] = difference
            changes[head][place, place] = numpy.nan
    return changes


class _Attributions(NamedTuple):
    """What `attribution` finds for one sentence, in NumPy, without the padding of characters."""

    words: numpy.ndarray
    differences: numpy.ndarray
    parts: numpy.ndarray
    characters: List[List[numpy.ndarray]]
    unit_effects: numpy.ndarray


def _attribute(
    tagger: LSTMTaggerPipe,
    network: LSTMTagger,
    words: List[str],
    labels: numpy.ndarray,
    average: numpy.ndarray,
    on_progress: Callable[[float], object],
) -> _Attributions:
    types = look_up_types(tagger.model, tagger.vocab, words, "cpu")
    chosen = to_tensor(labels, types.words)
    found = attribute(network, types, chosen, to_tensor(average, types.words), on_progress)
    lengths = (types.characters > 0).sum(1).tolist()
    return _Attributions(
        words=found.words.numpy(),
        differences=found.difference.numpy(),
        parts=found.parts.numpy(),
        characters=[[row[:length].numpy() for row, length in zip(rows, lengths)] for rows in found.characters],
        unit_effects=find_unit_effects(network, types, chosen).numpy(),
    )


def _log(probabilities: numpy.ndarray) -> numpy.ndarray:
    return numpy.log(numpy.maximum(probabilities, numpy.finfo("float32").tiny))


def _block_diagonal(blocks: Sequence[numpy.ndarray]) -> numpy.ndarray:
    """Words of other sentences add nothing."""
    n_words = sum(map(len, blocks))
    joined = numpy.zeros((n_words, n_words), dtype="float32")
    end = 0
    for block in blocks:
        start, end = end, end + len(block)
        joined[start:end, start:end] = block
    return joined


def _part_names(tagger: LSTMTaggerPipe, network: LSTMTagger) -> List[str]:
    settings = tagger.vocabulary.settings
    affixes = [f"prefix of {n}" for n in settings["prefixes"]] + [f"suffix of {n}" for n in settings["suffixes"]]
    affixes += ["shape"] if settings["shape"] else []
    return [
        "an unknown word",
        "word",
        *affixes[: len(network.encoder.affixes)],
        *(["characters"] if network.encoder.characters is not None else []),
        *(["static vector"] if network.sizes.vector_width else []),
    ]
