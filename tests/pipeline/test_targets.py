from typing import Any, Dict, List, Optional, Set

import pytest
from spacy.tokens import Doc
from spacy.training import Example

from spacy_lstm_tagger import set_allowed_labels, set_weight
from spacy_lstm_tagger.annotation_layers import TAG_LAYERS
from spacy_lstm_tagger.pipeline.targets import MISSING, allowed_targets, gold_targets, token_weights

from .test_gold_labels import LABELS, NLP, make_example


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
    assert as_lists(gold_targets([eg], LABELS)) == targets_by_oracle(eg, LABELS)


def test_gold_targets_of_a_word_over_two_are_their_common_label() -> None:
    eg = make_example(["dog", "house", "the"], ["doghouse", "the"], tags=["NN", "NN", "DT"], pos=["NOUN", "DET", "DET"])
    targets = as_lists(gold_targets([eg], {"tag": LABELS["tag"], "pos": LABELS["pos"]}))
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
    together = gold_targets(examples, labels)["tag"].tolist()
    assert together == [label for eg in examples for label in gold_targets([eg], labels)["tag"].tolist()]
    assert together[:2] + together[-2:] == [0, 1, MISSING, 1]
    assert len(together) == sum(len(eg.predicted) for eg in examples)


@pytest.mark.parametrize("layer", TAG_LAYERS)
def test_gold_targets_without_annotation_are_missing(layer: str) -> None:
    assert gold_targets([make_example(["a", "b"])], {layer: LABELS[layer]})[layer].tolist() == [MISSING] * 2


@pytest.mark.parametrize(
    "layer, annotation",
    [("tag", {"tags": ["VB", "NN"]}), ("pos", {"pos": ["VERB", "NOUN"]}), ("morph", {"morphs": ["Tense=Past", ""]})],
)
def test_gold_targets_of_unknown_labels_are_missing(layer: str, annotation: Dict[str, List[str]]) -> None:
    eg = make_example(["ran", "dog"], **annotation)
    assert gold_targets([eg], {layer: LABELS[layer]})[layer].tolist() == [MISSING, 1]


def test_gold_targets_do_not_depend_on_the_order_of_features() -> None:
    eg = make_example(["dog"], morphs=["Number=Sing|Case=Nom"])
    assert gold_targets([eg], {"morph": ["_", "Case=Nom|Number=Sing"]})["morph"].tolist() == [1]


@pytest.mark.parametrize("prefix", ["!", "not-"])
def test_negative_tags_allow_all_others(prefix: str) -> None:
    tags = ["NN", f"{prefix}DT", f"{prefix}NN", f"{prefix}VB"]
    eg = make_example(["a", "b", "c", "d"], tags=tags)
    assert gold_targets([eg], {"tag": LABELS["tag"]})["tag"].tolist() == [1, MISSING, MISSING, MISSING]
    allowed = allowed_targets([eg], {"tag": LABELS["tag"]}, prefix)["tag"]
    assert allowed.tokens.tolist() == [1, 2]
    assert allowed.is_allowed.tolist() == [[False, True], [True, False]]


def test_a_label_that_looks_negative_is_one() -> None:
    eg = make_example(["a"], tags=["!A"])
    labels = {"tag": ["A", "!A"]}
    assert gold_targets([eg], labels)["tag"].tolist() == [1]
    assert allowed_targets([eg], labels, "!") == {}


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ({"DT", "NN"}, [True, True, False]),
        ({"DT", "ZZ"}, [True, False, False]),
        ({"!DT"}, [False, True, True]),
        ({"!DT", "!VB"}, [False, True, False]),
        ({"DT", "NN", "!DT"}, [False, True, False]),
        ({"ZZ"}, None),
        ({"DT", "NN", "VB"}, None),
    ],
)
def test_allowed_labels_are_those_that_are_named(names: Set[str], expected: Optional[List[bool]]) -> None:
    eg = make_example(["the", "dog"], ["the", "d", "og"], tags=["NN", "NN"])
    set_allowed_labels(eg.reference, {"tag": [names, ()]})
    found = allowed_targets([make_example(["x"]), eg], {"tag": ["DT", "NN", "VB"]}, "!")
    assert [(target.tokens.tolist(), target.is_allowed.tolist()) for target in found.values()] == (
        [] if expected is None else [([1], [expected])]
    )


def test_features_may_be_named_in_any_order() -> None:
    eg = make_example(["dog"])
    set_allowed_labels(eg.reference, {"morph": [{"Number=Sing|Case=Nom", "!_"}]})
    labels = {"morph": ["_", "Case=Nom|Number=Sing", "Number=Sing"]}
    assert allowed_targets([eg], labels, "!")["morph"].is_allowed.tolist() == [[False, True, False]]


def test_weights_are_those_of_the_sentence() -> None:
    docs = [make_example(words).reference for words in (["the", "dog"], ["a"], ["b", "c"])]
    for doc in docs:
        doc[0].is_sent_start = True
        for token in doc[1:]:
            token.is_sent_start = False
    set_weight(docs[0], 0.5)
    set_weight(docs[2], 2.0)
    joined = Doc.from_docs(docs, ensure_whitespace=False)
    eg = Example(Doc(NLP.vocab, words=["thed", "og", "a", "b", "c"], spaces=[False] * 5), joined)
    assert token_weights([eg, make_example(["x"])]).tolist() == [0.5, 0.5, 1.0, 2.0, 2.0, 1.0]
    assert token_weights([make_example(["x"])]) is None
