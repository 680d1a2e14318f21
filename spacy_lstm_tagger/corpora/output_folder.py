"""The folder of the output, and what a run leaves there so that it can be continued:

    news/part-1.parquet                      a file of the output for each of the input, put in place when it is whole
    _errors/news/part-1.jsonl                the records of that file that could not be tagged, if there are any
    _annotate/settings.json                  the settings of the run, and the input's files
    _annotate/done/news/part-1.json          what became of the file: rows, errors and tokens
    _annotate/units/DIGEST/N                 encoded units of a file that is not yet whole
    _annotate/unfinished/                    what is being written
    _annotate/lock                           an empty file that a run on this machine keeps locked

Units are removed when their file is in its place. The digest is that of the file's name, size and version.
"""

import json
from contextlib import contextmanager, suppress
from hashlib import sha256
from typing import Any, BinaryIO, Dict, Iterator, Optional, Set
from uuid import uuid4

from filelock import FileLock, Timeout
from fsspec.core import url_to_fs
from fsspec.implementations.local import LocalFileSystem

from .shards import Shard

WORK = "_annotate"
ERRORS = "_errors"


class OutputFolder:
    """The folder, on this machine or at an address that fsspec knows."""

    def __init__(self, address: str, suffix: str) -> None:
        """Name the folder.

        address (str): Where it is.
        suffix (str): How the names of the output's files end.
        """
        self.fs, path = url_to_fs(address)
        self.path = path.rstrip("/")
        self.suffix = suffix

    def find(self, *names: str) -> str:
        """RETURNS (str): The path of what has a name in the folder."""
        return "/".join([self.path, *names])

    def output(self, shard: Shard) -> str:
        """RETURNS (str): The path of the output of a file."""
        return self.find(shard.name + self.suffix)

    def errors(self, shard: Shard) -> str:
        """RETURNS (str): The path of its errors."""
        return self.find(ERRORS, f"{shard.name}.jsonl")

    def done(self, shard: Shard) -> str:
        """RETURNS (str): The path of what became of it."""
        return self.find(WORK, "done", f"{shard.name}.json")

    def units(self, shard: Shard) -> str:
        """RETURNS (str): The path of its units, which is another one once the file has been changed."""
        digest = sha256(f"{shard.name}\0{shard.size}\0{shard.version}".encode()).hexdigest()
        return self.find(WORK, "units", digest[:32])

    def unit(self, shard: Shard, number: int) -> str:
        """RETURNS (str): The path of one of its units."""
        return f"{self.units(shard)}/{number:08}"

    def list_units(self, shard: Shard) -> Set[int]:
        """RETURNS (Set[int]): The numbers of its units that are there."""
        self.fs.invalidate_cache()
        path = self.units(shard)
        return (
            {int(file.rpartition("/")[2]) for file in self.fs.ls(path, detail=False)} if self.fs.exists(path) else set()
        )

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Keep other runs out of a folder on this machine, until this one ends, or its process does.

        Raises a ValueError if another run is writing there.
        """
        if not isinstance(self.fs, LocalFileSystem):
            yield
            return
        try:
            lock = FileLock(self.find(WORK, "lock")).acquire(timeout=0)
        except Timeout:
            raise ValueError(
                f"Another run of `annotate` is writing to {self.path}. Wait until it has ended, or name another output."
            ) from None
        with lock:
            yield

    @contextmanager
    def write(self, path: str) -> Iterator[BinaryIO]:
        """Write a file aside, and put it in place when it is whole.

        path (str): Its place. What is there is replaced.
        YIELDS (BinaryIO): The file to write. Raises an OSError that names the place if it cannot be written.
        """
        new = self.find(WORK, "unfinished", uuid4().hex)
        for needed in (new, path):
            self.fs.makedirs(needed.rpartition("/")[0], exist_ok=True)
        try:
            with self.fs.open(new, "wb") as file:
                yield file
            self.fs.mv(new, path)
        except OSError as error:
            self.remove(new)
            raise OSError(f"{path} cannot be written: {error}. Mend that, and run the command again.") from error
        except BaseException:
            self.remove(new)
            raise

    def write_json(self, path: str, content: Dict[str, Any]) -> None:
        """Write an object as JSON, as `write` does."""
        with self.write(path) as file:
            file.write((json.dumps(content, ensure_ascii=False, indent=1) + "\n").encode())

    def read_json(self, path: str) -> Optional[Dict[str, Any]]:
        """RETURNS (Optional[Dict[str, Any]]): What `write_json` wrote, None if there is no such file."""
        try:
            return dict(json.loads(self.fs.cat_file(path)))
        except FileNotFoundError:
            return None

    def remove(self, path: str) -> None:
        """Remove a file or a folder, if it is there."""
        with suppress(FileNotFoundError):
            self.fs.rm(path, recursive=True)

    def clean(self) -> None:
        """Remove what is left of units, and of files that were not whole."""
        for name in ("units", "unfinished"):
            self.remove(self.find(WORK, name))
