"""A function from a table with texts to the same table with their tokens and labels."""

from contextlib import AbstractContextManager
from functools import partial
from typing import Any, Iterable, Iterator, List, Optional

import pyarrow
from spacy.language import Language
from spacy.tokens import Doc

from .shared_pipelines import SharedPipeline, share_pipeline
from .tagged_rows import TaggedRow, tag_rows
from .token_columns import TokenColumns

# Types of columns of texts; the last is that of a column in which all are null.
TEXTS = (
    pyarrow.types.is_string,
    pyarrow.types.is_large_string,
    pyarrow.types.is_string_view,
    pyarrow.types.is_null,
)


class Annotator:
    """Adds to a table of texts the columns that `token_columns` describes.

    It is pickled as its settings, and the pipeline is loaded where it is first called, once in each process.

        >>> import pyarrow
        >>> from spacy_lstm_tagger import Annotator
        >>> annotate = Annotator("en")
        >>> table = annotate(pyarrow.table({"id": [7], "text": ["She reads."]}))
        >>> table.column_names
        ['id', 'text', 'tokens', 'tag', 'pos', 'morph', 'lemma', 'sent_start']
        >>> table["pos"].to_pylist()
        [['PRON', 'VERB', 'PUNCT']]
    """

    def __init__(
        self,
        model: str = "en",
        *,
        text: str = "text",
        confidence: bool = False,
        batch_size: Optional[int] = None,
        gpu_id: int = -1,
        n_threads: Optional[int] = None,
    ) -> None:
        """Set what is to be done.

        model (str): Directory or package of a pipeline with an LSTM tagger, or a tagger that ships with this package.
        text (str): The column of the texts.
        confidence (bool): Whether to add the labels' probabilities.
        batch_size (Optional[int]): How many texts are tagged at once. None: the pipeline's own number.
        gpu_id (int): Which GPU computes the network; -1 is the CPU.
        n_threads (Optional[int]): With how many threads the process computes from the first call on, 1 where as many
            processes as cores run. None: as before.
        """
        self.model = str(model)
        self.text = text
        self.confidence = confidence
        self.batch_size = batch_size
        self.gpu_id = gpu_id
        self.n_threads = n_threads

    def __call__(self, table: Any) -> pyarrow.Table:
        """Annotate a table.

        table (Any): A `pyarrow.Table`, or anything that Arrow takes for one, such as a data frame of pandas or Polars.
        RETURNS (pyarrow.Table): Its columns, and those of tokens and labels. Raises a ValueError if it has no column of
            texts, or has one of the others already, or if a row cannot be tagged.
        """
        table = table if isinstance(table, pyarrow.Table) else pyarrow.table(table)
        schema = self.schema(table.schema)
        with self.use_pipeline() as nlp:
            columns = TokenColumns.of(nlp, confidence=self.confidence)
            makers = [None if text is None else partial(nlp.make_doc, text) for text in table[self.text].to_pylist()]
            batches: List[pyarrow.RecordBatch] = []
            for docs in tag_rows(nlp, makers, self.batch_size):
                first = sum(batch.num_rows for batch in batches)
                batches.append(columns.fill([_require(doc, row) for row, doc in enumerate(docs, first)], nlp.vocab))
        added = pyarrow.Table.from_batches(batches, columns.schema)
        return pyarrow.table([*table.columns, *added.columns], schema=schema)

    def stream(self, batches: Any) -> pyarrow.RecordBatchReader:
        """Annotate a table that does not fit into memory, as it is read.

        batches (Any): A `pyarrow.RecordBatchReader`, or anything that Arrow can read as one, such as a relation of
            DuckDB.
        RETURNS (pyarrow.RecordBatchReader): The batches with more columns.
        """
        if not isinstance(batches, pyarrow.RecordBatchReader):
            batches = pyarrow.RecordBatchReader.from_stream(batches)
        return pyarrow.RecordBatchReader.from_batches(self.schema(batches.schema), self.batches(batches))

    def batches(self, batches: Iterable[pyarrow.RecordBatch]) -> Iterator[pyarrow.RecordBatch]:
        """Annotate batches of rows, as Spark's `mapInArrow` has them.

        batches (Iterable[pyarrow.RecordBatch]): The batches.
        YIELDS (pyarrow.RecordBatch): The batches with more columns.
        """
        for batch in batches:
            yield from self(pyarrow.Table.from_batches([batch])).combine_chunks().to_batches()

    def pandas(self, frame: Any) -> Any:
        """Annotate a data frame of pandas.

        frame (pandas.DataFrame): The data frame.
        RETURNS (pandas.DataFrame): The same with more columns, in which an entry is an array.
        """
        annotated = self(pyarrow.Table.from_pandas(frame, preserve_index=False)).to_pandas()
        return annotated.set_axis(frame.index, axis="index")

    def schema(self, schema: pyarrow.Schema) -> pyarrow.Schema:
        """Find what the annotated table will be like.

        schema (pyarrow.Schema): Names and types of a table's columns.
        RETURNS (pyarrow.Schema): Those of the annotated table. Raises a ValueError as a call does.
        """
        if self.text not in schema.names:
            raise ValueError(
                f"The table has no column '{self.text}' of texts, only: {', '.join(schema.names)}. "
                "Set `text` to one of them."
            )
        type = schema.field(self.text).type
        if pyarrow.types.is_dictionary(type):
            type = type.value_type
        if not any(is_text(type) for is_text in TEXTS):
            raise ValueError(f"Texts were expected in the column '{self.text}', not values of the type {type}.")
        added = TokenColumns.of(self._pipeline.nlp, confidence=self.confidence).schema
        taken = [name for name in added.names if name in schema.names]
        if taken:
            raise ValueError(f"The table already has a column '{taken[0]}'. Rename it, or leave it out.")
        return pyarrow.schema([*schema, *added], schema.metadata)

    def use_pipeline(self) -> AbstractContextManager[Language]:
        """Take the pipeline, while no other thread of the process has it.

        RETURNS (ContextManager[Language]): The pipeline. Its docs are gone at the end of the context.
        """
        return self._pipeline.use()

    @property
    def _pipeline(self) -> SharedPipeline:
        return share_pipeline(self.model, confidence=self.confidence, gpu_id=self.gpu_id, n_threads=self.n_threads)


def _require(doc: TaggedRow, row: int) -> Optional[Doc]:
    if isinstance(doc, Exception):
        raise ValueError(f"Row {row} of the table, which counts from 0, cannot be tagged: {doc}") from doc
    return doc
