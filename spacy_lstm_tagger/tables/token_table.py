"""A list of texts as a data frame with a row for each token."""

from typing import Any, Iterable

import numpy
import pyarrow

from ..extras import import_extra
from .annotator import Annotator


def lstm_tagger_table(texts: Iterable[str], model: str = "en", *, confidence: bool = False) -> Any:
    """Tag texts.

    texts (Iterable[str]): The texts.
    model (str): Directory or package of a pipeline with an LSTM tagger, or a tagger that ships with this package.
    confidence (bool): Whether to add the labels' probabilities.
    RETURNS (pandas.DataFrame): A row for each token, whitespace included: `doc`, the text's number, which counts from 0
        as in the list; `sentence`, the sentence's number in the text, if sentences are found; the token's `text`,
        `start`, `end` and `whitespace`; and its labels, as in `token_columns`.

        >>> from spacy_lstm_tagger import lstm_tagger_table
        >>> table = lstm_tagger_table(["She reads.", "Run!"])
        >>> print(table[["doc", "sentence", "text", "pos", "tag", "lemma"]].to_string())
           doc  sentence   text    pos  tag lemma
        0    0         0    She   PRON  PRP   she
        1    0         0  reads   VERB  VBZ  read
        2    0         0      .  PUNCT    .     .
        3    1         0    Run   VERB   VB   run
        4    1         0      !  PUNCT    .     !
    """
    import_extra("pandas", "annotate")
    if isinstance(texts, str):
        raise TypeError("A list of texts was expected, as in lstm_tagger_table([text]), not one text.")
    annotated = Annotator(model, confidence=confidence)(pyarrow.table({"text": pyarrow.array(texts, pyarrow.string())}))
    tokens = annotated["tokens"].combine_chunks()
    lengths = tokens.value_lengths().fill_null(0).to_numpy()
    doc = numpy.repeat(numpy.arange(len(lengths)), lengths)
    columns = {"doc": pyarrow.array(doc)}
    if "sent_start" in annotated.column_names:
        columns["sentence"] = pyarrow.array(_number_sentences(annotated["sent_start"].combine_chunks(), lengths))
    columns.update(zip(tokens.flatten().type.names, tokens.flatten().flatten()))
    columns.update({name: annotated[name].combine_chunks().flatten() for name in annotated.column_names[2:]})
    return pyarrow.table(columns).to_pandas()


def _number_sentences(starts: pyarrow.ListArray, lengths: numpy.ndarray) -> numpy.ndarray:
    """The number of each token's sentence in its text."""
    numbers = numpy.cumsum(starts.flatten().to_numpy(zero_copy_only=False))
    first = numpy.cumsum(lengths) - lengths
    of_first = numpy.concatenate([numbers, [0]])[first]
    return numbers - numpy.repeat(of_first, lengths)
