"""The parts of a tagger and its vocab, as bytes and in a directory.

`exclude` holds names of parts without extension: "cfg", "vocab", "vocabulary", "model".
"""

from functools import partial
from pathlib import Path
from typing import Any, Callable, Dict, Iterable, Mapping

from spacy import util
from spacy.vocab import Vocab

from ..atomic_files import replace_directory
from .storage import PARTS, read_parts


def to_bytes(parts: Mapping[str, bytes], vocab: Vocab, exclude: Iterable[str]) -> bytes:
    """RETURNS (bytes): The parts and the vocab, without what is excluded."""
    serializers: Dict[str, Callable[[], bytes]] = {"vocab": partial(vocab.to_bytes, exclude=exclude)}
    for name, part in parts.items():
        serializers[name] = partial(bytes, part)
    return bytes(util.to_bytes(serializers, exclude))


def from_bytes(data: bytes, vocab: Vocab, exclude: Iterable[str]) -> Dict[str, bytes]:
    """RETURNS (Dict[str, bytes]): The parts of what `to_bytes` returned. The vocab is loaded."""
    parts: Dict[str, bytes] = {}
    deserializers: Dict[str, Callable[[bytes], Any]] = {"vocab": lambda data: vocab.from_bytes(data, exclude=exclude)}
    for name in PARTS:
        deserializers[name] = partial(parts.__setitem__, name)
    util.from_bytes(data, deserializers, exclude)
    return parts


def to_disk(path: Path, parts: Mapping[str, bytes], vocab: Vocab, exclude: Iterable[str]) -> None:
    """Write the parts and the vocab into a directory, which is replaced as a whole."""
    serializers: Dict[str, Callable[[Path], Any]] = {"vocab": partial(vocab.to_disk, exclude=exclude)}
    for name, part in parts.items():
        serializers[name] = partial(Path.write_bytes, data=part)
    with replace_directory(path, own=PARTS) as directory:
        util.to_disk(directory, serializers, exclude)


def from_disk(path: Path, vocab: Vocab, exclude: Iterable[str]) -> Dict[str, bytes]:
    """RETURNS (Dict[str, bytes]): The parts in a directory. The vocab is loaded if all of them are there."""
    parts = read_parts(path, exclude)
    if "vocab" not in exclude:
        vocab.from_disk(path / "vocab", exclude=exclude)
    return parts
