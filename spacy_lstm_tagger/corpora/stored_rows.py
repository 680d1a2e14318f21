"""Files that store rows rather than lines: Parquet and spaCy's `.spacy`."""

from typing import BinaryIO, Iterator, List, NamedTuple, Tuple

import numpy
import pyarrow
import pyarrow.compute
from pyarrow.parquet import ParquetFile
from spacy.tokens import DocBin

# How many rows of Parquet are read at once, and belong to the same unit.
ROWS_AT_ONCE = 64


class Rows(NamedTuple):
    """Rows of a file that are annotated together.

    table (pyarrow.Table): Of Parquet, its columns. Of `.spacy`, one value `docs`, a DocBin. Of others, a column
        `record`.
    lines (List[int]): The number of each row's first line, or in Parquet and `.spacy` of the row. They count from 1.
    """

    table: pyarrow.Table
    lines: List[int]


def read_parquet(file: BinaryIO, field: str, unit_bytes: int, unit_rows: int) -> Iterator[Tuple[Rows, float]]:
    """Read the rows of Parquet.

    file (BinaryIO): The file.
    field (str): The column of the texts.
    unit_bytes (int): How many bytes of text are read together, at least.
    unit_rows (int): How many rows are read together, at most.
    YIELDS (Tuple[Rows, float]): Rows, and which share of the file has been read. Raises a ValueError if there is no
        such column.
    """
    parquet = ParquetFile(file)
    names = parquet.schema_arrow.names
    if field not in names:
        raise ValueError(f"it has no column '{field}' of texts, only: {', '.join(names)}. Name one with --field.")
    batches: List[pyarrow.RecordBatch] = []
    n_bytes, n_rows, first = 0, 0, 1
    for batch in parquet.iter_batches(ROWS_AT_ONCE):
        batches.append(batch)
        n_rows += batch.num_rows
        n_bytes += _count_bytes(batch.column(field), field)
        if n_bytes >= unit_bytes or n_rows + ROWS_AT_ONCE > unit_rows:
            lines = list(range(first, first + n_rows))
            yield Rows(pyarrow.Table.from_batches(batches), lines), lines[-1] / parquet.metadata.num_rows
            batches, n_bytes, n_rows, first = [], 0, 0, first + n_rows
    if batches or first == 1:
        yield Rows(pyarrow.Table.from_batches(batches, parquet.schema_arrow), list(range(first, first + n_rows))), 1.0


def read_spacy(file: BinaryIO, unit_bytes: int, unit_rows: int) -> Iterator[Tuple[Rows, float]]:
    """Read the docs of `.spacy`, which spaCy needs in memory as a whole.

    file (BinaryIO): The file.
    unit_bytes (int): About how many bytes of text are read together.
    unit_rows (int): How many docs are read together, at most.
    YIELDS (Tuple[Rows, float]): Docs, and which share of the file has been read.
    """
    stored = DocBin().from_bytes(file.read())
    # English words with their spaces have six bytes.
    ends = numpy.cumsum([0, *(6 * len(tokens) for tokens in stored.tokens)])
    start = 0
    while start < len(stored) or start == 0:
        stop = max(start + 1, int(numpy.searchsorted(ends, ends[start] + unit_bytes)))
        stop = min(stop, start + unit_rows, len(stored))
        docs = pyarrow.array([_take(stored, start, stop).to_bytes()], pyarrow.binary())
        yield Rows(pyarrow.table({"docs": docs}), list(range(start + 1, stop + 1))), stop / max(len(stored), 1)
        if stop == len(stored):
            return
        start = stop


def _count_bytes(texts: pyarrow.Array, field: str) -> int:
    try:
        return pyarrow.compute.sum(pyarrow.compute.binary_length(texts.cast(pyarrow.large_binary()))).as_py() or 0
    except (pyarrow.ArrowInvalid, pyarrow.ArrowNotImplementedError) as error:
        raise ValueError(
            f"texts were expected in the column '{field}', not {texts.type}. Name one with --field."
        ) from error


def _take(stored: DocBin, start: int, stop: int) -> DocBin:
    part = DocBin(store_user_data=True)
    part.attrs = stored.attrs
    part.strings = stored.strings
    for name in ("tokens", "spaces", "cats", "span_groups", "flags", "user_data"):
        setattr(part, name, getattr(stored, name)[start:stop])
    return part
