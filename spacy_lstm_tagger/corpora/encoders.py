"""Rows in the form of the output, encoded where they are tagged: only there are their docs."""

import json
from typing import Iterable, List, Optional, Protocol, Sequence

import pyarrow
from spacy.language import Language
from spacy.tokens import Doc, DocBin

from ..formats.conllu import render_conllu
from ..formats.filled_conllu import fill_block
from ..formats.sentence import split_sentences
from ..formats.tagged_text import list_misc
from ..tables.token_columns import TokenColumns
from .field_columns import to_records, to_table
from .job import Job
from .parsed_rows import ParsedRow
from .units import Unit

SENTENCE_ID = "# sent_id = "


class Encoder(Protocol):
    """Encodes the rows of a unit, batch by batch, while their docs are there."""

    def add(self, rows: Sequence[ParsedRow], docs: Sequence[Optional[Doc]]) -> None:
        """Encode the rows of a batch with their docs; None is that of a text that is null."""

    def finish(self) -> pyarrow.Table:
        """RETURNS (pyarrow.Table): The rows that were added, encoded."""


class TableEncoder:
    """Encodes rows as the columns of Parquet."""

    def __init__(self, unit: Unit, nlp: Language, job: Job) -> None:
        self.unit, self.nlp, self.job = unit, nlp, job
        self.columns = TokenColumns.of(nlp, confidence=job.confidence)
        self.rows: List[ParsedRow] = []
        self.batches: List[pyarrow.RecordBatch] = []

    def add(self, rows: Sequence[ParsedRow], docs: Sequence[Optional[Doc]]) -> None:
        self.rows.extend(rows)
        self.batches.append(self.columns.fill(docs, self.nlp.vocab))

    def finish(self) -> pyarrow.Table:
        tokens = pyarrow.Table.from_batches(self.batches, self.columns.schema)
        fields = to_table(self.unit, self.rows, self.job)
        check_names(fields.column_names, self.columns)
        schema = pyarrow.schema([*fields.schema, *tokens.schema], fields.schema.metadata)
        return pyarrow.table([*fields.columns, *tokens.columns], schema=schema)


class LineEncoder:
    """Encodes rows as text, each by itself."""

    def __init__(self, unit: Unit, nlp: Language, job: Job) -> None:
        self.unit, self.nlp, self.job = unit, nlp, job
        self.lines: List[str] = []

    def finish(self) -> pyarrow.Table:
        return pyarrow.table({"encoded": pyarrow.array(map(str.encode, self.lines), pyarrow.large_binary())})


class JSONEncoder(LineEncoder):
    """Encodes rows as JSON lines with the columns of Parquet."""

    def add(self, rows: Sequence[ParsedRow], docs: Sequence[Optional[Doc]]) -> None:
        columns = TokenColumns.of(self.nlp, confidence=self.job.confidence)
        annotated = columns.fill(docs, self.nlp.vocab).to_pylist()
        for fields, tokens in zip(to_records(self.unit, rows, self.job), annotated):
            check_names(fields, columns)
            self.lines.append(json.dumps({**fields, **tokens}, ensure_ascii=False, default=str) + "\n")


class CoNLLUEncoder(LineEncoder):
    """Encodes rows as CoNLL-U: documents with their ID or line, or sentences as they were with their labels filled in.
    A row without words is empty."""

    def add(self, rows: Sequence[ParsedRow], docs: Sequence[Optional[Doc]]) -> None:
        misc = list_misc if self.job.confidence else lambda token: ()
        for row, fields, doc in zip(rows, to_records(self.unit, rows, self.job), docs):
            if row.block is not None and doc is not None:
                self.lines.append(fill_block(row.block._replace(doc=doc), misc))
            elif doc is None:
                self.lines.append("")
            else:
                split = split_sentences(doc)
                name = " ".join(str(fields.get("id", row.line)).split())
                sentences = [
                    f"{SENTENCE_ID}{name}-{text.removeprefix(SENTENCE_ID)}" for text in render_conllu([split], misc)
                ]
                self.lines.append("".join([f"# newdoc id = {name}\n" if sentences else "", *sentences]))


class DocBinEncoder:
    """Encodes rows as spaCy's docs, with their fields in `doc.user_data["fields"]`. A null is an empty doc."""

    def __init__(self, unit: Unit, nlp: Language, job: Job) -> None:
        self.unit, self.nlp, self.job = unit, nlp, job
        self.stored = DocBin(store_user_data=True)

    def add(self, rows: Sequence[ParsedRow], docs: Sequence[Optional[Doc]]) -> None:
        for fields, doc in zip(to_records(self.unit, rows, self.job), docs):
            stored = Doc(self.nlp.vocab) if doc is None else doc
            own = {name: value for name, value in fields.items() if name not in (self.job.field, "text")}
            if own and self.unit.shard.format != "spacy":
                stored.user_data["fields"] = json.loads(json.dumps(own, default=str))
            self.stored.add(stored)

    def finish(self) -> pyarrow.Table:
        return pyarrow.table({"encoded": pyarrow.array([self.stored.to_bytes()], pyarrow.large_binary())})


def check_names(names: Iterable[str], columns: TokenColumns) -> None:
    """Raise a ValueError if a field has the name of a column of tokens or labels."""
    taken = set(columns.schema.names)
    for name in names:
        if name in taken:
            raise ValueError(
                f"The input has a field '{name}', which is what the output calls tokens or labels. Rename it, or name "
                "the fields that you want to keep with --keep."
            )
