"""The labels that training data has."""

from collections import Counter
from typing import Iterable, Mapping, Sequence

from spacy.attrs import IS_SPACE
from spacy.tokens import Doc

from ..allowed_labels import find_allowed_labels, is_excluded
from ..annotation_layers import NAMES, NO_FEATS, TAG_LAYERS, Annotation
from ..soft_labels import normalize
from .label_scheme import Labels

# Labels in an error, of each layer.
MOST_NAMED = 10


def collect_annotations(docs: Iterable[Doc]) -> "Counter[Annotation]":
    """Count the annotations of words, whitespace left out.

    docs (Iterable[Doc]): Annotated docs.
    RETURNS (Counter[Annotation]): How many words have each: for each layer the label, or "" where there is none. Labels
        that words may have, see `set_allowed_labels`, are there each by itself, and count 0.
    """
    counts: Counter[Annotation] = Counter()
    for doc in docs:
        rows = doc.to_array([IS_SPACE, *TAG_LAYERS.values()])
        of_doc = Counter(map(tuple, rows[rows[:, 0] == 0, 1:].tolist()))
        counts.update({tuple(doc.vocab.strings[value] for value in row): n for row, n in of_doc.items()})
        for layers in find_allowed_labels(doc).values():
            for layer, names in layers.items():
                for name in names:
                    if not is_excluded(name):
                        label = normalize(doc.vocab, layer, name)
                        counts[tuple(label if other == layer else "" for other in TAG_LAYERS)] += 0
    return counts


def collect_labels(annotations: Iterable[Annotation], neg_prefix: str) -> Labels:
    """Find the labels of each layer that is annotated.

    annotations (Iterable[Annotation]): What `collect_annotations` returned.
    neg_prefix (str): The beginning of labels that a token does not have; they are left out.
    RETURNS (Dict[str, List[str]]): Sorted labels of each layer that has any. A layer of morphology where no token
        has a feature counts as not annotated.
    """
    found = {layer: set(names) - {""} for layer, names in zip(TAG_LAYERS, zip(*annotations))}
    if "tag" in found:
        found["tag"] = {tag for tag in found["tag"] if not tag.startswith(neg_prefix) or tag == neg_prefix}
    if found.get("morph") == {NO_FEATS}:
        found["morph"] = set()
    return {layer: sorted(labels) for layer, labels in found.items() if labels}


def check_labels(annotations: Iterable[Annotation], labels: Mapping[str, Sequence[str]], neg_prefix: str) -> None:
    """Raise a ValueError that names the labels of training data that a tagger does not have, and so cannot learn.

    annotations (Iterable[Annotation]): What `collect_annotations` returned.
    labels (Mapping[str, Sequence[str]]): The labels of each head. Other edit trees than these are no error.
    neg_prefix (str): The beginning of labels that a token does not have; they are not checked.
    """
    found = collect_labels(annotations, neg_prefix)
    unknown = {layer: sorted(set(found.get(layer, ())) - set(names)) for layer, names in labels.items()}
    if any(unknown.values()):
        listed = "; ".join(f"{NAMES[layer]} {_list(names)}" for layer, names in unknown.items() if names)
        raise ValueError(
            f"The training data has labels that the tagger does not have: {listed}. Add them with `initialize`, which "
            "keeps what the tagger has learned (a component with 'source' in the config is not initialized: use `base` "
            "in [initialize.components.lstm_tagger] instead), or replace them in the data by the tagger's."
        )


def _list(names: Sequence[str]) -> str:
    return ", ".join(map(repr, names[:MOST_NAMED])) + (
        f" and {len(names) - MOST_NAMED} more" * (len(names) > MOST_NAMED)
    )
