"""Every number of the network's forward pass over a text."""

from typing import List, NamedTuple

import numpy
from spacy.tokens import Doc

from ..model.features import look_up_types, read_words
from ..network.lstm_tagger import LSTMTagger
from ..pipeline.component import LSTMTaggerPipe
from .recurrence import QUANTITIES, score_labels, trace_sentence, trace_spelling


class ForwardPass(NamedTuple):
    """What the network computes, in float32, from the weights as they are stored.

    vectors (numpy.ndarray): The words' vectors. float32, shape (n_members, n_words, width).
    convolved (numpy.ndarray): The convolution over each word and its neighbours, of width 0 if there is none. float32,
        shape (n_members, n_words, convolution_width).
    states (numpy.ndarray): Gates and states in the order of `recurrence.QUANTITIES`. Direction 0 reads rightwards, 1
        leftwards. float32, shape (n_members, depth, n_directions, 6, n_words, hidden_width).
    unit_order (numpy.ndarray): The units in an order that puts those together whose states change alike. int64, shape
        (n_members, depth, n_directions, hidden_width).
    logits (numpy.ndarray): The average of the members' logits, the heads side by side. float32, shape (n_words,
        n_labels of all heads).
    spelling (List[str]): The characters of each word that the network reads. Empty without characters.
    spellings (List[numpy.ndarray]): Gates and states of the LSTMs that read the words' characters. For each word
        float32, shape (2, 6, n_characters, width / 2).
    """

    vectors: numpy.ndarray
    convolved: numpy.ndarray
    states: numpy.ndarray
    unit_order: numpy.ndarray
    logits: numpy.ndarray
    spelling: List[str]
    spellings: List[numpy.ndarray]


def run_forward(tagger: LSTMTaggerPipe, network: LSTMTagger, sentences: List[Doc]) -> ForwardPass:
    """Run the network over sentences.

    tagger (LSTMTaggerPipe): The tagger.
    network (LSTMTagger): Its network, on the CPU.
    sentences (List[Doc]): The sentences.
    RETURNS (ForwardPass): All that it computes.
    """
    parts = [_run_over_sentence(tagger, network, read_words(tagger.model, doc)) for doc in sentences]
    states = numpy.concatenate([part.states for part in parts], axis=4)
    return ForwardPass(
        vectors=numpy.concatenate([part.vectors for part in parts], axis=1),
        convolved=numpy.concatenate([part.convolved for part in parts], axis=1),
        states=states,
        unit_order=order_units(states),
        logits=numpy.concatenate([part.logits for part in parts]),
        spelling=[spelling for part in parts for spelling in part.spelling],
        spellings=[states for part in parts for states in part.spellings],
    )


def cells_before(cells: numpy.ndarray, sentence: numpy.ndarray, direction: int) -> numpy.ndarray:
    """Find the cell state of an LSTM before each word: zeros at the first word of a sentence that it reads.

    cells (numpy.ndarray): Its cell state after each word. float32, shape (n_words, hidden_width).
    sentence (numpy.ndarray): For each word the number of its sentence. int64, shape (n_words,).
    direction (int): 0 if it reads rightwards, 1 if leftwards.
    RETURNS (numpy.ndarray): float32, shape (n_words, hidden_width).
    """
    nothing = numpy.zeros_like(cells[:1])
    is_edge = numpy.diff(sentence, prepend=-1, append=-1) != 0
    if direction == 0:
        before, begins = numpy.concatenate([nothing, cells[:-1]]), is_edge[:-1]
    else:
        before, begins = numpy.concatenate([cells[1:], nothing]), is_edge[1:]
    return numpy.where(begins[:, None], 0.0, before)


def order_units(states: numpy.ndarray) -> numpy.ndarray:
    """Order units so that those are together whose states change alike over the words.

    By the angle of each unit in the plane of the first two principal axes, as in Friendly (2002),
    https://doi.org/10.1198/000313002533, from the widest gap on.

    states (numpy.ndarray): As in `ForwardPass`.
    RETURNS (numpy.ndarray): As in `ForwardPass`.
    """
    hidden = states[:, :, :, QUANTITIES.index("hidden")]
    # A sentence of one word has one axis.
    padded = numpy.concatenate([hidden, numpy.zeros_like(hidden[..., :1, :])], axis=-2)
    axes = numpy.linalg.svd(padded, full_matrices=False)[2]
    angles = numpy.arctan2(axes[..., 1, :], axes[..., 0, :])
    order = numpy.argsort(angles, axis=-1, kind="stable")
    ordered = numpy.take_along_axis(angles, order, -1)
    gaps = numpy.diff(ordered, axis=-1, prepend=ordered[..., -1:] - 2 * numpy.pi)
    first = gaps.argmax(-1)[..., None]
    places = (numpy.arange(order.shape[-1]) + first) % order.shape[-1]
    return numpy.take_along_axis(order, places, -1)


def _run_over_sentence(tagger: LSTMTaggerPipe, network: LSTMTagger, words: List[str]) -> ForwardPass:
    types = look_up_types(tagger.model, tagger.vocab, words, "cpu")
    vectors = network.encoder(types)
    trace = trace_sentence(network, vectors)
    states = trace.states.numpy()
    spellings = []
    if network.encoder.characters is not None:
        for characters in types.characters:
            spellings.append(trace_spelling(network.encoder.characters, characters[characters > 0]).numpy())
    return ForwardPass(
        vectors=vectors.unflatten(1, (len(network.members), -1)).transpose(0, 1).numpy(),
        convolved=trace.features[..., trace.features.shape[-1] - network.sizes.convolution_width :].numpy(),
        states=states,
        unit_order=order_units(states),
        logits=numpy.concatenate([logits.numpy() for logits in score_labels(network, trace.features)], axis=1),
        spelling=[tagger.vocabulary.read_characters(word) if spellings else "" for word in words],
        spellings=spellings,
    )
