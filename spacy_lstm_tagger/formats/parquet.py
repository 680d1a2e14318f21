"""Annotated sentences in Apache Parquet, with soft labels: https://parquet.apache.org

A row is a sentence. Its columns, of which all but `words` may be missing or null:

- `words`: a list of strings
- `spaces`: a list of booleans, whether a space follows each word
- `tag`, `pos`, `morph`: a list of strings, null for a word without a label; "_" is that of a word without features
- `tag_soft`, `pos_soft`, `morph_soft`: a list with a list for each word of its likeliest labels, which are structs of
  `label` and `probability`
"""

from itertools import repeat
from pathlib import Path
from typing import Any, Iterable, Iterator, Optional

import numpy
from spacy.tokens import Doc
from spacy.vocab import Vocab

from ..annotation_layers import LAYERS
from ..soft_labels import NO_LABEL, SoftLabels, keep_soft_labels, normalize
from .sentence import Sentence, to_doc

ROWS_AT_ONCE = 5_000
SPACES = "spaces"
SOFT = {layer: f"{layer}_soft" for layer in LAYERS}


def read_parquet(file: Path, vocab: Vocab) -> Iterator[Doc]:
    """Read annotated sentences, some thousands at a time.

    file (Path): The file.
    vocab (Vocab): The docs' vocab.
    YIELDS (Doc): The sentences. Raises a ValueError that names file and row if a column is not as it should be, and an
        ImportError if pyarrow is not installed.
    """
    try:
        from pyarrow.parquet import ParquetFile  # noqa: PLC0415 -- an extra
    except ImportError as error:
        raise ImportError(f"{file} is read with pyarrow: pip install 'spacy-lstm-tagger[parquet]'.") from error
    number = 0
    try:
        for batch in ParquetFile(file).iter_batches(ROWS_AT_ONCE):
            for doc in _read_rows(batch, vocab):
                number += 1
                yield doc
    except (ValueError, TypeError, OSError) as error:  # what pyarrow makes of damaged data, too
        raise ValueError(f"{file}, row {number + 1}: {error}") from error


def _read_rows(batch: Any, vocab: Vocab) -> Iterator[Doc]:
    """Make docs of a `pyarrow.RecordBatch`."""
    names = batch.schema.names
    if "words" not in names:
        raise ValueError(f"a column 'words' was expected beside {', '.join(names)}")
    rows = {name: batch.column(name).to_pylist() for name in ("words", SPACES, *LAYERS) if name in names}
    soft = {layer: _read_soft_labels(batch.column(name), layer, vocab) for layer, name in SOFT.items() if name in names}
    for row in zip(*rows.values(), *soft.values()):
        columns = dict(zip([*rows, *(SOFT[layer] for layer in soft)], row))
        words = columns["words"]
        if not words or not all(words):
            raise ValueError(f"a sentence needs words, and none of them may be empty: {words!r:.80}")
        for name in rows:
            if columns[name] is not None and len(columns[name]) != len(words):
                raise ValueError(f"{len(words)} words, but {len(columns[name])} {name!r}")
        tags, pos, morphs = (columns.get(name) and [label or "" for label in columns[name]] for name in LAYERS)
        doc = to_doc(Sentence(words, columns.get(SPACES), tags, pos, morphs), vocab)
        keep_soft_labels(doc, {layer: columns[SOFT[layer]] for layer in soft if columns[SOFT[layer]] is not None})
        yield doc


def _read_soft_labels(column: Any, layer: str, vocab: Vocab) -> Iterable[Optional[SoftLabels]]:
    """The soft labels of each row, None for one that is null, from a `pyarrow.ListArray`. They share their names."""
    tokens = column.flatten()
    labels = tokens.flatten()
    if not len(labels):
        return repeat(None, len(column))
    encoded = labels.field("label").dictionary_encode()
    names = [normalize(vocab, layer, name) for name in encoded.dictionary.to_pylist()]
    lengths = tokens.value_lengths().fill_null(0).to_numpy(zero_copy_only=False)
    token = numpy.repeat(numpy.arange(len(tokens)), lengths)
    rank = numpy.arange(len(labels)) - numpy.repeat(numpy.cumsum(lengths) - lengths, lengths)
    indices = numpy.full((len(tokens), lengths.max()), NO_LABEL, dtype="int32")
    probabilities = numpy.zeros(indices.shape, dtype="float32")
    indices[token, rank] = encoded.indices.to_numpy(zero_copy_only=False)
    probabilities[token, rank] = labels.field("probability").to_numpy(zero_copy_only=False)
    ends = numpy.cumsum(column.value_lengths().fill_null(0).to_numpy(zero_copy_only=False))
    parts = [slice(start, end) for start, end in zip([0, *ends[:-1].tolist()], ends.tolist())]
    is_null = column.is_null().to_pylist()
    return [None if null else SoftLabels(names, indices[i], probabilities[i]) for null, i in zip(is_null, parts)]
