from typing import Any, Dict, List, Optional

import pytest
import spacy
from spacy.tokens import Doc
from spacy.training import Example

from spacy_lstm_tagger.annotation_layers import TAG_LAYERS
from spacy_lstm_tagger.pipeline.gold_labels import (
    MISSING,
    check_labels,
    collect_annotations,
    collect_labels,
    gold_targets,
)

from ..conftest import SENTENCES, make_examples

NLP = spacy.blank("en")
LABELS = {"tag": ["DT", "NN"], "pos": ["DET", "NOUN"], "morph": ["Number=Sing", "_"]}


def make_example(words: List[str], predicted: Optional[List[str]] = None, **layers: List[str]) -> Example:
    """An example with gold words, and other predicted words if given. Spaces are those of the words joined."""
    reference = Doc(NLP.vocab, words=words, spaces=[False] * len(words), **layers)
    words = words if predicted is None else predicted
    return Example(Doc(NLP.vocab, words=words, spaces=[False] * len(words)), reference)


def targets_by_oracle(eg: Example, labels: Dict[str, List[str]]) -> Dict[str, List[int]]:
    """Targets from the strings that spaCy aligns."""
    return {
        layer: [
            names.index(gold) if gold in names else MISSING
            for gold in eg.get_aligned("MORPH" if layer == "morph" else layer.upper(), as_string=True)
        ]
        for layer, names in labels.items()
    }


def as_lists(targets: Dict[str, Any]) -> Dict[str, List[int]]:
    return {layer: array.tolist() for layer, array in targets.items()}


def labels_of(examples: List[Example], neg_prefix: str = "!") -> Dict[str, List[str]]:
    return collect_labels(collect_annotations(eg.reference for eg in examples), neg_prefix)


def test_collect_labels_is_sorted_and_complete() -> None:
    expected = {
        "tag": sorted({tag for sentence in SENTENCES for tag in sentence["tags"]}),
        "pos": sorted({pos for sentence in SENTENCES for pos in sentence["pos"]}),
        "morph": sorted({feats or "_" for sentence in SENTENCES for feats in sentence["morphs"]}),
    }
    assert labels_of(make_examples(NLP)) == expected


@pytest.mark.parametrize(
    "annotation, expected",
    [
        ({}, {}),
        ({"tags": ["NN", ""]}, {"tag": ["NN"]}),
        ({"pos": ["", "NOUN"]}, {"pos": ["NOUN"]}),
        ({"morphs": ["Number=Sing", ""]}, {"morph": ["Number=Sing", "_"]}),
        ({"tags": ["NN", "DT"], "morphs": ["", ""]}, {"tag": ["DT", "NN"]}),
        ({"tags": ["NN", "DT"], "morphs": ["_", "_"]}, {"tag": ["DT", "NN"]}),
    ],
)
def test_collect_labels_leaves_out_layers_that_are_not_annotated(
    annotation: Dict[str, List[str]], expected: Dict[str, List[str]]
) -> None:
    assert labels_of([make_example(["a", "b"], **annotation)]) == expected


def test_collect_labels_joins_layers_of_different_examples() -> None:
    examples = [make_example(["a"], tags=["NN"]), make_example([]), make_example(["b"], pos=["DET"])]
    assert labels_of(examples) == {"tag": ["NN"], "pos": ["DET"]}


def test_collect_labels_leaves_out_labels_of_whitespace() -> None:
    eg = make_example(["a", "\n"], tags=["NN", "_SP"], pos=["NOUN", "SPACE"], morphs=["A=b", "C=d"])
    assert labels_of([eg]) == {"tag": ["NN"], "pos": ["NOUN"], "morph": ["A=b"]}


@pytest.mark.parametrize("neg_prefix, expected", [("!", ["!", "NN", "not-DT"]), ("not-", ["!", "!DT", "NN"])])
def test_collect_labels_leaves_out_negative_labels(neg_prefix: str, expected: List[str]) -> None:
    # A tag that is the prefix alone is a tag.
    eg = make_example(["a", "b", "c", "d"], tags=["NN", "!DT", "!", "not-DT"])
    assert labels_of([eg], neg_prefix) == {"tag": expected}


GOLD: Dict[str, List[str]] = {
    "tags": ["DT", "NN", "NN", "", "VB"],
    "pos": ["DET", "NOUN", "NOUN", "", "VERB"],
    "morphs": ["_", "Number=Sing", "Number=Sing", "_", "Number=Plur"],
}


