from pathlib import Path
from typing import Any, Dict

import pytest
from spacy.util import load_config
from thinc.api import ConfigValidationError

from spacy_lstm_tagger.training.settings import check_settings

from ..conftest import ROOT

FAST = ROOT / "configs" / "fast.cfg"


@pytest.mark.parametrize(
    "name, like",
    [
        ("training.max_step", "max_steps"),
        ("trainin.max_steps", "training.max_steps"),
        ("training.learn_rate", "training.optimizer.learn_rate"),
        ("training.optimizer.learnrate", "learn_rate"),
        ("components.lstm_tagger.label_smoothin", "label_smoothing"),
        ("components.tagger.model.hidden_width", "components.lstm_tagger.model.hidden_width"),
        ("nlp.language", "lang"),
    ],
)
def test_unknown_setting_suggests_one(name: str, like: str) -> None:
    with pytest.raises(ValueError, match=rf"no setting {name}; did you mean {like}\?"):
        check_settings(FAST, {name: 1})


def test_unknown_setting_that_is_like_none_says_where_they_are() -> None:
    with pytest.raises(ValueError, match=r"no setting training\.xyzzy\. `python -m spacy init fill-config`"):
        check_settings(FAST, {"training.xyzzy": 1})


@pytest.mark.parametrize(
    "settings",
    [
        {"training.max_steps": 1, "training.accumulate_gradient": 2},
        {"training.score_weights.pos_micro_f": 0.5},
        {"paths.vectors": "vectors", "paths.mine": "file"},
        {"components.lstm_tagger.tag_map": {"NN": "NOUN"}},
        {"components.lstm_tagger.store_confidence": True},
        {"training.batcher.@batchers": "spacy.batch_by_padded.v1", "training.batcher.discard_oversize": True},
    ],
)
def test_settings_that_exist_are_allowed(settings: Dict[str, Any]) -> None:
    check_settings(FAST, settings)


def test_component_of_another_pipeline_has_the_settings_of_that(trained_path: Path, tmp_path: Path) -> None:
    config = load_config(FAST, interpolate=False)
    config["components"]["lstm_tagger"] = {"source": str(trained_path), "replace_listeners": []}
    config.to_disk(tmp_path / "sourced.cfg")
    check_settings(tmp_path / "sourced.cfg", {})
    with pytest.raises(ValueError, match="did you mean max_steps"):
        check_settings(tmp_path / "sourced.cfg", {"training.max_step": 1})


def test_values_that_are_not_valid_are_an_error() -> None:
    with pytest.raises(ConfigValidationError, match="dropout"):
        check_settings(FAST, {"training.dropout": "a lot"})
