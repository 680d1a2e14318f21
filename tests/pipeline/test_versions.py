"""Models that earlier versions saved: they load, and say what they said. See `models/make.py`."""

from importlib.metadata import version

import pytest
import spacy
import srsly
from spacy.tokens import Doc

from spacy_lstm_tagger.pipeline.storage import FORMAT

from ..conftest import ROOT

MODELS = ROOT / "tests" / "models"
VERSIONS = sorted(path.name for path in MODELS.iterdir() if (path / "cfg").exists())
WORDS = [
    "The",
    "dog",
    "ate",
    "the",
    "apples",
    ".",
    " ",
    "Everybody",
    "reads",
    "Zyzzyva's",
    "naïve",
    "日本語",
    "12,5",
    "!",
]


def predict(tagger):
    """Labels, and probabilities in thousandths."""
    doc = Doc(tagger.vocab, words=WORDS)
    (probabilities,) = tagger.predict_proba([doc])
    labels = [[token.tag_, token.pos_, str(token.morph)] for token in tagger(doc)]
    return {"labels": labels, "probabilities": {k: (1000 * rows).round().tolist() for k, rows in probabilities.items()}}


@pytest.mark.parametrize("name", VERSIONS)
def test_model_of_an_earlier_version(name):
    tagger = spacy.blank("en").add_pipe("lstm_tagger").from_disk(MODELS / name, exclude=["vocab"])
    expected, predicted = srsly.read_json(MODELS / name / "expected.json"), predict(tagger)
    assert predicted["labels"] == expected["labels"]
    for layer, rows in expected["probabilities"].items():
        for row, predicted_row in zip(rows, predicted["probabilities"][layer], strict=True):
            # Arithmetic differs between processors and their precisions.
            assert predicted_row == pytest.approx(row, abs=20)


def test_each_format_has_a_model():
    formats = {srsly.read_json(MODELS / name / "cfg")["format"] for name in VERSIONS}
    assert formats == set(range(1, FORMAT + 1))


def test_this_version_has_a_model():
    assert version("spacy-lstm-tagger") in VERSIONS


def test_model_of_format_1_knows_spellings_as_it_did():
    tagger = spacy.blank("en").add_pipe("lstm_tagger").from_disk(MODELS / "0.1.0", exclude=["vocab"])
    assert tagger.vocabulary.settings["normalization"] == 0
    assert "The" in tagger.vocabulary and "Ｔｈｅ" not in tagger.vocabulary
