"""The fields of records as columns of a table."""

import json
from contextlib import suppress
from typing import Any, Dict, List, Sequence

import pyarrow

from .job import Job
from .parsed_rows import ParsedRow
from .units import Unit

SCALARS = {str: pyarrow.string(), bool: pyarrow.bool_(), int: pyarrow.int64(), float: pyarrow.float64()}


def to_table(unit: Unit, rows: Sequence[ParsedRow], job: Job) -> pyarrow.Table:
    """Make a table of rows' fields.

    unit (Unit): The unit that they are in.
    rows (Sequence[ParsedRow]): The rows.
    job (Job): The settings.
    RETURNS (pyarrow.Table): Of Parquet, its columns. Of others, a column for each field. One in which all values are
        strings, integers, floats or booleans is of that type; the values of others are written as JSON.
    """
    if unit.shard.format == "parquet":
        table = unit.rows.table
        kept = [name for name in table.column_names if job.keep is None or name in (job.field, *job.keep)]
        return table.select(kept).take(pyarrow.array([row.number for row in rows], pyarrow.int64()))
    records = [row.fields or {} for row in rows]
    empty = {"line": pyarrow.int64()} if unit.shard.format in ("text", "spacy") else {}
    names = dict.fromkeys(name for record in records for name in record) or {**empty, job.field: None}
    columns = {name: _to_column([record.get(name) for record in records]) for name in names}
    if columns[job.field].type == pyarrow.null():
        columns[job.field] = columns[job.field].cast(pyarrow.string())
    return pyarrow.table(columns)


def to_records(unit: Unit, rows: Sequence[ParsedRow], job: Job) -> List[Dict[str, Any]]:
    """RETURNS (List[Dict[str, Any]]): The fields of rows as they are in JSON."""
    if unit.shard.format == "parquet":
        return to_table(unit, rows, job).to_pylist()
    return [row.fields or {} for row in rows]


def unify(schemas: Sequence[pyarrow.Schema]) -> pyarrow.Schema:
    """Find a schema that tables can be cast to which have the same columns with other types, or not all of them.

    schemas (Sequence[pyarrow.Schema]): The tables' schemas.
    RETURNS (pyarrow.Schema): Each column with the type that it has wherever it has values; with more than one such
        type, as text.
    """
    types: Dict[str, pyarrow.DataType] = {}
    for schema in schemas:
        for field in schema:
            known = types.get(field.name, pyarrow.null())
            if pyarrow.types.is_null(known):
                types[field.name] = field.type
            elif not pyarrow.types.is_null(field.type) and field.type != known:
                types[field.name] = pyarrow.string()
    return pyarrow.schema(list(types.items()), schemas[0].metadata if schemas else None)


def cast(table: pyarrow.Table, schema: pyarrow.Schema) -> pyarrow.Table:
    """RETURNS (pyarrow.Table): The table with all columns of a schema that `unify` found."""
    columns = [
        table[field.name].cast(field.type)
        if field.name in table.column_names
        else pyarrow.nulls(table.num_rows, field.type)
        for field in schema
    ]
    return pyarrow.table(columns, schema=schema)


def _to_column(values: List[Any]) -> pyarrow.Array:
    kinds = {type(value) for value in values if value is not None}
    if not kinds:
        return pyarrow.nulls(len(values))
    if len(kinds) == 1 and kinds <= SCALARS.keys():
        with suppress(OverflowError):
            return pyarrow.array(values, SCALARS[kinds.pop()])
    texts = [
        value if isinstance(value, (str, type(None))) else json.dumps(value, ensure_ascii=False) for value in values
    ]
    return pyarrow.array(texts, pyarrow.string())
