"""The columns that a tagged text has in a table.

Each is a list with an entry for each token, whitespace tokens included:

- `tokens`: structs of `text` (string), `start` and `end` (int32, offsets into the text in Unicode code points, as in
  Python) and `whitespace` (bool, whether a space follows, which is not part of the token)
- `tag`, `pos`, `morph`, `lemma`: strings, `token.tag_` and so on; "" where a token has none
- `sent_start`: bool, whether a sentence begins with the token
- `tag_confidence`, `pos_confidence`, `morph_confidence`, `lemma_confidence`, `sents_confidence`: float32, the
  probability of the label; null where the label is not the tagger's

There are columns for the layers that the pipeline sets, and confidences if they are asked for. A text that is null has
null in each column. An empty text has empty lists.
"""

from typing import List, NamedTuple, Optional, Sequence

import numpy
import pyarrow
from spacy.attrs import IDX, LENGTH, ORTH, SPACY
from spacy.language import Language
from spacy.tokens import Doc
from spacy.vocab import Vocab

from ..annotation_layers import LAYERS, NO_FEATS
from ..pipeline.loading import find_tagger
from ..pipeline.token_attributes import get_attributes

# What other components of spaCy say that they set.
ASSIGNED = {
    "tag": {"token.tag"},
    "pos": {"token.pos"},
    "morph": {"token.morph"},
    "lemma": {"token.lemma"},
    "sents": {"token.is_sent_start", "doc.sents"},
}
TOKEN = pyarrow.struct(
    [
        ("text", pyarrow.string()),
        ("start", pyarrow.int32()),
        ("end", pyarrow.int32()),
        ("whitespace", pyarrow.bool_()),
    ]
)
LABELS = {layer: pyarrow.bool_() if layer == "sents" else pyarrow.string() for layer in LAYERS}


class TokenColumns(NamedTuple):
    """Which columns there are.

    layers (List[str]): The layers that have a column.
    confidences (List[str]): The layers whose confidences have one.
    """

    layers: List[str]
    confidences: List[str]

    @classmethod
    def of(cls, nlp: Language, *, confidence: bool) -> "TokenColumns":
        """RETURNS (TokenColumns): The columns that a pipeline fills."""
        tagger = find_tagger(nlp)
        others = [name for name, pipe in nlp.pipeline if pipe is not tagger]
        assigned = {attribute for name in others for attribute in nlp.get_pipe_meta(name).assigns}
        layers = [layer for layer in LAYERS if layer in tagger.set_layers or ASSIGNED[layer] & assigned]
        return cls(layers, [layer for layer in tagger.label_data if layer in tagger.set_layers] if confidence else [])

    @property
    def schema(self) -> pyarrow.Schema:
        """RETURNS (pyarrow.Schema): Names and types of the columns."""
        types = {
            "tokens": TOKEN,
            **{"sent_start" if layer == "sents" else layer: LABELS[layer] for layer in self.layers},
            **{f"{layer}_confidence": pyarrow.float32() for layer in self.confidences},
        }
        return pyarrow.schema([(name, pyarrow.list_(type)) for name, type in types.items()])

    def fill(self, docs: Sequence[Optional[Doc]], vocab: Vocab) -> pyarrow.RecordBatch:
        """Make the columns of some docs.

        docs (Sequence[Optional[Doc]]): The docs, tagged; None for a row without a text.
        vocab (Vocab): Their vocab.
        RETURNS (pyarrow.RecordBatch): The columns, with a row for each doc.
        """
        present = [doc for doc in docs if doc is not None and len(doc)]
        attributes = [ORTH, IDX, LENGTH, SPACY, *(LAYERS[layer] for layer in self.layers)]
        values = get_attributes(present, attributes) if present else numpy.zeros((0, len(attributes)), dtype="uint64")
        texts, start, length, space, *labels = values.T
        token = pyarrow.StructArray.from_arrays(
            [
                _strings(texts, vocab),
                pyarrow.array(start.astype("int32")),
                pyarrow.array((start + length).astype("int32")),
                pyarrow.array(space != 0),
            ],
            fields=list(TOKEN),
        )
        flat = [
            token,
            *(
                pyarrow.array(of_layer == 1)
                if layer == "sents"
                else _strings(of_layer, vocab, no_value=NO_FEATS if layer == "morph" else None)
                for layer, of_layer in zip(self.layers, labels)
            ),
            *(_confidences(present, layer) for layer in self.confidences),
        ]
        offsets = pyarrow.array(numpy.cumsum([0, *(0 if doc is None else len(doc) for doc in docs)]).astype("int32"))
        is_null = pyarrow.array([doc is None for doc in docs], pyarrow.bool_())
        lists = [pyarrow.ListArray.from_arrays(offsets, column, mask=is_null) for column in flat]
        return pyarrow.RecordBatch.from_arrays(lists, schema=self.schema)


def _strings(hashes: numpy.ndarray, vocab: Vocab, *, no_value: Optional[str] = None) -> pyarrow.Array:
    """The strings of which spaCy has the hashes, "" for `no_value`. hashes: shape (n_tokens,)"""
    distinct, indices = numpy.unique(hashes, return_inverse=True)
    strings = [vocab.strings[value] for value in distinct.tolist()]
    strings = ["" if string == no_value else string for string in strings]
    return pyarrow.array(strings, pyarrow.string()).take(pyarrow.array(indices.reshape(-1)))


def _confidences(docs: Sequence[Doc], layer: str) -> pyarrow.Array:
    """The confidences of all tokens, from where spaCy keeps extension attributes: much faster than `token._`."""
    name = f"{layer}_confidence"
    values = [
        doc.user_data.get(("._.", name, index, None))  # type: ignore[call-overload]
        for doc in docs
        for index in doc.to_array(IDX).tolist()
    ]
    return pyarrow.array(values, pyarrow.float32())
