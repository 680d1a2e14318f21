"""Files cut into units of work, each a part of one file that one process annotates at once.

Where a file is cut depends on the file alone, and not on the engine or the number of processes, so that every run
writes the same. A file is read from its beginning to its end, since most cannot be cut otherwise: compressed files, CSV
with line breaks in quotes, CoNLL-U. That is much faster than tagging.
"""

from typing import BinaryIO, Callable, Dict, Iterable, Iterator, List, NamedTuple, Tuple, Union

import pyarrow
from fsspec.core import url_to_fs

from .records import BadRecord, Record, read_csv, read_lines, read_sentences
from .shards import Shard, stat
from .stored_rows import Rows, read_parquet, read_spacy

# A unit has as many rows as have so many bytes of text, but no more than so many rows: some seconds of tagging.
UNIT_BYTES = 1 << 20
UNIT_ROWS = 10_000


class Unit(NamedTuple):
    """A part of a file.

    shard (Shard): The file.
    number (int): Its number in the file.
    rows (Rows): What is to be annotated.
    errors (List[BadRecord]): What could not be read.
    n_bytes (int): How many bytes of the file were read for it.
    """

    shard: Shard
    number: int
    rows: Rows
    errors: List[BadRecord]
    n_bytes: int

    @property
    def n_rows(self) -> int:
        """RETURNS (int): How many rows there were to read."""
        return len(self.rows.lines) + len(self.errors)

    @property
    def place(self) -> str:
        """RETURNS (str): File and lines, for errors."""
        lines = [*self.rows.lines, *(error.line for error in self.errors)]
        return f"{self.shard.address}, lines {min(lines)} to {max(lines)}" if lines else self.shard.address


def read_units(shard: Shard, field: str) -> Iterator[Unit]:
    """Cut a file into units. An empty file has one, without rows.

    shard (Shard): The file.
    field (str): The field or column of the texts.
    YIELDS (Unit): The units. Raises a ValueError that names the file if it cannot be read any further.
    """
    number = 0
    try:
        fs, path = url_to_fs(shard.address)
        if stat(fs.info(path)) != (shard.size, shard.version):
            raise ValueError("it has changed since the run began. Run the command again.")
        with fs.open(path, "rb") as file:
            before = 0
            for rows, errors, position in _read(shard, file, field):
                yield Unit(shard, number, rows, errors, position - before)
                number, before = number + 1, position
    except (OSError, ValueError, EOFError, pyarrow.ArrowException) as error:
        raise ValueError(f"{shard.address} cannot be read to its end: {error}") from error


Part = Tuple[Rows, List[BadRecord], int]
LINE_FORMATS: Dict[str, Callable[[BinaryIO], Iterator[Union[Record, BadRecord]]]] = {
    "text": read_lines,
    "jsonl": lambda stream: (record for record in read_lines(stream) if record.content.strip()),
    "csv": lambda stream: read_csv(stream, ","),
    "tsv": lambda stream: read_csv(stream, "\t"),
    "conllu": read_sentences,
}


def _read(shard: Shard, file: BinaryIO, field: str) -> Iterator[Part]:
    if shard.format == "parquet":
        for rows, share in read_parquet(file, field, UNIT_BYTES, UNIT_ROWS):
            yield rows, [], int(share * shard.size)
    elif shard.format == "spacy":
        for rows, share in read_spacy(file, UNIT_BYTES, UNIT_ROWS):
            yield rows, [], int(share * shard.size)
    else:
        stream = pyarrow.input_stream(file, compression=shard.compression)
        yield from _cut(LINE_FORMATS[shard.format](stream), file)


def _cut(records: Iterable[Union[Record, BadRecord]], file: BinaryIO) -> Iterator[Part]:
    good: List[Record] = []
    errors: List[BadRecord] = []
    n_bytes, is_first = 0, True
    for record in records:
        if isinstance(record, BadRecord):
            errors.append(record)
        else:
            good.append(record)
            n_bytes += len(record.content)
        if n_bytes >= UNIT_BYTES or len(good) + len(errors) >= UNIT_ROWS:
            yield _to_rows(good), errors, file.tell()
            good, errors, n_bytes, is_first = [], [], 0, False
    if good or errors or is_first:
        yield _to_rows(good), errors, file.tell()


def _to_rows(records: List[Record]) -> Rows:
    contents = pyarrow.array([record.content for record in records], pyarrow.binary())
    return Rows(pyarrow.table({"record": contents}), [record.line for record in records])
