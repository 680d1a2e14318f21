"""Every config that ships: spaCy fills it, validates it and trains with it."""

import pytest
import spacy
from spacy.util import load_config

from .conftest import ROOT

CONFIGS = sorted((ROOT / "configs").glob("*.cfg"), key=lambda path: path.name)
TRAIN, DEV = (ROOT / "corpus" / f"en_sample-{part}.conllu" for part in ("train", "dev"))


@pytest.fixture(params=CONFIGS, ids=lambda path: path.stem)
def config(request):
    return request.param


def test_there_are_configs():
    assert {path.stem for path in CONFIGS} == {"accurate", "adapt", "fast", "tutorial"}


def test_config_is_filled_and_validated(config, run_spacy, tmp_path):
    filled = tmp_path / "filled.cfg"
    run_spacy("init", "fill-config", config, filled)
    overrides = [f"--paths.train={TRAIN}", f"--paths.dev={DEV}"]
    assert "Config is valid" in run_spacy("debug", "config", filled, *overrides).stdout


def test_config_trains(config, run_spacy, tmp_path):
    overrides = ["--training.max_steps=2", "--training.eval_frequency=1", "--training.max_epochs=0"]
    run_spacy(
        *("train", config, "--output", tmp_path / "out"),
        *(f"--paths.train={TRAIN}", f"--paths.dev={DEV}", *overrides),
    )
    nlp = spacy.load(tmp_path / "out" / "model-best")
    assert nlp("Take two.")[0].tag_ in nlp.get_pipe("lstm_tagger").labels


def test_default_model_of_the_component_is_that_of_fast():
    nlp = spacy.blank("en")
    nlp.add_pipe("lstm_tagger")
    default = dict(nlp.config["components"]["lstm_tagger"]["model"])
    settings = load_config(ROOT / "configs" / "fast.cfg")["components"]["lstm_tagger"]["model"]
    assert settings.pop("vocabulary").items() <= default.pop("vocabulary").items()
    assert settings.items() <= default.items()


def test_init_labels_writes_what_training_reads(run_spacy, tmp_path):
    config = ROOT / "configs" / "fast.cfg"
    overrides = [f"--paths.train={TRAIN}", f"--paths.dev={DEV}"]
    run_spacy("init", "labels", config, tmp_path / "labels", *overrides)
    file = tmp_path / "labels" / "lstm_tagger.json"
    text = config.read_text() + (
        "\n[initialize.components]\n\n[initialize.components.lstm_tagger]\n"
        f'\n[initialize.components.lstm_tagger.labels]\n@readers = "spacy.read_labels.v1"\npath = "{file.as_posix()}"\n'
    )
    (tmp_path / "labelled.cfg").write_text(text)
    overrides += ["--training.max_steps=1", "--training.eval_frequency=1"]
    run_spacy("train", tmp_path / "labelled.cfg", "--output", tmp_path / "out", *overrides)
    assert spacy.load(tmp_path / "out" / "model-best").get_pipe("lstm_tagger").labels
