"""Tagging the rows of a table, of which some may have no text and some may not be taggable."""

from typing import Callable, Iterable, Iterator, List, Optional, Union

from spacy.language import Language
from spacy.tokens import Doc

# How long the texts of a batch are together, in characters, at most: many long ones would fill the memory.
MAX_CHARACTERS = 1_000_000

# Makes a row's doc, without labels. None: the row has no text.
MakeDoc = Optional[Callable[[], Doc]]
# A tagged doc; None for a row without a text; or why it cannot be tagged.
TaggedRow = Union[Doc, None, Exception]


def tag_rows(nlp: Language, rows: Iterable[MakeDoc], batch_size: Optional[int] = None) -> Iterator[List[TaggedRow]]:
    """Tag rows in batches. Labels do not depend on what else is in a batch.

    nlp (Language): The pipeline.
    rows (Iterable[MakeDoc]): The rows.
    batch_size (Optional[int]): The most rows of a batch. None: the pipeline's own number.
    YIELDS (List[TaggedRow]): The rows of a batch, in their order.
    """
    makers: List[MakeDoc] = []
    docs: List[TaggedRow] = []
    n_characters = 0
    for make in rows:
        makers.append(make)
        docs.append(_make_doc(make))
        n_characters += _count_characters(docs[-1])
        if len(docs) >= (batch_size or nlp.batch_size) or n_characters >= MAX_CHARACTERS:
            yield _tag_batch(nlp, docs, makers)
            makers, docs, n_characters = [], [], 0
    if docs:
        yield _tag_batch(nlp, docs, makers)


def _make_doc(make: MakeDoc) -> TaggedRow:
    try:
        return make and make()
    except Exception as error:  # of any tokenizer
        return error


def _count_characters(doc: TaggedRow) -> int:
    """The length of a doc's text, which `doc.text` would put together of its tokens."""
    return doc[-1].idx + len(doc[-1]) if isinstance(doc, Doc) and len(doc) else 0


def _tag_batch(nlp: Language, docs: List[TaggedRow], makers: List[MakeDoc]) -> List[TaggedRow]:
    """Tag docs together, or one by one if that fails, to find the ones that it fails for."""
    untagged = [doc for doc in docs if isinstance(doc, Doc)]
    try:
        tagged = iter(list(nlp.pipe(untagged, batch_size=len(untagged) or 1)))
    except Exception:  # of any component
        # Some have labels by now, which components may keep: made anew, they are as they were.
        return [_tag_alone(nlp, make) if isinstance(doc, Doc) else doc for doc, make in zip(docs, makers)]
    return [next(tagged) if isinstance(doc, Doc) else doc for doc in docs]


def _tag_alone(nlp: Language, make: MakeDoc) -> TaggedRow:
    doc = _make_doc(make)
    try:
        return next(nlp.pipe([doc])) if isinstance(doc, Doc) else doc
    except Exception as error:  # of any component
        return error
