"""Words on their own: how frequent they are in the training data, and which words have similar vectors."""

from typing import Iterable, List, NamedTuple, Optional, Tuple

import numpy

from ..model.features import look_up_types
from ..network.lstm_tagger import LSTMTagger
from ..pipeline.component import LSTMTaggerPipe
from .attribution import average_word

N_NEIGHBOURS = 5


class KnownWord(NamedTuple):
    """A word in the training data.

    frequency (int): How often it is in the training data, in the form by which the tagger knows words.
    frequency_class (Optional[int]): The commonest word is 2 to the power of this times as frequent, rounded. None if
        the word is unknown.
    neighbours (List[Tuple[str, float]]): The words with the nearest vectors, and the cosines of the angles between
        their vectors and its own. Empty if too few words can be named.
    """

    frequency: int
    frequency_class: Optional[int]
    neighbours: List[Tuple[str, float]]


class Lexicon:
    """Words that can be named: a tagger keeps hashes of its words, not their text."""

    def __init__(
        self, tagger: LSTMTaggerPipe, network: LSTMTagger, words: List[str], candidates: Optional[Iterable[str]] = None
    ) -> None:
        """Find the vectors of words.

        tagger (LSTMTaggerPipe): The tagger.
        network (LSTMTagger): Its network, on the CPU.
        words (List[str]): The words of the text.
        candidates (Optional[Iterable[str]]): The words that may be neighbours. None: the tagger's words whose text the
            pipeline has, as training and the language leave it; no word, if that is less than half of them.
        """
        self._tagger = tagger
        self._network = network
        named = [string for string in tagger.vocab.strings if string in tagger.vocabulary]
        by_form = {tagger.vocabulary.clean(word): word for word in (named if candidates is None else candidates)}
        self._has_neighbours = candidates is not None or len(by_form) >= len(tagger.vocabulary) / 2
        # Of words that are the same to the tagger, the last is kept.
        self._by_form = {**by_form, **{tagger.vocabulary.clean(word): word for word in words}}
        # shape: (n_words, width)
        self._vectors = self._find_vectors(list(self._by_form.values()))

    @property
    def average(self) -> numpy.ndarray:
        """RETURNS (numpy.ndarray): The vector of the average word, see `attribution`. Words are weighted by their
        frequency. float32, shape (width,)."""
        types = look_up_types(self._tagger.model, self._tagger.vocab, list(self._by_form.values()), "cpu")
        counts = 1 + self._tagger.vocabulary.word_counts[types.words.numpy()]
        vector: numpy.ndarray = average_word(self._network.encoder, types, counts).numpy()
        return vector

    def look_up(self, words: List[str]) -> List[KnownWord]:
        """Find how frequent words are, and their neighbours.

        words (List[str]): Any words.
        RETURNS (List[KnownWord]): For each word.
        """
        vocabulary = self._tagger.vocabulary
        counts = vocabulary.word_counts[vocabulary.look_up(words).words].tolist()
        commonest = max(1, int(vocabulary.word_counts.max()))
        classes = [round(float(numpy.log2(commonest / count))) if count else None for count in counts]
        neighbours = self._find_neighbours(words) if self._has_neighbours else [[] for _ in words]
        return [KnownWord(*known) for known in zip(counts, classes, neighbours)]

    def _find_neighbours(self, words: List[str]) -> List[List[Tuple[str, float]]]:
        forms = list(self._by_form)
        # shape: (n_words, n_words of the lexicon)
        cosines = _to_length_1(self._find_vectors(words)) @ _to_length_1(self._vectors).T
        neighbours = []
        for word, row in zip(words, cosines):
            nearest = numpy.argsort(-row, kind="stable")[: N_NEIGHBOURS + 1].tolist()
            others = [column for column in nearest if forms[column] != self._tagger.vocabulary.clean(word)]
            neighbours.append([(self._by_form[forms[i]], float(row[i])) for i in others[:N_NEIGHBOURS]])
        return neighbours

    def _find_vectors(self, words: List[str]) -> numpy.ndarray:
        types = look_up_types(self._tagger.model, self._tagger.vocab, words, "cpu")
        vectors: numpy.ndarray = self._network.encoder.encode_by_length(types, 0.0).numpy()
        return vectors


def _to_length_1(vectors: numpy.ndarray) -> numpy.ndarray:
    lengths = numpy.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / numpy.maximum(lengths, numpy.finfo("float32").tiny)
