"""The card of a trained pipeline, in the fields of `meta.json` that spaCy shows (`spacy info`, `spacy package`)."""

from typing import Dict, List, Optional, Set

from spacy.language import Language

from ..annotation_layers import NAMES
from ..formats.treebank_directory import Treebank
from .credits import credit
from .loading import find_tagger


def write_card(nlp: Language, treebank: Optional[Treebank] = None) -> None:
    """Describe a pipeline: its layers and their labels, and the treebank that it learned from.

    nlp (Language): The pipeline with an initialized tagger. Its `meta` gets `notes`, which have the labels by layer
        (spaCy's own `labels` has the tagger's fine-grained tags alone), and from a treebank `description`, `license`
        and `sources`.
    treebank (Optional[Treebank]): The treebank.
    """
    labels = find_tagger(nlp).label_data
    rows = [f"| {NAMES[layer]} | {_describe_labels(layer, names)} |" for layer, names in labels.items()]
    nlp.meta["notes"] = "\n".join(["### Labels by layer", "", "| Layer | Labels |", "| --- | --- |", *rows])
    if treebank is None:
        return
    layers = [NAMES[layer] for layer in labels]
    listed = " and ".join(filter(None, [", ".join(layers[:-1]), layers[-1]]))
    language = f" of {type(nlp).__name__}" if nlp.lang != "xx" else ""
    nlp.meta["description"] = f"{listed}{language}, learned from {treebank.name}."
    fields = {"name": treebank.name, "url": treebank.url, "license": treebank.license, "author": treebank.author}
    credit(nlp.meta, treebank.license, [{field: value for field, value in fields.items() if value}])


def _describe_labels(layer: str, labels: List[str]) -> str:
    if layer == "lemma":
        return f"{len(labels):,} edit trees"
    if layer != "morph":
        return ", ".join(f"`{_escape(label)}`" for label in labels)
    values: Dict[str, Set[str]] = {}
    for label in labels:
        for feature, value in (part.split("=", 1) for part in label.split("|") if "=" in part):
            values.setdefault(feature, set()).update(value.split(","))
    features = ", ".join(f"`{_escape(name)}={','.join(sorted(of_name))}`" for name, of_name in sorted(values.items()))
    return f"{len(labels):,} bundles of {features}"


def _escape(label: str) -> str:
    return label.replace("|", "\\|")
