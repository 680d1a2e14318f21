"""The tagger as a function of DuckDB."""

from typing import Any

import pyarrow

from ..extras import import_extra
from .annotator import Annotator


def register(connection: Any, model: str = "en", *, name: str = "lstm_tagger", confidence: bool = False) -> None:
    """Register a function that tags texts.

    connection (duckdb.DuckDBPyConnection): The connection that gets it. `SELECT lstm_tagger(text).pos FROM corpus` then
        works; the function's value is a struct of the columns that `token_columns` describes, null for a text that is
        null.
    model (str): Directory or package of a pipeline with an LSTM tagger, or a tagger that ships with this package.
    name (str): The function's name.
    confidence (bool): Whether to add the labels' probabilities.
    """
    duckdb = import_extra("duckdb", "annotate")
    annotate = Annotator(model, confidence=confidence)
    columns = list(annotate.schema(pyarrow.schema([("text", pyarrow.string())])))[1:]

    def tag(texts: pyarrow.ChunkedArray) -> pyarrow.Array:
        annotated = annotate(pyarrow.table({"text": texts})).combine_chunks()
        values = [annotated[column.name].combine_chunks() for column in columns]
        return pyarrow.StructArray.from_arrays(values, fields=columns, mask=texts.is_null().combine_chunks())

    value = duckdb.struct_type({column.name: _duckdb_type(column.type, duckdb) for column in columns})
    connection.create_function(name, tag, ["VARCHAR"], value, type="arrow", null_handling="special")


def _duckdb_type(type: pyarrow.DataType, duckdb: Any) -> Any:
    """DuckDB's type for one of Arrow's."""
    if pyarrow.types.is_list(type):
        return duckdb.list_type(_duckdb_type(type.value_type, duckdb))
    if pyarrow.types.is_struct(type):
        return duckdb.struct_type({field.name: _duckdb_type(field.type, duckdb) for field in type})
    return {"string": "VARCHAR", "int32": "INTEGER", "bool": "BOOLEAN", "float": "FLOAT"}[str(type)]
