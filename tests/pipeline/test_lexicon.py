"""A lexicon: which labels words may have, from a file into training and tagging."""

from pathlib import Path
from typing import Any, Dict

import numpy
import pytest
import spacy
import srsly
from numpy.testing import assert_allclose, assert_array_equal
from spacy.language import Language
from spacy.tokens import Doc

from spacy_lstm_tagger.formats.lexicon import read_lexicon
from spacy_lstm_tagger.pipeline.component import LSTMTaggerPipe
from spacy_lstm_tagger.pipeline.lexicon import Lexicon

from ..conftest import SENTENCES, TEXTS, WITH_LEMMAS, make_examples, make_pipeline

FISH = {"pos": ["NOUN", "VERB"], "lemma": ["fish"]}


@pytest.fixture
def nlp() -> Language:
    return make_pipeline(steps=40, sentences=WITH_LEMMAS, min_tree_freq=1)


@pytest.fixture
def tagger(nlp: Language) -> LSTMTaggerPipe:
    return nlp.get_pipe("lstm_tagger")


def tags(nlp: Language, *words: str) -> list:
    return [token.tag_ for token in nlp(Doc(nlp.vocab, list(words)))]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"fish": {"pos": ["NOUN", "VERB"], "lemma": "fish"}}', {"fish": FISH}),
        ('{"grep": ["NN", "VB"], "it": "PRP"}', {"grep": {"tag": ["NN", "VB"]}, "it": {"tag": ["PRP"]}}),
        ('{"grep": ["NOUN", "VERB"]}', {"grep": {"pos": ["NOUN", "VERB"]}}),
        ("fish\tNOUN|VERB\nit\tPRON\n", {"fish": {"pos": ["NOUN", "VERB"]}, "it": {"pos": ["PRON"]}}),
        ("# jargon\nfish\tNN|VB\r\n\nfish\tVBP\n", {"fish": {"tag": ["NN", "VB", "VBP"]}}),
        ("word\tpos\tlemma\tmorph\nfish\tNOUN|VERB\tfish\t_\n", {"fish": FISH}),
        (
            "1\tfish\tfish\tNOUN\tNN\t_\t_\t_\t_\t_\n1-2\tit's\t_\t_\t_\t_\t_\t_\t_\t_\n1\tfish\tfish\tVERB\t_\t_\t_\t_\t_\t_\n",
            {"fish": {"lemma": ["fish"], "pos": ["NOUN", "VERB"], "tag": ["NN"]}},
        ),
    ],
)
def test_files_are_read(tmp_path: Path, text: str, expected: Dict[str, Any]) -> None:
    (tmp_path / "lexicon").write_text(text)
    assert read_lexicon(tmp_path / "lexicon") == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("fish\tNN\tVB\n", r"lexicon, line 1: columns separated by tabs \(word, tags\) were expected, not 'fish"),
        ("word\tpos\nfish\n", r"line 2: columns separated by tabs \(word, pos\)"),
        ('{"fish": 3}', "'fish' has '': 3. Lists of labels in tag, pos, morph, lemma"),
        ('{"fish": {"upos": ["NOUN"]}}', "'fish' has 'upos'"),
    ],
)
def test_wrong_files_are_errors_that_name_the_place(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "lexicon").write_text(text)
    with pytest.raises(ValueError, match=message):
        read_lexicon(tmp_path / "lexicon")


def test_words_get_allowed_labels_alone(nlp: Language, tagger: LSTMTaggerPipe) -> None:
    before = tags(nlp, "The", "zebra", "reads")
    assert before[1] != "VB"
    tagger.set_lexicon({"zebra": ["VB"], "the": ["DT", "UH"]})
    assert tags(nlp, "The", "zebra", "reads")[1] == "VB"
    assert tags(nlp, "THE", "ZEBRA", "reads")[1] == "VB"
    (doc,) = nlp.pipe([Doc(nlp.vocab, ["zebra"])])
    assert (doc[0].tag_, doc[0].pos_) == ("VB", "VERB")
    tagger.set_lexicon(None)
    assert tags(nlp, "The", "zebra", "reads") == before


