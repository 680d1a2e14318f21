from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import spacy
import srsly
from spacy.tokens import Doc

from spacy_lstm_tagger.pipeline import component
from spacy_lstm_tagger.pipeline.loading import load_pipeline
from spacy_lstm_tagger.pipeline.storage import LEXICON, PARTS, TOK2VEC
from spacy_lstm_tagger.shipped import PRETRAINED, pretrained_directory

from ..conftest import SENTENCES, TEXTS, make_examples

TEXT = "She quickly read the old books that we found in London."
MEGABYTE = 1_000_000


@pytest.fixture(scope="module", params=PRETRAINED)
def name(request: Any) -> str:
    return request.param


@pytest.fixture(scope="module")
def nlp() -> spacy.Language:
    """Not to be changed."""
    return load_pipeline("en")


def annotation(doc: Doc) -> Any:
    return doc.to_array(["TAG", "POS", "MORPH"]).tolist()


def test_pretrained_component_tags_at_once() -> None:
    nlp = spacy.blank("en")
    nlp.add_pipe("lstm_tagger", config={"pretrained": "en"})
    doc = nlp(TEXT)
    assert " ".join(token.pos_ for token in doc) == "PRON ADV VERB DET ADJ NOUN PRON PRON VERB ADP PROPN PUNCT"
    assert " ".join(token.tag_ for token in doc) == "PRP RB VBD DT JJ NNS WDT PRP VBD IN NNP ."
    assert doc[5].morph.get("Number") == ["Plur"]


@pytest.mark.parametrize("change", [str.lower, str.upper, str.title])
def test_pretrained_english_does_not_depend_on_case(nlp: spacy.Language, change: Any) -> None:
    text = "we will meet them in the old house next week , and he knows it ."
    assert [token.pos_ for token in nlp(change(text))] == [token.pos_ for token in nlp(text)]


def test_other_name_lists_those_that_are_there() -> None:
    with pytest.raises(ValueError, match=r"no pretrained tagger 'xx'. Use one of: en, en_fast\."):
        spacy.blank("en").add_pipe("lstm_tagger", config={"pretrained": "xx"})


def test_saved_pipeline_does_not_need_the_pretrained_files(
    nlp: spacy.Language, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nlp.to_disk(tmp_path / "pipeline")
    monkeypatch.setattr(component, "pretrained_directory", lambda name: nullcontext(tmp_path / "nothing"))
    loaded = spacy.load(tmp_path / "pipeline")
    assert list(map(annotation, loaded.pipe(TEXTS))) == list(map(annotation, nlp.pipe(TEXTS)))


def test_initializing_leads_back_to_the_pretrained_tagger() -> None:
    nlp = load_pipeline("en")
    before = annotation(nlp(TEXT))
    sentences = [{"words": sentence["words"], "tags": sentence["tags"]} for sentence in SENTENCES]
    optimizer = nlp.resume_training()
    optimizer.learn_rate = 0.1
    for _ in range(5):
        nlp.update(make_examples(nlp, sentences), sgd=optimizer)
    assert annotation(nlp(TEXT)) != before
    nlp.initialize()
    assert annotation(nlp(TEXT)) == before


def test_pretrained_tagger_can_be_trained_further() -> None:
    nlp = load_pipeline("en")
    tagger = nlp.get_pipe("lstm_tagger")
    sentence = {"words": ["Zorg", "blarps", "."], "tags": ["NNP", "VBZ", "."], "pos": ["PROPN", "VERB", "PUNCT"]}
    (example,) = make_examples(nlp, [sentence])
    before = tagger.predict_proba([example.predicted])[0]["pos"][1, tagger.pos_labels.index("VERB")]
    optimizer = nlp.resume_training()
    for _ in range(5):
        nlp.update([example], sgd=optimizer)
    assert tagger.predict_proba([example.predicted])[0]["pos"][1, tagger.pos_labels.index("VERB")] > before


def test_card_tells_source_licence_and_scores(name: str) -> None:
    with pretrained_directory(name) as directory:
        card = srsly.read_json(directory / "meta.json")
    assert card["license"] == "CC BY-SA 4.0"
    assert card["sources"]["treebank"]["author"]
    assert {"pos_acc", "tag_acc", "morph_acc"} <= set(card["performance"])
    assert {"performance_command", "built_by", "seed", "date", "versions"} <= set(card)


def test_pretrained_files_are_small_and_hold_no_text(name: str) -> None:
    with pretrained_directory(name) as directory:
        files = {file.name: file.read_bytes() for file in directory.iterdir()}
    parts = set(PARTS) - {LEXICON, TOK2VEC}
    assert set(files) == {*parts, "meta.json"}
    assert sum(map(len, files.values())) <= 12 * MEGABYTE
    for word in (b"because", b"president", b"London", b"thanks"):
        assert not any(word in files[part] for part in parts)
