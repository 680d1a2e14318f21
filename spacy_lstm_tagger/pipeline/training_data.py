"""What the training data has: its words, and the labels of each layer."""

from collections import Counter
from typing import Hashable, Iterable, Mapping, NamedTuple, Optional, Tuple, TypeVar

from spacy.training import Example

from ..annotation_layers import SENTENCE_STARTS, Annotation
from ..formats.sentence import READ_AGAIN, has_sentences
from .gold_labels import collect_annotations, collect_labels
from .label_scheme import Labels
from .lemmas import KnownLemmas, collect_known_lemmas, collect_trees, makes_titles

Key = TypeVar("Key", bound=Hashable)


class TrainingData(NamedTuple):
    """What examples have.

    annotations (Counter[Annotation]): How many words have each annotation, see `collect_annotations`.
    words (Counter[str]): How often each predicted word occurs.
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
    """Read all examples. What is read again, in documents or with multiword tokens whole, adds no more to the counts.

    examples (Iterable[Example]): The examples.
    with_tagged (bool): Whether `tagged` is wanted too.
    RETURNS (TrainingData): What they have.
    """
    first, again = (TrainingData(Counter(), Counter(), Counter(), Counter(), False) for _ in range(2))
    found_sentences = False
    for eg in examples:
        data = again if READ_AGAIN in eg.predicted.user_data else first
        data.annotations.update(collect_annotations([eg.reference]))
        data.words.update(token.text for token in eg.predicted if not token.is_space)
        data.lemmas.update((token.text, token.pos_, token.lemma_) for token in eg.reference if token.lemma)
        if with_tagged:
            data.tagged.update((token.text, token.tag_, token.pos_) for token in eg.reference if not token.is_space)
        found_sentences = found_sentences or has_sentences(eg.reference)
    return TrainingData(
        _with_missing(first.annotations, again.annotations),
        _with_missing(first.words, again.words),
        _with_missing(first.lemmas, again.lemmas),
        _with_missing(first.tagged, again.tagged),
        found_sentences,
    )


def _with_missing(counts: "Counter[Key]", others: Mapping[Key, int]) -> "Counter[Key]":
    """The counts, and those of others that they lack."""
    return Counter({**others, **counts})
