"""The formats of the output, and how its files are joined from encoded units."""

from typing import BinaryIO, Callable, Dict, Iterator, List, NamedTuple

import pyarrow
from pyarrow.parquet import ParquetWriter
from spacy.language import Language
from spacy.tokens import DocBin

from .encoders import CoNLLUEncoder, DocBinEncoder, Encoder, JSONEncoder, TableEncoder
from .field_columns import cast, unify
from .job import Job
from .units import Unit

# A row group of Parquet ends with the unit with which it has so many tokens.
ROW_GROUP_TOKENS = 1_000_000
# What MessagePack, in which spaCy stores docs, can hold in one value.
MAX_DOCS_BYTES = (1 << 32) - 1

# Reads the encoded units of a file, from the first on.
ReadUnits = Callable[[], Iterator[pyarrow.Table]]


class Format(NamedTuple):
    """A format of the output.

    suffix (str): How the files' names end.
    encode (Callable): Makes the encoder of a unit.
    join (Callable): Writes a file from its encoded units, and returns how many rows it has.
    """

    suffix: str
    encode: Callable[[Unit, Language, Job], Encoder]
    join: Callable[[ReadUnits, BinaryIO], int]


def join_parquet(read: ReadUnits, file: BinaryIO) -> int:
    """Write Parquet. Where row groups end depends on the units alone, and the file has no times in it.

    read (ReadUnits): Reads the units; it is called twice.
    file (BinaryIO): The file.
    RETURNS (int): How many rows were written.
    """
    schema = unify([table.schema for table in read()])
    n_rows = n_tokens = 0
    group: List[pyarrow.Table] = []
    with ParquetWriter(file, schema, compression="zstd") as writer:
        for table in read():
            group.append(cast(table, schema))
            n_rows += table.num_rows
            n_tokens += len(table["tokens"].combine_chunks().flatten())
            if n_tokens >= ROW_GROUP_TOKENS:
                _write_group(writer, group)
                group, n_tokens = [], 0
        _write_group(writer, group)
    return n_rows


def _write_group(writer: ParquetWriter, group: List[pyarrow.Table]) -> None:
    n_rows = sum(table.num_rows for table in group)
    if n_rows:
        writer.write_table(pyarrow.concat_tables(group), row_group_size=n_rows)


def join_lines(read: ReadUnits, file: BinaryIO) -> int:
    """Write text. The arguments are those of `join_parquet`."""
    n_rows = 0
    for table in read():
        for row in table["encoded"]:
            file.write(row.as_py())
            n_rows += 1
    return n_rows


def join_docs(read: ReadUnits, file: BinaryIO) -> int:
    """Write `.spacy`, which spaCy holds in memory as a whole. The arguments are those of `join_parquet`."""
    docs = DocBin(store_user_data=True)
    for table in read():
        for stored in table["encoded"]:
            docs.merge(DocBin(store_user_data=True).from_bytes(stored.as_py()))
    n_bytes = sum(tokens.nbytes for tokens in docs.tokens)
    if n_bytes > MAX_DOCS_BYTES:
        raise ValueError(
            f".spacy holds {MAX_DOCS_BYTES:,} bytes of tokens in a file, not {n_bytes:,}. Cut the input into smaller "
            "files, or write --format parquet."
        )
    file.write(docs.to_bytes())
    return len(docs)


FORMATS: Dict[str, Format] = {
    "parquet": Format(".parquet", TableEncoder, join_parquet),
    "jsonl": Format(".jsonl", JSONEncoder, join_lines),
    "conllu": Format(".conllu", CoNLLUEncoder, join_lines),
    "spacy": Format(".spacy", DocBinEncoder, join_docs),
}
