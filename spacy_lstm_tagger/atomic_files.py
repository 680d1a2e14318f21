"""Files and directories that are put in place whole, or not at all."""

import shutil
from contextlib import contextmanager
from pathlib import Path
from typing import Iterable, Iterator, Optional


@contextmanager
def replace_directory(path: Path, own: Optional[Iterable[str]] = None) -> Iterator[Path]:
    """Fill a new directory and put it in the place of another only when it is whole.

    At each moment there is either the old directory or the new one, under `path` or under
    `interrupted(path)`.

    path (Path): The directory to replace; it need not exist.
    own (Optional[Iterable[str]]): The names of the files that are replaced. What else is in the directory is kept.
        None: nothing is kept.
    YIELDS (Path): The directory to fill.
    """
    path = path.resolve()
    new = _unfinished(path)
    restore_directory(path, own)
    if new.exists():
        shutil.rmtree(new)
    new.mkdir(parents=True)
    try:
        yield new
    except BaseException:
        shutil.rmtree(new)
        raise
    move_directory(new, path, own)


def move_directory(new: Path, path: Path, own: Optional[Iterable[str]] = None) -> None:
    """Put a directory in the place of another.

    new (Path): The directory, on the same file system.
    path (Path): Its place. What is there is replaced, as in `replace_directory`.
    own (Optional[Iterable[str]]): As in `replace_directory`.
    """
    restore_directory(path, own)
    if path.exists():
        path.rename(interrupted(path))
    new.rename(path)
    restore_directory(path, own)


def restore_directory(path: Path, own: Optional[Iterable[str]] = None) -> None:
    """Bring a directory to order after a replacement that was interrupted: the old one is put back if the new one is
    not there yet, and removed otherwise.

    path (Path): The directory.
    own (Optional[Iterable[str]]): As in `replace_directory`.
    """
    old = interrupted(path)
    if old.exists() and not path.exists():
        old.rename(path)
    elif old.exists():
        _discard(old, path, own)


@contextmanager
def replace_file(path: Path) -> Iterator[Path]:
    """Write a new file and put it in the place of another only when it is whole.

    path (Path): The file to replace; it need not exist.
    YIELDS (Path): The file to write.
    """
    new = _unfinished(path)
    try:
        yield new
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)


def _discard(old: Path, path: Path, own: Optional[Iterable[str]]) -> None:
    """Remove the old directory, but keep what else somebody had in it."""
    for entry in old.iterdir():
        if own is not None and entry.name not in own and not (path / entry.name).exists():
            entry.rename(path / entry.name)
    shutil.rmtree(old)


def interrupted(path: Path) -> Path:
    """Where the old directory is while the new one takes its place."""
    return path.with_name(f".{path.name}.old")


def _unfinished(path: Path) -> Path:
    """Where a file or a directory is while it is written."""
    return path.with_name(f".{path.name}.new")