def test_capitals_in_the_lexicon_count(nlp: Language, tagger: LSTMTaggerPipe) -> None:
    tagger.set_lexicon({"US": ["NN"], "us": ["UH"]})
    assert tags(nlp, "US") == ["NN"] and tags(nlp, "us") == tags(nlp, "Us") == ["UH"]


def test_other_words_stay_as_they_are(nlp: Language, tagger: LSTMTaggerPipe) -> None:
    docs = [nlp.make_doc(text) for text in TEXTS]
    before = tagger.predict_proba(docs)
    tagger.set_lexicon({"zebra": ["VB"]})
    for old, new in zip(before, tagger.predict_proba(docs)):
        for layer, rows in old.items():
            assert_array_equal(new[layer], rows)


@pytest.mark.parametrize("is_calibrated", [False, True])
@pytest.mark.parametrize("names", [["VB"], ["VB", "NN", "UH"]])
def test_probabilities_sum_to_one_and_are_zero_elsewhere(
    nlp: Language, tagger: LSTMTaggerPipe, names: list, is_calibrated: bool
) -> None:
    if is_calibrated:
        wrong = [{**sentence, "tags": ["NN"] * len(sentence["words"])} for sentence in SENTENCES]
        tagger.calibrate(make_examples(nlp, [*SENTENCES * 5, *wrong]))
    tagger.set_lexicon({"dog": names})
    (probabilities,) = tagger.predict_proba([Doc(nlp.vocab, ["The", "dog"])])
    row = probabilities["tag"][1]
    assert row.sum() == pytest.approx(1)
    assert {label for label, p in zip(tagger.labels, row) if p > 0} == set(names)


def test_unknown_labels_are_an_error(tagger: LSTMTaggerPipe) -> None:
    with pytest.raises(ValueError, match=r"XPOS 'ZZ' of 'zebra', which the tagger does not have. It has: \., DT"):
        tagger.set_lexicon({"dog": ["NN"], "zebra": ["ZZ"]})
    with pytest.raises(ValueError, match="has FEATS of 'zebra', for which the tagger has no head"):
        make_pipeline(sentences=[{"words": ["a"], "tags": ["DT"]}]).get_pipe("lstm_tagger").set_lexicon(
            {"zebra": {"morph": ["Number=Sing"]}}
        )


def test_words_that_could_get_no_labels_are_free_with_one_warning(nlp: Language, tagger: LSTMTaggerPipe) -> None:
    before = tags(nlp, "zebra", "gnu", "dog")
    with pytest.warns(UserWarning, match="leaves 2 words no labels that occur together.*: 'zebra', 'gnu'") as warned:
        tagger.set_lexicon({"zebra": {"tag": ["VB"], "pos": ["NOUN"]}, "gnu": {"tag": []}, "dog": ["NN"]})
    assert len(warned) == 1
    assert tags(nlp, "zebra", "gnu", "dog")[:2] == before[:2]


def test_lemmas_are_those_of_the_lexicon(nlp: Language, tagger: LSTMTaggerPipe) -> None:
    tagger.set_lexicon({"zebrae": {"pos": ["NOUN"], "lemma": "zebra"}, "gnus": {"lemma": "gnu"}})
    assert [token.lemma_ for token in nlp("zebrae gnus")] == ["zebra", "gnu"]


def test_lexicon_is_saved_without_its_words(nlp: Language, tagger: LSTMTaggerPipe, tmp_path: Path) -> None:
    tagger.set_lexicon({"zebrafish": ["UH"]})
    nlp.to_disk(tmp_path)
    loaded = spacy.load(tmp_path)
    assert tags(loaded, "The", "zebrafish") == ["DT", "UH"]
    assert not any(b"zebrafish" in file.read_bytes() for file in (tmp_path / "lstm_tagger").iterdir() if file.is_file())
    tagger.set_lexicon(None)
    nlp.to_disk(tmp_path)
    assert not (tmp_path / "lstm_tagger" / "lexicon.msgpack").exists()
    assert tags(spacy.load(tmp_path), "The", "zebrafish")[1] != "UH"


