"""A trained tagger as bytes and as files: `cfg`, `vocabulary.msgpack` and `model.safetensors`."""

import shutil
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Callable, Dict, Iterable, Iterator, List, Mapping, TypeVar

import numpy
import srsly
from safetensors import SafetensorError
from spacy.tokens import Doc
from thinc.api import Model

from .model import load_network
from .shim import get_network, get_shim
from .vocabulary import Vocabulary

# Raised whenever a released version could not read what this one writes.
FORMAT = 1
CFG, VOCABULARY, WEIGHTS = "cfg", "vocabulary.msgpack", "model.safetensors"
PARTS = (CFG, VOCABULARY, WEIGHTS)

T = TypeVar("T")
TaggerModel = Model[List[Doc], List[numpy.ndarray]]


def to_parts(learned: Mapping[str, Any], model: TaggerModel) -> Dict[str, bytes]:
    """Serialize a tagger.

    learned (Mapping[str, Any]): What the component knows besides the model, as JSON can hold it.
    model (Model): The component's model.
    RETURNS (Dict[str, bytes]): The contents of each file.
    """
    shim = get_shim(model)
    vocabulary = model.attrs["vocabulary"]
    cfg = {
        "format": FORMAT,
        **learned,
        "vocabulary": vocabulary.settings,
        "network": get_network(model).sizes._asdict() if shim.has_module else None,
    }
    return {
        CFG: srsly.json_dumps(cfg, indent=2).encode("utf8"),
        VOCABULARY: vocabulary.to_bytes(),
        WEIGHTS: shim.to_bytes(),
    }


def from_parts(parts: Mapping[str, bytes], model: TaggerModel, source: str) -> Dict[str, Any]:
    """Load a tagger, or those parts of it that are there. If one is damaged, the model stays as it was.

    parts (Mapping[str, bytes]): What `to_parts` returned.
    model (Model): The model that gets vocabulary and network.
    source (str): Where the parts come from, for errors.
    RETURNS (Dict[str, Any]): The contents of `cfg`, empty if it is not there.
    """
    cfg: Dict[str, Any] = {}
    if CFG in parts:
        cfg = _parse(parts, CFG, source, _load_cfg)
        if not 1 <= cfg["format"] <= FORMAT:
            raise ValueError(
                f"{source}: '{CFG}' has format {cfg['format']}, but this version of spacy-lstm-tagger reads formats "
                f"1 to {FORMAT}. Update the package, or train the model anew."
            )
    vocabulary = model.attrs["vocabulary"]
    if VOCABULARY in parts:
        vocabulary = Vocabulary(**cfg.get("vocabulary", vocabulary.settings))
        _parse(parts, VOCABULARY, source, vocabulary.from_bytes)
    if WEIGHTS in parts:
        sizes = cfg["network"] if CFG in parts else get_network(model).sizes._asdict()
        _parse(parts, WEIGHTS, source, lambda weights: load_network(model, sizes, weights))
    model.attrs["vocabulary"] = vocabulary
    return cfg


def read_parts(path: Path, exclude: Iterable[str]) -> Dict[str, bytes]:
    """Read the files of a tagger.

    path (Path): The component's directory.
    exclude (Iterable[str]): Names, without extension, of files to leave out.
    RETURNS (Dict[str, bytes]): The contents of each file.
    """
    if not path.exists() and _interrupted(path).exists():
        path = _interrupted(path)
    names = [name for name in PARTS if name.split(".")[0] not in exclude]
    missing = [name for name in names if not (path / name).is_file()]
    if missing:
        raise FileNotFoundError(f"{path} is not a whole model of lstm_tagger: {', '.join(missing)} missing.")
    return {name: (path / name).read_bytes() for name in names}


@contextmanager
def replace_directory(path: Path) -> Iterator[Path]:
    """Fill a new directory and put it in the place of another only when it is whole.

    At each moment there is either the old directory or the new one, under `path` or where `read_parts` looks.

    path (Path): The directory to replace; it need not exist.
    YIELDS (Path): The directory to fill.
    """
    path = path.resolve()
    new, old = path.with_name(f".{path.name}.new"), _interrupted(path)
    if old.exists() and not path.exists():
        old.rename(path)
    if new.exists():
        shutil.rmtree(new)
    if old.exists():
        _discard(old, path)
    new.mkdir(parents=True)
    try:
        yield new
    except BaseException:
        shutil.rmtree(new)
        raise
    if path.exists():
        path.rename(old)
    new.rename(path)
    if old.exists():
        _discard(old, path)


def _discard(old: Path, path: Path) -> None:
    """Remove the old directory, but keep what else somebody had in it."""
    for entry in old.iterdir():
        if entry.name not in PARTS and not (path / entry.name).exists():
            entry.rename(path / entry.name)
    shutil.rmtree(old)


def _interrupted(path: Path) -> Path:
    """Where the old directory is while the new one takes its place."""
    return path.with_name(f".{path.name}.old")


def _parse(parts: Mapping[str, bytes], name: str, source: str, parse: Callable[[bytes], T]) -> T:
    try:
        return parse(parts[name])
    except (ValueError, TypeError, KeyError, AttributeError, RuntimeError, EOFError, SafetensorError) as error:
        raise ValueError(
            f"{source}: '{name}' is damaged, or does not belong to the other files ({error}). Copy or train the "
            "model again."
        ) from error


def _load_cfg(data: bytes) -> Dict[str, Any]:
    cfg = srsly.json_loads(data)
    if not isinstance(cfg, dict) or not isinstance(cfg.get("format"), int):
        raise ValueError("no format number")
    return cfg
