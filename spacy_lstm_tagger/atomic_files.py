"""Files and directories that are put in place whole, or not at all."""

import shutil
from contextlib import contextmanager
from pathlib import Path
from typing import Iterable, Iterator


@contextmanager
def replace_directory(path: Path, own: Iterable[str]) -> Iterator[Path]:
    """Fill a new directory and put it in the place of another only when it is whole.

    At each moment there is either the old directory or the new one, under `path` or under
    `interrupted(path)`.

    path (Path): The directory to replace; it need not exist.
    own (Iterable[str]): The names of the files that are replaced. What else is in the directory is kept.
    YIELDS (Path): The directory to fill.
    """
    path = path.resolve()
    new, old = path.with_name(f".{path.name}.new"), interrupted(path)
    if old.exists() and not path.exists():
        old.rename(path)
    if new.exists():
        shutil.rmtree(new)
    if old.exists():
        _discard(old, path, own)
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
        _discard(old, path, own)


def _discard(old: Path, path: Path, own: Iterable[str]) -> None:
    """Remove the old directory, but keep what else somebody had in it."""
    for entry in old.iterdir():
        if entry.name not in own and not (path / entry.name).exists():
            entry.rename(path / entry.name)
    shutil.rmtree(old)


def interrupted(path: Path) -> Path:
    """Where the old directory is while the new one takes its place."""
    return path.with_name(f".{path.name}.old")
