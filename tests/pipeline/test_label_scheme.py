import json
from pathlib import Path
from typing import Any, Dict, List

import numpy
import pytest
import spacy
from spacy.tokens import Doc
from spacy.vocab import Vocab

from spacy_lstm_tagger.annotation_layers import TAG_LAYERS, UPOS
from spacy_lstm_tagger.pipeline.label_scheme import LabelScheme, label_values, read_tag_map

LABELS = {"tag": ["DT", "NN"], "pos": ["DET", "NOUN"], "morph": ["Number=Sing", "_"]}


def names_of(scheme: LabelScheme, vocab: Vocab, indices: List[List[int]]) -> List[List[str]]:
    return [[vocab.strings[value] for value in row] for row in scheme.to_values(numpy.array(indices)).tolist()]


def test_heads_are_in_the_order_of_layers_and_empty_ones_are_left_out() -> None:
    scheme = LabelScheme(Vocab(), {"morph": ["_"], "pos": [], "tag": ["NN", "DT"]})
    assert list(scheme.n_labels.items()) == [("tag", 2), ("morph", 1)]


def test_split_members_has_each_heads_columns_for_each_member() -> None:
    scheme = LabelScheme(Vocab(), {"tag": ["A", "B"], "pos": ["X", "NOUN", "VERB"]})
    logits = numpy.arange(20).reshape(2, 10)
    found = [[head.tolist() for head in member] for member in scheme.split_members(logits)]
    assert found == [
        [[[0, 1], [10, 11]], [[2, 3, 4], [12, 13, 14]]],
        [[[5, 6], [15, 16]], [[7, 8, 9], [17, 18, 19]]],
    ]


def test_values_are_those_of_labels_and_whitespace_has_its_own() -> None:
    vocab = Vocab()
    found = names_of(LabelScheme(vocab, LABELS), vocab, [[1, 0, 0], [-1, -1, -1]])
    assert found == [["NN", "DET", "Number=Sing"], ["_SP", "SPACE", "_"]]


def test_upos_follows_from_the_tag_map_without_a_head_for_it() -> None:
    vocab = Vocab()
    scheme = LabelScheme(vocab, {"tag": ["DT", "NN"], "morph": ["_"]}, tag_map={"NN": "NOUN"})
    assert names_of(scheme, vocab, [[0, 0], [1, 0], [-1, -1]]) == [
        ["DT", "_", "X"],
        ["NN", "_", "NOUN"],
        ["_SP", "_", "SPACE"],
    ]
    assert scheme.unmapped_tags == ["DT"]


@pytest.mark.parametrize("labels", [{"pos": ["NOUN"]}, LABELS, {}])
def test_tag_map_is_not_used_where_no_upos_follows_from_tags(labels: Dict[str, List[str]]) -> None:
    assert LabelScheme(Vocab(), labels, tag_map={"XX": "NOUN"}).unmapped_tags == []


def test_file_of_a_tag_map_is_read_when_tags_need_it() -> None:
    assert LabelScheme(Vocab(), LABELS, tag_map="nowhere.json").tag_map is None
    with pytest.raises(ValueError, match=r"nowhere\.json"):
        LabelScheme(Vocab(), {"tag": ["NN"]}, tag_map="nowhere.json")


@pytest.mark.parametrize("consistent, expected", [(True, [[0, 0]]), (False, [[0, 1]])])
def test_labels_that_occur_together_are_chosen(consistent: bool, expected: List[List[int]]) -> None:
    labels = {"tag": ["A", "B"], "pos": ["NOUN", "VERB"]}
    scheme = LabelScheme(Vocab(), labels, {0: 1, 3: 1}, consistent=consistent)
    rows = {"tag": [5.0, 0.0], "pos": [0.0, 1.0]}
    heads = {layer: numpy.array([row], dtype="float32") for layer, row in rows.items()}
    assert scheme.choose(heads)[0].tolist() == expected


@pytest.mark.parametrize("layer", TAG_LAYERS)
def test_label_values_are_what_spacy_stores(layer: str) -> None:
    nlp = spacy.blank("en")
    doc = Doc(nlp.vocab, words=["a"] * len(LABELS[layer]))
    for token, value in zip(doc, label_values(nlp.vocab, layer, LABELS[layer])):
        doc_of_one = Doc(nlp.vocab, words=[token.text]).from_array([TAG_LAYERS[layer]], value.reshape(1, 1))
        found = str(doc_of_one[0].morph) or "_" if layer == "morph" else getattr(doc_of_one[0], f"{layer}_")
        assert found == LABELS[layer][token.i]


TAG_MAP = {"NN": "NOUN", "NNS": "NOUN", "日": "X"}


def test_read_tag_map_inline() -> None:
    assert read_tag_map(TAG_MAP) == TAG_MAP


@pytest.mark.parametrize("to_setting", [str, Path])
def test_read_tag_map_from_a_file(to_setting: Any, tmp_path: Path) -> None:
    path = tmp_path / "tag_map.json"
    path.write_text(json.dumps(TAG_MAP), encoding="utf8")
    assert read_tag_map(to_setting(path)) == TAG_MAP


@pytest.mark.parametrize("wrong", ["Noun", "", None, 1, ["NOUN"], "SPACE", "CONJ"])
def test_read_tag_map_names_values_that_are_not_upos(wrong: Any) -> None:
    with pytest.raises(ValueError, match="not UPOS tags: ") as error:
        read_tag_map({"NN": wrong, "DT": "DET"})
    named, use = str(error.value).split(". Use: ")
    assert named.endswith(f": {wrong!r}")
    assert use == ", ".join(UPOS) + "."


@pytest.mark.parametrize("content", ['["NOUN"]', '"NOUN"', "null"])
def test_read_tag_map_wants_an_object(content: str, tmp_path: Path) -> None:
    path = tmp_path / "tag_map.json"
    path.write_text(content, encoding="utf8")
    with pytest.raises(ValueError, match=r"tag_map .*tag_map\.json must be a JSON object"):
        read_tag_map(str(path))
