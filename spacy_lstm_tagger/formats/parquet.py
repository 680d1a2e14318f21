"""Annotated sentences in Apache Parquet, with soft labels: https://parquet.apache.org

A row is a sentence. Its columns, of which all but `words` may be missing or null:

- `words`: a list of strings
- `spaces`: a list of booleans, whether a space follows each word
- `tag`, `pos`, `morph`: a list of strings, null for a word without a label; "_" is that of a word without features
- `weight`: a number, how much the sentence counts in training
- `tag_soft`, `pos_soft`, `morph_soft`: a list with a list for each word of its likeliest labels, which are structs of
  `label` and `probability`
"""

from pathlib import Path
from typing import Any, Iterator, Optional

import numpy
from spacy.tokens import Doc
from spacy.vocab import Vocab

from ..annotation_layers import TAG_LAYERS
from ..sentence_weights import set_weight
from ..soft_labels import NO_LABEL, SoftLabels, keep_soft_labels, normalize
from .sentence import Sentence, to_doc

ROWS_AT_ONCE = 5_000
SOFT = {layer: f"{layer}_soft" for layer in TAG_LAYERS}


def read_parquet(file: Path, vocab: Vocab) -> Iterator[Doc]:
    """Read annotated sentences, some thousands at a time.

    file (Path): The file.
    vocab (Vocab): The docs' vocab.
    YIELDS (Doc): The sentences. Raises a ValueError that names file and row if a column is not as it should be, and an
        ImportError if pyarrow is not installed.
    """
    try:
        from pyarrow import ArrowException  # noqa: PLC0415 -- an extra
        from pyarrow.parquet import ParquetFile  # noqa: PLC0415
    except ImportError as error:
        raise ImportError(f"{file} is read with pyarrow: pip install 'spacy-lstm-tagger[parquet]'.") from error
    number = 0
    try:
        for batch in ParquetFile(file).iter_batches(ROWS_AT_ONCE):
            for doc in _read_rows(batch, vocab):
                number += 1
                yield doc
    except (ArrowException, ValueError, TypeError, OSError) as error:
        raise ValueError(f"{file}, row {number + 1}: {error}") from error


def _read_rows(batch: Any, vocab: Vocab) -> Iterator[Doc]:
    """Make docs of a `pyarrow.RecordBatch`."""
    import pyarrow  # noqa: PLC0415 -- an extra

    label = pyarrow.struct([("label", pyarrow.string()), ("probability", pyarrow.float32())])
    types = {
        "words": pyarrow.list_(pyarrow.string()),
        "spaces": pyarrow.list_(pyarrow.bool_()),
        "weight": pyarrow.float64(),
        **dict.fromkeys(TAG_LAYERS, pyarrow.list_(pyarrow.string())),
        **dict.fromkeys(SOFT.values(), pyarrow.list_(pyarrow.list_(label))),
    }
    if "words" not in batch.schema.names:
        raise ValueError(f"a column 'words' was expected beside {', '.join(batch.schema.names)}")
    columns = {name: batch.column(name).cast(types[name]) for name in types if name in batch.schema.names}
    soft = {
        layer: _read_soft_labels(columns.pop(name), layer, vocab) for layer, name in SOFT.items() if name in columns
    }
    rows = [column.to_pylist() for column in columns.values()]
    for row, *soft_labels in zip(zip(*rows), *soft.values()):
        values = dict(zip(columns, row))
        words = values["words"]
        if not words or not all(words):
            raise ValueError(f"a sentence needs words, and none of them may be empty: {words!r:.80}")
        weight = values.pop("weight", None)
        for name, of_words in values.items():
            if of_words is not None and len(of_words) != len(words):
                raise ValueError(f"{len(words)} words, but {len(of_words)} {name!r}")
        tags, pos, morphs = (values.get(layer) and [name or "" for name in values[layer]] for layer in TAG_LAYERS)
        doc = to_doc(Sentence(words, values.get("spaces"), tags, pos, morphs), vocab)
        if weight is not None:
            set_weight(doc, weight)
        keep_soft_labels(doc, {layer: labels for layer, labels in zip(soft, soft_labels) if labels is not None})
        yield doc


def _read_soft_labels(column: Any, layer: str, vocab: Vocab) -> Iterator[Optional[SoftLabels]]:
    """The soft labels of each row, None for one that is null, from a `pyarrow.ListArray`. They share their names."""
    tokens = column.flatten()
    labels = tokens.flatten()
    encoded = labels.field("label").dictionary_encode()
    names = [normalize(vocab, layer, name) for name in encoded.dictionary.to_pylist()]
    lengths = _lengths(tokens)
    token = numpy.repeat(numpy.arange(len(tokens)), lengths)
    rank = numpy.arange(len(labels)) - numpy.repeat(numpy.cumsum(lengths) - lengths, lengths)
    indices = numpy.full((len(tokens), lengths.max(initial=0)), NO_LABEL, dtype="int32")
    probabilities = numpy.zeros(indices.shape, dtype="float32")
    indices[token, rank] = encoded.indices.fill_null(NO_LABEL).to_numpy()
    probabilities[token, rank] = labels.field("probability").to_numpy(zero_copy_only=False)
    end = 0
    for length, is_null in zip(_lengths(column).tolist(), column.is_null().to_pylist()):
        row = slice(end, end + length)
        end = row.stop
        yield None if is_null else SoftLabels(names, indices[row], probabilities[row])


def _lengths(lists: Any) -> numpy.ndarray:
    return lists.value_lengths().fill_null(0).to_numpy()
