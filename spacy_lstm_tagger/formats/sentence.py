"""An annotated sentence, which every text format is read into."""

import json
import re
from pathlib import Path
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from spacy.attrs import SENT_START
from spacy.pipeline import Sentencizer
from spacy.tokens import Doc
from spacy.vocab import Vocab

from ..allowed_labels import is_excluded, set_allowed_labels
from ..annotation_layers import NO_FEATS, SENTENCE_STARTS
from ..sentence_weights import set_weight
from .multiword_tokens import MultiwordToken, keep_multiword_tokens

HALF_A_PAIR = re.compile("[\ud800-\udfff]")
# Between the tags that a word may have, where the annotation does not say which.
OR = "|"
# In `Doc.user_data`: the key of an extension attribute of the first token.
BEGINS_PARAGRAPH = ("._.", "begins_paragraph", 0, None)
# In `Doc.user_data` of an example's predicted doc: how often its words were read before, in other examples.
N_READ = "spacy_lstm_tagger.n_read"


class Sentence(NamedTuple):
    """An annotated sentence. A layer that is not annotated is None; a word without a label has "" in its place.

    words (List[str]): The words.
    spaces (Optional[List[bool]]): Whether a space follows each word; None if that is not known.
    tags (Optional[List[str]]): Fine-grained tags (XPOS).
    pos (Optional[List[str]]): UPOS tags.
    morphs (Optional[List[str]]): Morphological features (FEATS).
    lemmas (Optional[List[str]]): Lemmas.
    multiword_tokens (Sequence[MultiwordToken]): Tokens of the text that are several words, in their order.
    begins_paragraph (bool): Whether a paragraph, or a document, is known to begin with it.
    weight (float): How much it counts in training.
    """

    words: List[str]
    spaces: Optional[List[bool]] = None
    tags: Optional[List[str]] = None
    pos: Optional[List[str]] = None
    morphs: Optional[List[str]] = None
    lemmas: Optional[List[str]] = None
    multiword_tokens: Sequence[MultiwordToken] = ()
    begins_paragraph: bool = False
    weight: float = 1.0


def to_doc(sentence: Sentence, vocab: Vocab, ambiguous: bool = False) -> Doc:
    """Make a doc of one sentence.

    sentence (Sentence): The sentence.
    vocab (Vocab): The doc's vocab.
    ambiguous (bool): Whether "NN|VB" are two tags that a word may have, and "!NOUN" a UPOS tag that it does not have.
    RETURNS (Doc): The doc.
    """
    tags, pos = sentence.tags, sentence.pos
    allowed = {
        layer: list(map(find_alternatives, labels)) if labels and ambiguous else []
        for layer, labels in (("tag", tags), ("pos", pos))
    }
    if pos and any(allowed["pos"]):
        pos = ["" if names else label for label, names in zip(pos, allowed["pos"])]
    doc = Doc(
        vocab,
        words=sentence.words,
        spaces=sentence.spaces,
        tags=tags,
        pos=pos,
        lemmas=sentence.lemmas,
        morphs=None if sentence.morphs is None else ["" if feats == NO_FEATS else feats for feats in sentence.morphs],
        sent_starts=[i == 0 for i in range(len(sentence.words))],
    )
    set_allowed_labels(doc, {layer: names for layer, names in allowed.items() if any(names)})
    if sentence.weight != 1.0:
        set_weight(doc, sentence.weight)
    keep_multiword_tokens(doc, sentence.multiword_tokens)
    if sentence.begins_paragraph:
        user_data: Dict[Any, Any] = doc.user_data
        user_data[BEGINS_PARAGRAPH] = True
    return doc


def copy_words(doc: Doc, vocab: Vocab) -> Doc:
    """Copy the words of a doc, with the spaces between them and the sentence boundaries, and no labels.

    doc (Doc): The doc.
    vocab (Vocab): The vocab of the copy.
    RETURNS (Doc): The copy.
    """
    copied = Doc(vocab, words=[token.text for token in doc], spaces=[bool(token.whitespace_) for token in doc])
    for token in doc if doc.has_annotation("SENT_START") else ():
        copied[token.i].is_sent_start = token.is_sent_start
    return copied


def find_alternatives(label: str) -> List[str]:
    """RETURNS (List[str]): The labels that an ambiguous one names; none if it is not ambiguous."""
    names = [name for name in label.split(OR) if name]
    return names if len(names) > 1 or is_excluded(label) else []


def has_sentences(doc: Doc) -> bool:
    """RETURNS (bool): Whether a doc has several sentences: the boundary of a single one says nothing."""
    return int((doc.to_array(SENT_START) == SENTENCE_STARTS["start"]).sum()) > 1


def split_sentences(doc: Doc) -> Doc:
    """RETURNS (Doc): The doc, with the boundaries that spaCy's sentencizer finds if it has none."""
    return doc if doc.has_annotation("SENT_START") else Sentencizer()(doc)


def decode(data: bytes, file: Path) -> str:
    """Read UTF-8.

    data (bytes): The content of a file.
    file (Path): The file's name, for errors.
    RETURNS (str): The text. Raises a ValueError that names file and byte.
    """
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{file} is not UTF-8: byte {error.start} is 0x{data[error.start]:02x}. Convert it first, e.g. with iconv."
        ) from None


def decode_json(text: str, file: Path) -> Any:
    """RETURNS (Any): What a file of JSON holds. Raises a ValueError that names the file."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{file} is not valid JSON: {error}.") from None


def name_json_type(value: Any) -> str:
    """RETURNS (str): What JSON calls a value of this type, with an article."""
    names = {dict: "an object", list: "an array", str: "a string", bool: "a boolean", type(None): "null"}
    return names.get(type(value), "a number")


def has_half_a_pair(text: str) -> bool:
    """RETURNS (bool): Whether a text has half of a surrogate pair, which is no character, as JSON can."""
    return HALF_A_PAIR.search(text) is not None


def lines(text: str) -> List[str]:
    """Split a text at line feeds. `str.splitlines` also splits at characters that may be part of a word.

    text (str): The text.
    RETURNS (List[str]): The lines without their ends.
    """
    return text.replace("\r\n", "\n").split("\n")


def blocks(text: str) -> Iterator[List[Tuple[int, str]]]:
    """Group the lines of a text by the empty lines between them.

    text (str): The text.
    YIELDS (List[Tuple[int, str]]): The lines of a group, each with its number in the text, which counts from 1.
    """
    block: List[Tuple[int, str]] = []
    for number, line in enumerate(lines(text), 1):
        if line.strip():
            block.append((number, line))
        elif block:
            yield block
            block = []
    if block:
        yield block
