"""Text files as records: a line, a row of CSV, or a sentence of CoNLL-U."""

import csv
import json
from typing import BinaryIO, Dict, Iterator, List, NamedTuple, Union

CHUNK = 1 << 20
MARK = b"\xef\xbb\xbf"
# The longest field of CSV, in characters, so that a quote that is not closed does not fill the memory.
LONGEST_FIELD = 1 << 26
# How much of a bad record the errors show.
SHOWN = 1_000


class Record(NamedTuple):
    """A record.

    line (int): The number of its first line, which counts from 1.
    content (bytes): What is in the file. A row of CSV is an object of JSON.
    """

    line: int
    content: bytes


class BadRecord(NamedTuple):
    """A record that cannot be read, or not be tagged.

    line (int): The number of its first line, which counts from 1; in Parquet and `.spacy`, of its row.
    reason (str): What is wrong with it.
    content (str): Its beginning.
    """

    line: int
    reason: str
    content: str

    @classmethod
    def of(cls, line: int, reason: Union[str, Exception], content: Union[bytes, str, None]) -> "BadRecord":
        """RETURNS (BadRecord): With so much of the content as the errors show, as valid Unicode."""
        shown = content or ""
        if isinstance(shown, str):
            shown = shown[:SHOWN].encode("utf8", "backslashreplace")
        return cls(line, str(reason), shown[:SHOWN].decode("utf8", "backslashreplace"))


def read_lines(stream: BinaryIO) -> Iterator[Record]:
    """Read the lines of a file, which end with a line feed, perhaps after a carriage return.

    stream (BinaryIO): The file.
    YIELDS (Record): The lines, without their ends.
    """
    for number, line in enumerate(_split(stream), 1):
        yield Record(number, line.removesuffix(b"\r"))


def read_sentences(stream: BinaryIO) -> Iterator[Record]:
    """Read the sentences of CoNLL-U, which end with an empty line.

    stream (BinaryIO): The file.
    YIELDS (Record): The sentences' lines.
    """
    block: List[Record] = []
    for record in read_lines(stream):
        if record.content.strip():
            block.append(record)
        elif block:
            yield Record(block[0].line, b"\n".join(line.content for line in block))
            block = []
    if block:
        yield Record(block[0].line, b"\n".join(line.content for line in block))


def read_csv(stream: BinaryIO, delimiter: str) -> Iterator[Union[Record, BadRecord]]:
    """Read the rows of CSV. The first one has the columns' names.

    stream (BinaryIO): The file.
    delimiter (str): What is between the fields.
    YIELDS (Union[Record, BadRecord]): The rows, or what is wrong with one. Raises a ValueError if two columns have the
        same name.
    """
    csv.field_size_limit(LONGEST_FIELD)
    # Bytes that are not UTF-8 become lone surrogates, and the row is found to be bad when it is annotated.
    lines = (line.decode("utf8", "surrogateescape") + "\n" for line in _split(stream))
    rows = csv.reader(lines, delimiter=delimiter, strict=True)
    header: List[str] = []
    while True:
        line = rows.line_num + 1
        try:
            row = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            if not header:
                raise ValueError(f"line {line}: {error}") from error
            yield BadRecord.of(line, f"{error} (the row begins in line {line} and was read to {rows.line_num})", "")
            continue
        if row and not header:
            header = _check_header(row)
        elif row and len(row) != len(header):
            yield BadRecord.of(line, f"{len(header)} fields were expected, not {len(row)}", delimiter.join(row))
        elif row:
            fields: Dict[str, str] = dict(zip(header, row))
            yield Record(line, json.dumps(fields).encode())


def _check_header(names: List[str]) -> List[str]:
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise ValueError(f"two columns are called '{twice[0]}'. Rename one of them in the first line.")
    return names


def _split(stream: BinaryIO) -> Iterator[bytes]:
    """Split a file at line feeds, without the mark that some programs write at the beginning of UTF-8."""
    rest: List[bytes] = []
    chunk = stream.read(max(CHUNK, len(MARK))).removeprefix(MARK)
    while chunk or not rest:
        first, *lines = chunk.split(b"\n")
        rest.append(first)
        for line in lines:
            yield b"".join(rest)
            rest = [line]
        chunk = stream.read(CHUNK)
    if line := b"".join(rest):
        yield line
