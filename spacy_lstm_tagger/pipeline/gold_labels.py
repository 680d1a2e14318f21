"""Label sets, and what an example teaches about them."""

from pathlib import Path
from typing import Dict, Iterable, List, Mapping, Sequence, Set, Tuple, Union

import numpy
import srsly
from spacy.attrs import IS_SPACE, ORTH
from spacy.parts_of_speech import IDS as UPOS_IDS
from spacy.tokens import Doc
from spacy.training import Example
from spacy.vocab import Vocab

from ..annotation_layers import LAYERS, NO_FEATS, UPOS, Annotation

# A target below 0 is no label: nothing is known of the token, or (any lower value) which label is wrong.
MISSING = -1

Labels = Dict[str, List[str]]


def collect_annotations(docs: Iterable[Doc]) -> Set[Annotation]:
    """Find the distinct annotations of words, whitespace left out.

    docs (Iterable[Doc]): Annotated docs.
    RETURNS (Set[Annotation]): For each layer the label, or "" where there is none.
    """
    names: Dict[Tuple[int, ...], Annotation] = {}
    for doc in docs:
        rows = doc.to_array([IS_SPACE, *LAYERS.values()])
        for row in map(tuple, rows[rows[:, 0] == 0, 1:].tolist()):
            if row not in names:
                names[row] = tuple(doc.vocab.strings[value] for value in row)
    return set(names.values())


def collect_labels(annotations: Iterable[Annotation], neg_prefix: str) -> Labels:
    """Find the labels of each layer that is annotated.

    annotations (Iterable[Annotation]): What `collect_annotations` returned.
    neg_prefix (str): Labels that begin with it say what a token is not, and are left out.
    RETURNS (Dict[str, List[str]]): Sorted labels of each layer that has any. A layer of morphology where no token
        has a feature counts as not annotated.
    """
    found = {layer: set(names) - {""} for layer, names in zip(LAYERS, zip(*annotations))}
    if "tag" in found:
        found["tag"] = {tag for tag in found["tag"] if not tag.startswith(neg_prefix) or tag == neg_prefix}
    if found.get("morph") == {NO_FEATS}:
        found["morph"] = set()
    return {layer: sorted(labels) for layer, labels in found.items() if labels}


def label_values(vocab: Vocab, layer: str, labels: Sequence[str]) -> numpy.ndarray:
    """Find what spaCy stores in a token for each label, and add it to the vocab.

    vocab (Vocab): The vocab.
    layer (str): "tag", "pos" or "morph".
    labels (Sequence[str]): Labels of that layer.
    RETURNS (numpy.ndarray): uint64, shape (n_labels,).
    """
    if layer == "pos":
        values = [UPOS_IDS[label] for label in labels]
    elif layer == "morph":
        values = [vocab.morphology.add(label) for label in labels]
    else:
        values = [vocab.strings.add(label) for label in labels]
    return numpy.asarray(values, dtype="uint64")


def gold_targets(
    examples: Sequence[Example], labels: Mapping[str, Sequence[str]], neg_prefix: str
) -> Dict[str, numpy.ndarray]:
    """Find the right label of each token.

    examples (Sequence[Example]): The examples.
    labels (Mapping[str, Sequence[str]]): The labels of each layer.
    neg_prefix (str): What a label begins with that says what a token is not.
    RETURNS (Dict[str, numpy.ndarray]): For each layer the index of each predicted token's label; MISSING where it
        is unknown, not one of the labels, or differs between gold tokens that make up one predicted token; and
        MISSING - 1 - index for a label that is wrong. int64, shape (n_tokens,).
    """
    vocab = examples[0].reference.vocab
    values = numpy.concatenate([_aligned_values(eg) for eg in examples])
    targets = {}
    for column, layer in enumerate(LAYERS):
        if layer not in labels:
            continue
        index = {value: i for i, value in enumerate(label_values(vocab, layer, labels[layer]).tolist())}
        if layer == "tag":
            for i, label in enumerate(labels[layer]):
                index.setdefault(vocab.strings.add(neg_prefix + label), MISSING - 1 - i)
        distinct, inverse = numpy.unique(values[:, column], return_inverse=True)
        mapped = [index.get(value, MISSING) for value in distinct.tolist()]
        targets[layer] = numpy.asarray(mapped, dtype="int64")[inverse]
    return targets


def read_tag_map(tag_map: Union[Mapping[str, str], str]) -> Dict[str, str]:
    """Read and check a map from fine-grained tags to UPOS tags.

    tag_map (Union[Mapping[str, str], str]): The map, or the path of a JSON file that holds it.
    RETURNS (Dict[str, str]): The map. Raises a ValueError for values that are not UPOS tags.
    """
    mapping = srsly.read_json(tag_map) if isinstance(tag_map, (str, Path)) else tag_map
    if not isinstance(mapping, Mapping):
        raise ValueError(f'tag_map {tag_map} must be a JSON object such as {{"NN": "NOUN"}}, not {mapping!r:.80}.')
    wrong = sorted({repr(value) for value in mapping.values() if value not in UPOS})
    if wrong:
        raise ValueError(f"tag_map has values that are not UPOS tags: {', '.join(wrong)}. Use: {', '.join(UPOS)}.")
    return dict(mapping)


def _aligned_values(eg: Example) -> numpy.ndarray:
    """Gold values of each predicted token, 0 where there is none. Shape (n_tokens, n_layers)."""
    predicted, reference = eg.predicted, eg.reference
    attributes = list(LAYERS.values())
    if numpy.array_equal(predicted.to_array(ORTH), reference.to_array(ORTH)):
        return reference.to_array(attributes)
    aligned = [[value or 0 for value in eg.get_aligned(attribute)] for attribute in attributes]
    return numpy.asarray(aligned, dtype="uint64").T
