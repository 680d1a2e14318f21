"""Settings of a training config, checked before data is read or anything is written."""

from difflib import get_close_matches
from pathlib import Path
from typing import Any, Iterator, List, Mapping

from spacy.schemas import ConfigSchemaTraining
from spacy.util import load_config, load_model_from_config, registry
from thinc.api import Config

# Sections that may have any names.
FREE_SECTIONS = ("corpora", "initialize.components", "initialize.tokenizer", "paths", "training.score_weights")


def check_settings(config_path: Path, overrides: Mapping[str, Any]) -> None:
    """Check that a config is complete and valid, and that it has no setting that spaCy would ignore.

    config_path (Path): The config.
    overrides (Mapping[str, Any]): Settings that replace those of the config, such as {"training.dropout": 0.3}.
        Raises a ValueError that names an unknown setting and the one that is most like it, and spaCy's errors for
        values that are not valid and for an unknown language.
    """
    config = load_config(config_path, interpolate=False)
    known = _fill(config)
    # A component that comes from another pipeline has that pipeline's settings.
    sourced = tuple(
        f"components.{name}." for name, component in config.get("components", {}).items() if "source" in component
    )
    for name in [*_names(config), *overrides]:
        if not name.startswith(sourced):
            _check_name(name, known, overrides)
    filled = _fill(load_config(config_path, overrides=dict(overrides), interpolate=False))
    registry.resolve(filled.interpolate()["training"], schema=ConfigSchemaTraining)


def find_taggers(config: Mapping[str, Any]) -> List[str]:
    """RETURNS (List[str]): The names of a config's components that are LSTM taggers."""
    components = config["components"].items()
    return [name for name, component in components if component.get("factory") == "lstm_tagger"]


def _fill(config: Config) -> Config:
    """The config with all defaults, as `spacy init fill-config` writes it. spaCy drops settings that it does not
    know."""
    return load_model_from_config(config, auto_fill=True).config


def _check_name(name: str, known: Mapping[str, Any], overrides: Mapping[str, Any]) -> None:
    section: Any = known
    path: List[str] = []
    is_function = False
    for part in name.split("."):
        if not isinstance(section, dict):
            return
        is_argument = is_function  # a dict that is the argument of a function may have any names
        is_function = "factory" in section or any(key.startswith("@") for key in section)
        if part not in section:
            place = ".".join(path)
            is_replaced = any(other.startswith(f"{place}.@") for other in overrides)
            if place in FREE_SECTIONS or is_replaced or (is_argument and not is_function):
                return
            raise ValueError(f"There is no setting {name}{_suggest(name, part, section, known)}")
        section = section[part]
        path.append(part)


def _suggest(name: str, part: str, section: Mapping[str, Any], known: Mapping[str, Any]) -> str:
    """The end of the error: a name of the same section that is like the unknown one, or the same name elsewhere."""
    like = get_close_matches(part, list(section), n=1)
    if like:
        whole = name.replace(part, like[0], 1)
        return f"; did you mean {like[0] if name.endswith(part) else whole}?"
    last = name.rsplit(".", maxsplit=1)[-1]
    elsewhere = [other for other in _names(known) if other.split(".")[-1] == last]
    if elsewhere:
        return f"; did you mean {elsewhere[0]}?"
    return ". `python -m spacy init fill-config` writes a config with all settings."


def _names(section: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """Yield the names of all settings and sections."""
    for key, value in section.items():
        yield f"{prefix}{key}"
        if isinstance(value, dict):
            yield from _names(value, f"{prefix}{key}.")
