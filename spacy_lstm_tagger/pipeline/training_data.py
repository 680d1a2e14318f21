"""What the training data has: its words, and the labels of each layer."""

from collections import Counter
from typing import Dict, Hashable, Iterable, Mapping, NamedTuple, Optional, Sequence, Tuple, TypeVar

from spacy.training import Example

from ..annotation_layers import SENTENCE_STARTS, Annotation
from ..formats.sentence import N_READ, has_sentences
from ..model.quotation_marks import count_marks
from .gold_labels import collect_annotations, collect_labels
from .label_scheme import Labels
from .lemmas import KnownLemmas, collect_known_lemmas, collect_trees, makes_titles

Key = TypeVar("Key", bound=Hashable)


class TrainingData(NamedTuple):
    """What examples have.

    annotations (Counter[Annotation]): How many words have each annotation, see `collect_annotations`.
    words (Counter[str]): How often each predicted word occurs, and each quotation mark that opens or closes.
    lemmas (Counter[Tuple[str, str, str]]): How often each word occurs with each UPOS tag and lemma.
    tagged (Counter[Tuple[str, str, str]]): How often each word occurs with each fine-grained tag and UPOS tag.
    has_sentences (bool): Whether there are docs of several sentences.
    """

    annotations: "Counter[Annotation]"
    words: "Counter[str]"
    lemmas: "Counter[Tuple[str, str, str]]"
    tagged: "Counter[Tuple[str, str, str]]"
    has_sentences: bool

    def collect_labels(self, neg_prefix: str, min_tree_freq: int, known: Labels) -> Labels:
        """Find the labels of each layer that is annotated.

        neg_prefix (str): The beginning of labels that a token does not have; they are left out.
        min_tree_freq (int): How often an edit tree must occur.
        known (Dict[str, List[str]]): The labels that the tagger has.
        RETURNS (Dict[str, List[str]]): The labels of each layer that has any.
        """
        labels = collect_labels(self.annotations, neg_prefix)
        if trees := collect_trees(self.lemmas, min_tree_freq, makes_titles(known.get("lemma", ()))):
            labels["lemma"] = trees
        if self.has_sentences:
            labels["sents"] = list(SENTENCE_STARTS)
        return labels

    def collect_known_lemmas(self, labels: Labels) -> Optional[KnownLemmas]:
        """Find the words whose lemmas need no network.

        labels (Dict[str, List[str]]): The labels of each head.
        RETURNS (Optional[KnownLemmas]): The words; None without a head for lemmas.
        """
        return collect_known_lemmas(self.lemmas, "pos" in labels) if "lemma" in labels else None


NO_DATA = TrainingData(Counter(), Counter(), Counter(), Counter(), False)


def read_training_data(examples: Iterable[Example], with_tagged: bool = False) -> TrainingData:
    """Read all examples. What is read again, in documents or with multiword tokens whole, adds no more to the counts
    than what was not read before.

    examples (Iterable[Example]): The examples.
    with_tagged (bool): Whether `tagged` is wanted too.
    RETURNS (TrainingData): What they have.
    """
    by_reading: Dict[int, TrainingData] = {}
    found_sentences = False
    for eg in examples:
        n_read = eg.predicted.user_data.get(N_READ, 0)
        data = by_reading.setdefault(n_read, TrainingData(Counter(), Counter(), Counter(), Counter(), False))
        data.annotations.update(collect_annotations([eg.reference]))
        data.words.update(token.text for token in eg.predicted if not token.is_space)
        data.words.update(count_marks(eg.predicted))
        data.lemmas.update((token.text, token.pos_, token.lemma_) for token in eg.reference if token.lemma)
        if with_tagged:
            data.tagged.update((token.text, token.tag_, token.pos_) for token in eg.reference if not token.is_space)
        found_sentences = found_sentences or has_sentences(eg.reference)
    readings = [by_reading[n_read] for n_read in sorted(by_reading)]
    return TrainingData(
        _join([data.annotations for data in readings]),
        _join([data.words for data in readings]),
        _join([data.lemmas for data in readings]),
        _join([data.tagged for data in readings]),
        found_sentences,
    )


def _join(counts: Sequence[Mapping[Key, int]]) -> "Counter[Key]":
    """The counts of the first reading, and of each further one those that all before it lack."""
    joined: Counter[Key] = Counter()
    for of_reading in reversed(counts):
        joined = Counter({**joined, **of_reading})
    return joined
