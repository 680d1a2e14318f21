"""What the tagger decides about a text: its labels and their probabilities."""

from typing import Dict, List, NamedTuple, Optional

import numpy
from spacy.language import Language
from spacy.tokens import Doc

from ..formats.sentence import copy_words
from ..model.features import windows_of
from ..pipeline.component import LSTMTaggerPipe
from ..pipeline.lemmas import apply_tree
from ..pipeline.loading import find_tagger
from ..ragged import split


class Decisions(NamedTuple):
    """The words of a text, and the probabilities of their labels. Whitespace is left out: the network does not see it.

    text (str): The text.
    words (List[str]): Its words.
    sentences (List[Doc]): Each sentence by itself.
    sentence (numpy.ndarray): For each word the number of its sentence, from 0. The network reads each sentence on its
        own. int64, shape (n_words,).
    labels (Dict[str, List[str]]): The labels of each head.
    probabilities (Dict[str, numpy.ndarray]): For each head float32, shape (n_words, n_labels).
    before (Optional[Dict[str, numpy.ndarray]]): The same before training, if it is wanted.
    """

    text: str
    words: List[str]
    sentences: List[Doc]
    sentence: numpy.ndarray
    labels: Dict[str, List[str]]
    probabilities: Dict[str, numpy.ndarray]
    before: Optional[Dict[str, numpy.ndarray]]

    @property
    def chosen(self) -> Dict[str, List[str]]:
        """RETURNS (Dict[str, List[str]]): For each head the likeliest label of each word."""
        return {
            head: [self.describe(head, word, label) for word, label in enumerate(table.argmax(axis=1).tolist())]
            for head, table in self.probabilities.items()
        }

    def describe(self, head: str, word: int, label: int) -> str:
        """RETURNS (str): A label of a word, in the place of an edit tree the lemma that it makes of the word."""
        name = self.labels[head][label]
        return name if head != "lemma" else apply_tree(name, self.words[word]) or "(does not fit)"


def decide(tagger: LSTMTaggerPipe, doc: Doc, before: Optional[Language], max_words: int) -> Decisions:
    """Find the probabilities of all labels.

    tagger (LSTMTaggerPipe): The tagger.
    doc (Doc): The text, as the tagger gets it.
    before (Optional[Language]): The pipeline before it was trained, to compare its probabilities.
    max_words (int): The most words that a text may have.
    RETURNS (Decisions): The decisions. Raises a ValueError if there is no word, or too many, in the text or a sentence.
    """
    rows = [token.i for token in doc if not token.is_space]
    words = [doc[row].text for row in rows]
    if not words:
        raise ValueError(f"There is nothing to explain in the text {doc.text!r}: it has no words.")
    if len(words) > max_words:
        raise ValueError(
            f"The text has {len(words)} words, and at most {max_words} are explained. Shorten it, or set max_words."
        )
    lengths = windows_of(tagger.model, [doc]).lengths.tolist()
    if sum(lengths) != len(words):
        size = tagger.model.attrs["settings"].window_size
        raise ValueError(f"A sentence is longer than the tagger's window_size of {size} words. Split it.")
    # A whitespace token is the space after the word before it.
    spaces = [bool(doc[i].whitespace_) or doc[i + 1 : i + 2].text.isspace() for i in rows]
    sentences = [Doc(doc.vocab, *of_sentence) for of_sentence in zip(split(words, lengths), split(spaces, lengths))]
    return Decisions(
        text=doc.text,
        words=words,
        sentences=sentences,
        sentence=numpy.repeat(numpy.arange(len(lengths)), lengths),
        labels=tagger.label_data,
        probabilities={head: table[rows] for head, table in tagger.predict_proba([doc])[0].items()},
        before=None if before is None else _probabilities_before(before, tagger, sentences),
    )


def _probabilities_before(before: Language, tagger: LSTMTaggerPipe, sentences: List[Doc]) -> Dict[str, numpy.ndarray]:
    untrained = find_tagger(before)
    if untrained.label_data != tagger.label_data:
        raise ValueError(
            f"The pipeline before training has other labels ({_count(untrained)}) than the one after it "
            f"({_count(tagger)}), so their probabilities can't be compared."
        )
    tables = untrained.predict_proba([copy_words(doc, before.vocab) for doc in sentences])
    return {head: numpy.concatenate([table[head] for table in tables]) for head in tagger.label_data}


def _count(tagger: LSTMTaggerPipe) -> str:
    return ", ".join(f"{head}: {len(labels)}" for head, labels in tagger.label_data.items())
