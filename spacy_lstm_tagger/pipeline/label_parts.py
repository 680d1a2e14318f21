"""The parts of labels, by which labels share weights in training."""

from typing import Dict, Iterable, List, Mapping, Sequence, Set

from ..annotation_layers import NO_FEATS, TAG_LAYERS, Annotation


def find_label_parts(
    labels: Mapping[str, Sequence[str]], annotations: Iterable[Annotation]
) -> Dict[str, List[List[int]]]:
    """Find the parts of each bundle of features: its features, and the UPOS tags that words with it have.

    labels (Mapping[str, Sequence[str]]): The labels of each layer.
    annotations (Iterable[Annotation]): What `gold_labels.collect_annotations` returned.
    RETURNS (Dict[str, List[List[int]]]): For "morph", if it is a layer, the numbers of the parts of each label.
    """
    if "morph" not in labels:
        return {}
    upos: Dict[str, Set[str]] = {}
    for annotation in annotations:
        by_layer = dict(zip(TAG_LAYERS, annotation))
        upos.setdefault(by_layer["morph"], set()).add(by_layer["pos"])
    numbers: Dict[str, int] = {}
    return {
        "morph": [
            [numbers.setdefault(part, len(numbers)) for part in [*_split(bundle), *sorted(upos.get(bundle, ()))]]
            for bundle in labels["morph"]
        ]
    }


def _split(bundle: str) -> List[str]:
    return [] if bundle == NO_FEATS else bundle.split("|")