def test_lexicon_stays_when_the_tagger_grows(nlp: Language, tagger: LSTMTaggerPipe) -> None:
    tagger.set_lexicon({"zebra": ["VB"]})
    tagger.add_label("NEW")
    assert tags(nlp, "The", "zebra") == ["DT", "VB"]


def test_config_names_the_file(tmp_path: Path) -> None:
    (tmp_path / "lexicon.tsv").write_text("zebra\tVB\n")
    nlp = make_pipeline(steps=30, lexicon=str(tmp_path / "lexicon.tsv"))
    (tmp_path / "lexicon.tsv").unlink()
    nlp.to_disk(tmp_path / "saved")
    assert tags(spacy.load(tmp_path / "saved"), "The", "zebra") == ["DT", "VB"]


def test_a_pretrained_tagger_reads_it_at_once(tmp_path: Path) -> None:
    (tmp_path / "lexicon.tsv").write_text("zebra\tVB\n")
    nlp = spacy.blank("en")
    nlp.add_pipe("lstm_tagger", config={"pretrained": "en_fast", "lexicon": str(tmp_path / "lexicon.tsv")})
    assert tags(nlp, "The", "zebra")[1] == "VB"
    (tmp_path / "lexicon.tsv").unlink()
    nlp.to_disk(tmp_path / "saved")
    assert tags(spacy.load(tmp_path / "saved"), "The", "zebra")[1] == "VB"


def test_a_lexicon_that_is_not_there_is_warned_of() -> None:
    nlp = spacy.blank("en")
    nlp.add_pipe("lstm_tagger", config={"pretrained": "en_fast", "lexicon": "nowhere.tsv"})
    with pytest.warns(UserWarning, match=r"has no lexicon, though its setting is nowhere\.tsv"):
        nlp("The zebra")


def test_frequent_words_of_the_training_data_keep_to_their_labels() -> None:
    nlp = make_pipeline(steps=30, lexicon_min_count=2)
    lexicon = nlp.get_pipe("lstm_tagger").lexicon
    # "the" twice, in two cases, and "."
    assert len(lexicon.keys) == 1 and lexicon.allowed == [{"pos": ["DET"], "tag": ["DT"]}]
    assert tags(nlp, "dog", "the", "THE")[1:] == ["DT", "DT"]


def test_training_leaves_impossible_labels_out() -> None:
    sentences = [{"words": ["zebra", "gnu"], "tags": ["NN", "VB"]}, {"words": ["dog"], "tags": ["DT"]}]
    lexicon = {"zebra": ["NN"], "gnu": ["NN"]}  # the second is wrong, and gives way to what is right
    free, masked = (
        make_pipeline(sentences=sentences, lexicon=lexicon, lexicon_in_training=value, label_smoothing=0.1)
        for value in (False, True)
    )
    gradients = []
    for nlp in (free, masked):
        tagger = nlp.get_pipe("lstm_tagger")
        examples = make_examples(nlp, sentences)
        scores, _ = tagger.model.begin_update([eg.predicted for eg in examples])
        loss, gradient = tagger.get_loss(examples, scores)
        assert numpy.isfinite(loss)
        gradients.append(numpy.concatenate(gradient))
    assert_allclose(gradients[1][0], 0, atol=1e-7)  # "zebra" can only be right
    assert_allclose(gradients[1][1:], gradients[0][1:], atol=1e-6)
    assert abs(gradients[0][0]).max() > 0.01


@pytest.mark.parametrize(
    "damage",
    [
        lambda parts: parts.update(numbers=b""),
        lambda parts: parts.update(numbers=b"\xff" * 4),
        lambda parts: parts.update(allowed=[{"tag": [3]}]),
        lambda parts: parts.update(allowed=[{"dep": ["nsubj"]}]),
        lambda parts: parts.pop("keys"),
    ],
)
def test_damaged_lexicon_is_an_error(damage: Any) -> None:
    parts = srsly.msgpack_loads(Lexicon.of({"zebra": {"tag": ["VB"]}}).to_bytes())
    damage(parts)
    with pytest.raises((ValueError, KeyError)):
        Lexicon.from_bytes(srsly.msgpack_dumps(parts))
