from typing import Dict, List, Optional

import pytest
import spacy
from spacy.tokens import Doc
from spacy.training import Example

from spacy_lstm_tagger.pipeline.gold_labels import check_labels, collect_annotations, collect_labels

from ..conftest import SENTENCES, make_examples

NLP = spacy.blank("en")
LABELS = {"tag": ["DT", "NN"], "pos": ["DET", "NOUN"], "morph": ["Number=Sing", "_"]}


def make_example(words: List[str], predicted: Optional[List[str]] = None, **layers: List[str]) -> Example:
    """An example with gold words, and other predicted words if given. Spaces are those of the words joined."""
    reference = Doc(NLP.vocab, words=words, spaces=[False] * len(words), **layers)
    words = words if predicted is None else predicted
    return Example(Doc(NLP.vocab, words=words, spaces=[False] * len(words)), reference)


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


def test_check_labels_names_what_the_tagger_lacks() -> None:
    eg = make_example(["a", "b", "c"], tags=["NN", "ZZ", "!QQ"], pos=["X", "NOUN", ""], morphs=["Case=Nom", "_", "_"])
    annotations = collect_annotations([eg.reference])
    with pytest.raises(ValueError, match=r"XPOS 'ZZ'; UPOS 'X'; FEATS 'Case=Nom'\. Add them with"):
        check_labels(annotations, LABELS, "!")
    check_labels(annotations, {"tag": ["NN", "ZZ"]}, "!")


def test_check_labels_counts_the_rest() -> None:
    eg = make_example(list("abcdefghijklmn"), tags=[f"Z{i:02}" for i in range(14)])
    with pytest.raises(ValueError, match=r"'Z09' and 4 more\."):
        check_labels(collect_annotations([eg.reference]), LABELS, "!")