@pytest.mark.parametrize(
    "predicted",
    [
        ["the", "dog", "house", "x", "ran"],
        ["the", "doghouse", "x", "ran"],  # over two equal labels
        ["thedog", "house", "x", "ran"],  # over two different labels
        ["the", "dog", "housex", "ran"],  # over a label and none
        ["thedoghousexran"],
        ["t", "he", "dog", "house", "x", "r", "an"],  # parts of a word
        ["thed", "og", "hou", "sex", "ran"],  # crosswise
    ],
    ids="|".join,
)
def test_gold_targets_equal_what_spacy_aligns(predicted: List[str]) -> None:
    eg = make_example(["the", "dog", "house", "x", "ran"], predicted, **GOLD)
    assert as_lists(gold_targets([eg], LABELS, "!")) == targets_by_oracle(eg, LABELS)


def test_gold_targets_of_a_word_over_two_are_their_common_label() -> None:
    eg = make_example(["dog", "house", "the"], ["doghouse", "the"], tags=["NN", "NN", "DT"], pos=["NOUN", "DET", "DET"])
    targets = as_lists(gold_targets([eg], {"tag": LABELS["tag"], "pos": LABELS["pos"]}, "!"))
    assert targets == {"tag": [1, 0], "pos": [MISSING, 0]}


def test_gold_targets_follow_the_order_of_examples() -> None:
    # Aligned, misaligned, empty, whitespace.
    examples = [
        make_example(["the", "dog"], tags=["DT", "NN"]),
        make_example(["the", "dog"], ["thed", "og"], tags=["DT", "NN"]),
        make_example([]),
        make_example(["\n", "dog"], tags=["_SP", "NN"]),
    ]
    labels = {"tag": LABELS["tag"]}
    together = gold_targets(examples, labels, "!")["tag"].tolist()
    assert together == [label for eg in examples for label in gold_targets([eg], labels, "!")["tag"].tolist()]
    assert together[:2] + together[-2:] == [0, 1, MISSING, 1]
    assert len(together) == sum(len(eg.predicted) for eg in examples)


@pytest.mark.parametrize("layer", TAG_LAYERS)
def test_gold_targets_without_annotation_are_missing(layer: str) -> None:
    assert gold_targets([make_example(["a", "b"])], {layer: LABELS[layer]}, "!")[layer].tolist() == [MISSING] * 2


@pytest.mark.parametrize(
    "layer, annotation",
    [("tag", {"tags": ["VB", "NN"]}), ("pos", {"pos": ["VERB", "NOUN"]}), ("morph", {"morphs": ["Tense=Past", ""]})],
)
def test_gold_targets_of_unknown_labels_are_missing(layer: str, annotation: Dict[str, List[str]]) -> None:
    eg = make_example(["ran", "dog"], **annotation)
    assert gold_targets([eg], {layer: LABELS[layer]}, "!")[layer].tolist() == [MISSING, 1]


def test_gold_targets_do_not_depend_on_the_order_of_features() -> None:
    eg = make_example(["dog"], morphs=["Number=Sing|Case=Nom"])
    assert gold_targets([eg], {"morph": ["_", "Case=Nom|Number=Sing"]}, "!")["morph"].tolist() == [1]


@pytest.mark.parametrize("prefix", ["!", "not-"])
def test_gold_targets_of_negative_labels_tell_the_wrong_label(prefix: str) -> None:
    tags = ["NN", f"{prefix}DT", f"{prefix}NN", f"{prefix}VB"]
    eg = make_example(["a", "b", "c", "d"], tags=tags)
    targets = gold_targets([eg], {"tag": LABELS["tag"]}, prefix)["tag"].tolist()
    assert targets == [1, MISSING - 1 - 0, MISSING - 1 - 1, MISSING]


def test_gold_targets_prefer_a_label_that_looks_negative() -> None:
    assert gold_targets([make_example(["a"], tags=["!A"])], {"tag": ["A", "!A"]}, "!")["tag"].tolist() == [1]


def test_check_labels_names_what_the_tagger_lacks() -> None:
    eg = make_example(["a", "b", "c"], tags=["NN", "ZZ", "!QQ"], pos=["X", "NOUN", ""], morphs=["Case=Nom", "_", "_"])
    annotations = collect_annotations([eg.reference])
    with pytest.raises(ValueError, match=r"XPOS 'ZZ'; UPOS 'X'; FEATS 'Case=Nom'\. Train a new tagger"):
        check_labels(annotations, LABELS, "!")
    check_labels(annotations, {"tag": ["NN", "ZZ"]}, "!")


def test_check_labels_counts_the_rest() -> None:
    eg = make_example(list("abcdefghijklmn"), tags=[f"Z{i:02}" for i in range(14)])
    with pytest.raises(ValueError, match=r"'Z09' and 4 more\."):
        check_labels(collect_annotations([eg.reference]), LABELS, "!")
