"""What a tagger that has learned something gains from further training data."""

from typing import Container, Dict, List, NamedTuple, Optional

from ..annotation_layers import LAYERS, TAG_LAYERS
from .label_combinations import collect_combinations, grow_combinations
from .label_scheme import Labels, LabelScheme
from .lemmas import KnownLemmas
from .training_data import TrainingData


class GrownLabels(NamedTuple):
    """What a `LabelScheme` is made of: the old labels of each head first, and then the new ones."""

    labels: Labels
    combinations: Dict[int, int]
    known_lemmas: Optional[KnownLemmas]


def grow_labels(scheme: LabelScheme, data: TrainingData, labels: Labels, heads: Container[str]) -> GrownLabels:
    """Add labels to those that a tagger has.

    scheme (LabelScheme): What it has.
    data (TrainingData): The further data.
    labels (Dict[str, List[str]]): The labels that are added, as far as they are new.
    heads (Container[str]): The layers that are learned. UPOS that follows from fine-grained tags gets no head.
    RETURNS (GrownLabels): The labels, and what is known of them.
    """
    added = {
        layer: names
        for layer, names in labels.items()
        if layer in heads and (layer in scheme.labels or layer not in scheme.layers)
    }
    grown: Dict[str, List[str]] = {
        layer: list(dict.fromkeys([*scheme.labels.get(layer, ()), *added.get(layer, ())]))
        for layer in LAYERS
        if layer in scheme.labels or layer in added
    }
    if (set(grown) - set(scheme.labels)) & set(TAG_LAYERS):
        # The combinations that there were have no labels of the new heads.
        combinations = collect_combinations(data.annotations, grown)
    else:
        n_tags = [n for layer, n in scheme.n_labels.items() if layer in TAG_LAYERS]
        combinations = grow_combinations(scheme.combinations, n_tags, data.annotations, grown)
    known_lemmas = data.collect_known_lemmas(grown)
    if scheme.known_lemmas is not None:
        known_lemmas = scheme.known_lemmas.grow(data.lemmas, "pos" in grown)
    return GrownLabels(grown, combinations, known_lemmas)
