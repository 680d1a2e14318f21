"""The files of a corpus: where they are, what is in them, and what their output is called."""

from collections import Counter
from glob import has_magic
from pathlib import PurePosixPath
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

from fsspec import AbstractFileSystem
from fsspec.core import url_to_fs
from fsspec.implementations.local import LocalFileSystem

# The formats by the ends of names.
FORMATS = {
    ".txt": "text",
    ".text": "text",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".csv": "csv",
    ".tsv": "tsv",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".conllu": "conllu",
    ".spacy": "spacy",
}
# How Arrow calls the compressions.
COMPRESSIONS = {".gz": "gzip", ".zst": "zstd", ".zstd": "zstd", ".bz2": "bz2"}
# Formats that are compressed inside.
NOT_COMPRESSED = ("parquet", "spacy")


class Shard(NamedTuple):
    """A file of the input.

    address (str): Where it is, for fsspec.
    name (str): What its output is called, with the folders below the input's, without the end that says the format.
    format (str): One of the values of `FORMATS`.
    compression (Optional[str]): One of the values of `COMPRESSIONS`.
    size (int): Its bytes.
    version (str): What differs once the file has been changed: its hash, where the file system knows one, or its time.
    """

    address: str
    name: str
    format: str
    compression: Optional[str]
    size: int
    version: str


class Listing(NamedTuple):
    """The files of the input, in the order of their names, and the names of those that are not read."""

    shards: List[Shard]
    skipped: List[str]


def find_shards(source: str, format: Optional[str] = None) -> Listing:
    """Find the files of a corpus. Names that begin with "." or "_", as of other programs' markers, are left out.

    source (str): A file, a folder or a glob, on this machine or at an address that fsspec knows.
    format (Optional[str]): The format of all files. None: by their names; files with other names are skipped, unless
        it is a single one.
    RETURNS (Listing): The files. Raises a ValueError if there are none.
    """
    if format is not None and format not in FORMATS.values():
        raise ValueError(f"There is no format '{format}'. Use one of: {', '.join(dict.fromkeys(FORMATS.values()))}.")
    fs, path = url_to_fs(source)
    root, paths = _list(fs, path)
    if not paths:
        raise ValueError(f"There are no files in {source}. Name a file, a folder or a pattern such as 'corpus/*.txt'.")
    found: List[Tuple[str, str, Optional[str]]] = []
    skipped = []
    for file in sorted(paths):
        kind, compression = _find_format(file, format)
        if kind is None and len(paths) > 1:
            skipped.append(_below(root, file))
        elif kind is None:
            raise ValueError(
                f"What is in {file}? Its name should end with one of {', '.join(FORMATS)}, perhaps with one of "
                f"{', '.join(COMPRESSIONS)} after it. Or name the format with --format."
            )
        else:
            found.append((file, kind, compression))
    if not found:
        raise ValueError(
            f"No file in {source} has a name that ends with one of {', '.join(FORMATS)}, but for example {skipped[0]}. "
            "Name the format with --format."
        )
    names = _name([_below(root, file) for file, _, _ in found], by_suffix=format is None)
    shards = []
    for (file, kind, compression), name in zip(found, names):
        size, version = stat(paths[file])
        address = file if isinstance(fs, LocalFileSystem) else fs.unstrip_protocol(file)
        shards.append(Shard(address, name, kind, compression, size, version))
    return Listing(shards, skipped)


def stat(info: Dict[str, Any]) -> Tuple[int, str]:
    """The size of a file and what differs once it has been changed.

    info (Dict[str, Any]): What fsspec says about it.
    RETURNS (Tuple[int, str]): As in `Shard`.
    """
    keys = ("ETag", "etag", "md5Hash", "mtime", "LastModified", "last_modified")
    return info["size"] or 0, next((str(info[key]) for key in keys if info.get(key)), "")


def _list(fs: AbstractFileSystem, path: str) -> Tuple[str, Dict[str, Dict[str, Any]]]:
    """The folder that names are relative to, and the files with what is known about them."""
    if has_magic(path) and not fs.exists(path):
        root = path[: path.rindex("/", 0, next(i for i, c in enumerate(path) if c in "*?[") + 1)]
        found = fs.glob(path, detail=True)
    elif fs.isdir(path):
        root, found = path.rstrip("/"), fs.find(path, detail=True)
    elif fs.exists(path):
        return path.rpartition("/")[0], {path: fs.info(path)}
    else:
        raise FileNotFoundError(
            f"There is no {path}: a file, a folder or a pattern such as 'corpus/*.txt' was expected."
        )
    return root, {
        file: info
        for file, info in found.items()
        if info["type"] == "file" and not any(part[0] in "._" for part in _below(root, file).split("/"))
    }


def _below(root: str, file: str) -> str:
    return file[len(root) :].lstrip("/")


def _find_format(file: str, format: Optional[str]) -> Tuple[Optional[str], Optional[str]]:
    """Format and compression; None for a format that is not known."""
    path = PurePosixPath(file)
    compression = COMPRESSIONS.get(path.suffix.lower())
    kind = format or FORMATS.get((path.with_suffix("") if compression else path).suffix.lower())
    if compression and kind in NOT_COMPRESSED:
        raise ValueError(f"{file}: {kind} is compressed inside and is not read from {compression}. Unpack it first.")
    return kind, compression


def _name(files: List[str], *, by_suffix: bool) -> List[str]:
    """What the files' output is called: their names without the ends, or with them where two would be the same."""
    short = []
    for file in files:
        path = PurePosixPath(file)
        if path.suffix.lower() in COMPRESSIONS:
            path = path.with_suffix("")
        if path.suffix.lower() in FORMATS or not by_suffix:
            path = path.with_suffix("")
        short.append(str(path))
    n_same = Counter(map(str.casefold, short))
    return [name if n_same[name.casefold()] == 1 else file for name, file in zip(short, files)]
