"""What training data has, and what training does where that is not what the tagger has."""

from pathlib import Path
from typing import Any, Dict, List

import pytest
import spacy
from spacy.language import Language

from spacy_lstm_tagger.annotation_layers import NO_FEATS
from spacy_lstm_tagger.formats.treebank import create_treebank_v1
from spacy_lstm_tagger.pipeline.training_data import read_training_data

from ..conftest import SENTENCES, SMALL_MODEL, make_examples, make_pipeline

NEW_LABEL = {"words": ["aspirin", "helps"], "tags": ["DRUG", "VBZ"]}


def without(layer: str, value: Any) -> List[Dict[str, List[str]]]:
    return [{**sentence, layer: [value] * len(sentence["words"])} for sentence in SENTENCES]


def initialize(sentences: List[Dict[str, List[str]]], weights: Dict[str, float] = {}) -> Language:
    nlp = spacy.blank("en")
    nlp.add_pipe("lstm_tagger", config={"model": SMALL_MODEL})
    nlp.config["training"]["score_weights"].update(weights)
    nlp.initialize(lambda: make_examples(nlp, sentences))
    return nlp


def test_updating_with_a_new_label_is_an_error_that_names_it() -> None:
    nlp = make_pipeline()
    with pytest.raises(ValueError, match="labels that the tagger does not have: XPOS 'DRUG'"):
        nlp.update(make_examples(nlp, [NEW_LABEL]))


def test_evaluating_with_a_new_label_is_no_error() -> None:
    nlp = make_pipeline(steps=5)
    assert nlp.evaluate(make_examples(nlp, [NEW_LABEL]))["tag_acc"] < 1
    nlp.get_pipe("lstm_tagger").calibrate(make_examples(nlp, [NEW_LABEL]))


@pytest.mark.parametrize("is_initialized", [True, False])
def test_empty_features_of_all_training_data_have_no_loss_in_a_pretrained_tagger(is_initialized: bool) -> None:
    def lose(morphs: List[str]) -> float:
        nlp = spacy.blank("en")
        nlp.add_pipe("lstm_tagger", config={"pretrained": "en"})
        sentence = {"words": ["She", "reads"], "pos": ["PRON", "VERB"], **({"morphs": morphs} if morphs else {})}
        if is_initialized:
            nlp.initialize(lambda: make_examples(nlp, [sentence]))
        tagger = nlp.get_pipe("lstm_tagger")
        examples = make_examples(nlp, [sentence])
        scores, _ = tagger.model.begin_update([eg.predicted for eg in examples])
        return tagger.get_loss(examples, scores)[0]

    assert lose(["", ""]) == pytest.approx(lose([]))


@pytest.mark.parametrize("value", ["", "_"])
def test_empty_features_have_no_score(value: str) -> None:
    nlp = make_pipeline(steps=5)
    scores = nlp.evaluate(make_examples(nlp, without("morphs", value)))
    assert scores["morph_acc"] is None and scores["morph_per_feat"] is None
    assert scores["pos_acc"] > 0


@pytest.mark.parametrize("layer, score", [("tags", "tag_acc"), ("pos", "pos_acc"), ("morphs", "morph_acc")])
def test_layer_that_the_training_data_lacks_has_no_weight(layer: str, score: str) -> None:
    weights = initialize(without(layer, "")).config["training"]["score_weights"]
    assert weights[score] is None
    assert sum(weight or 0 for weight in weights.values()) == pytest.approx(1, abs=0.02)


def test_score_on_raw_text_loses_its_weight_too() -> None:
    nlp = initialize(without("tags", ""), {"raw_tag_f": 0.5, "raw_pos_f": 0.5})
    weights = nlp.config["training"]["score_weights"]
    assert weights["raw_tag_f"] is None and weights["raw_pos_f"] > 0


def test_layer_that_another_component_learns_keeps_its_weight() -> None:
    nlp = spacy.blank("en")
    nlp.add_pipe("tagger")
    nlp.add_pipe("lstm_tagger", config={"model": SMALL_MODEL}).initialize(
        lambda: make_examples(nlp, without("tags", "")), nlp=nlp
    )
    assert nlp.config["training"]["score_weights"]["tag_acc"] > 0


@pytest.mark.parametrize("documents", [0, 100])
@pytest.mark.parametrize("multiword", ["split", "both"])
def test_words_that_are_read_again_count_once(multiword: str, documents: int, tmp_path: Path) -> None:
    path = tmp_path / "train.conllu"
    rows = ["1-2\tdu" + "\t_" * 8, "1\tde\tde\tADP" + "\t_" * 6, "2\tle\tle\tDET" + "\t_" * 6]
    path.write_text("\n".join([*rows, "3\tchat\tchat\tNOUN" + "\t_" * 6, "", ""]) * 5)
    nlp = spacy.blank("fr")
    read = create_treebank_v1(path, multiword=multiword, documents=documents, gold_preproc=True)
    assert len(list(read(nlp))) == 5 * (1 + (multiword == "both")) + (documents > 0)
    data = read_training_data(read(nlp), with_tagged=True)
    assert data.has_sentences == (documents > 0)
    whole = {"du": 5} if multiword == "both" else {}
    assert data.words == {"de": 5, "le": 5, "chat": 5, **whole}
    for counts, key in (
        (data.annotations, ("", "NOUN", NO_FEATS)),
        (data.lemmas, ("chat", "NOUN", "chat")),
        (data.tagged, ("chat", "", "NOUN")),
    ):
        assert counts[key] == 5
