"""The rows of a unit: what makes their docs, and the fields that go with them."""

import json
from functools import partial
from pathlib import Path
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Tuple

from spacy.language import Language
from spacy.tokens import Doc, DocBin

from ..formats.filled_conllu import Block, read_block
from ..formats.sentence import name_json_type
from ..tables.tagged_rows import MakeDoc
from .job import Job
from .records import BadRecord
from .units import Unit


class ParsedRow(NamedTuple):
    """A row that is to be tagged.

    number (int): Its number in the unit.
    line (int): As in `BadRecord`.
    make (MakeDoc): Makes its doc; None if its text is null.
    content (Any): What is shown if it cannot be tagged.
    fields (Optional[Dict[str, Any]]): What the output has besides tokens and labels, in the order of the columns. None:
        the columns of Parquet.
    block (Optional[Block]): The sentence of CoNLL-U that it is.
    """

    number: int
    line: int
    make: MakeDoc
    content: Any
    fields: Optional[Dict[str, Any]] = None
    block: Optional[Block] = None


def parse_rows(unit: Unit, nlp: Language, job: Job) -> Tuple[List[ParsedRow], List[BadRecord]]:
    """Parse the rows of a unit.

    unit (Unit): The unit.
    nlp (Language): The pipeline.
    job (Job): The settings.
    RETURNS (Tuple[List[ParsedRow], List[BadRecord]]): The rows, and those that cannot be parsed.
    """
    rows: List[ParsedRow] = []
    errors: List[BadRecord] = []
    parse = {
        "text": _parse_text,
        "jsonl": _parse_json,
        "csv": _parse_json,
        "tsv": _parse_json,
        "conllu": _parse_sentence,
        "parquet": _parse_value,
        "spacy": _parse_doc,
    }[unit.shard.format]
    for number, (line, content) in enumerate(zip(unit.rows.lines, _contents(unit, nlp, job.field))):
        try:
            rows.append(parse(ParsedRow(number, line, None, content), nlp, job))
        except Exception as error:  # of whatever a record may be
            errors.append(BadRecord.of(line, error, content if isinstance(content, (bytes, str)) else None))
    return rows, errors


def _contents(unit: Unit, nlp: Language, field: str) -> Iterator[Any]:
    """What each row is parsed from."""
    table = unit.rows.table
    if unit.shard.format == "spacy":
        for content in table["docs"].to_pylist():
            yield from DocBin().from_bytes(content).get_docs(nlp.vocab)
    elif unit.shard.format == "parquet":
        yield from table[field]
    else:
        yield from table["record"].to_pylist()


def _parse_text(row: ParsedRow, nlp: Language, job: Job) -> ParsedRow:
    text = row.content.decode("utf8")
    return row._replace(make=_make(nlp, text, job), fields={"line": row.line, "text": text})


def _parse_json(row: ParsedRow, nlp: Language, job: Job) -> ParsedRow:
    """Parse a line of JSON. CSV is read as such."""
    fields = json.loads(row.content)
    if not isinstance(fields, dict):
        found = name_json_type(fields)
        raise ValueError(f'an object such as {{"{job.field}": "She reads."}} was expected, not {found}')
    if job.field not in fields:
        raise ValueError(f"it has no field '{job.field}', only: {', '.join(fields)}. Name one with --field.")
    text = fields[job.field]
    if not isinstance(text, (str, type(None))):
        raise ValueError(f"a text was expected in the field '{job.field}', not {name_json_type(text)}")
    if b"\\u" in row.content:
        _check_unicode(fields)
    kept = {name: value for name, value in fields.items() if job.keep is None or name in (job.field, *job.keep)}
    return row._replace(make=_make(nlp, text, job), fields=kept)


def _parse_value(row: ParsedRow, nlp: Language, job: Job) -> ParsedRow:
    """Parse a text of Parquet, whose other columns stay in the unit's table."""
    text = row.content.as_py()
    return row._replace(make=_make(nlp, text, job), content=text)


def _parse_sentence(row: ParsedRow, nlp: Language, job: Job) -> ParsedRow:
    lines = row.content.decode("utf8").split("\n")
    block = read_block(list(enumerate(lines, row.line)), Path("sentence"), nlp.vocab)
    ids = [line.partition("=")[2].strip() for line in lines if line.startswith("# sent_id")]
    fields = {"sent_id": ids[0] if ids else None, "text": block.doc.text}
    return row._replace(make=block.doc.copy, fields=fields, block=block)


def _parse_doc(row: ParsedRow, nlp: Language, job: Job) -> ParsedRow:
    doc: Doc = row.content
    return row._replace(make=doc.copy, content=doc.text, fields={"line": row.line, "text": doc.text})


def _make(nlp: Language, text: Optional[str], job: Job) -> MakeDoc:
    if text is not None and len(text) > job.max_length:
        raise ValueError(f"the text has {len(text):,} characters, more than --max-length {job.max_length:,}")
    return None if text is None else partial(nlp.make_doc, text)


def _check_unicode(fields: Dict[str, Any]) -> None:
    """Find what JSON can escape, and nothing can store."""
    for name, value in fields.items():
        try:
            json.dumps([name, value], ensure_ascii=False).encode()
        except UnicodeEncodeError as error:
            raise ValueError(f"the field {name!r:.60} is not valid Unicode or UTF-8: {error.reason}") from error
