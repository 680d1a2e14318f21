"""A tokenizer for languages whose words have spaces in them, such as Vietnamese."""

from collections import Counter
from itertools import accumulate
from pathlib import Path
from typing import Any, Callable, Dict, Iterable, Iterator, List, Optional, Set, Tuple

import numpy
from spacy import util
from spacy.attrs import NORM
from spacy.language import Language
from spacy.strings import get_string_id
from spacy.tokenizer import Tokenizer
from spacy.tokens import Doc
from spacy.training import Example, validate_get_examples

from ..model.normalization import normalize


def create_joining_tokenizer_v1() -> Callable[[Language], "JoiningTokenizer"]:
    """Split text as spaCy's general tokenizer does, and join what the training data has as one word: Vietnamese *chủ
    tịch*. `nlp.initialize` finds these words.

    RETURNS (Callable[[Language], JoiningTokenizer]): Makes the tokenizer.
    """
    create_tokenizer = util.registry.tokenizers.get("spacy.Tokenizer.v1")()
    return lambda nlp: JoiningTokenizer(create_tokenizer(nlp))


class JoiningTokenizer:
    """A tokenizer that joins the tokens of known words: at each token the longest one that begins there (longest
    matching). It keeps the hashes of these words, in lower case, and not their text."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        """tokenizer (Tokenizer): What splits the text."""
        self.tokenizer = tokenizer
        self.vocab = tokenizer.vocab
        # Of each word, and of all its beginnings.
        self.words: Set[int] = set()
        self.beginnings: Set[int] = set()

    def __call__(self, text: str) -> Doc:
        """RETURNS (Doc): The text's tokens."""
        doc = self.tokenizer(text)
        found = self._find(doc)
        if len(found) == len(doc):
            return doc
        words = [doc[start:end].text for start, end in found]
        joined = Doc(self.vocab, words=words, spaces=[bool(doc[end - 1].whitespace_) for _, end in found])
        # Rules of the tokenizer can give tokens norms of their own. 0: that of the word.
        norms = numpy.array([doc[start].norm if end - start == 1 else 0 for start, end in found], dtype="uint64")
        joined.from_array([NORM], norms)  # type: ignore[arg-type]
        return joined

    def pipe(self, texts: Iterable[str], batch_size: int = 1000) -> Iterator[Doc]:
        """YIELDS (Doc): The tokens of each text."""
        yield from map(self, texts)

    def initialize(self, get_examples: Callable[[], Iterable[Example]], *, nlp: Optional[Language] = None) -> None:
        """Find the words that have spaces in them. Those are left out that would be joined wrongly more often than not.

        get_examples (Callable[[], Iterable[Example]]): Gives the training data.
        nlp (Optional[Language]): The pipeline.
        """
        validate_get_examples(get_examples, "JoiningTokenizer.initialize")
        self.words, self.beginnings = set(), set()
        texts: Dict[str, Set[Tuple[int, int]]] = {}
        for eg in get_examples():
            texts[eg.reference.text] = {(token.idx, token.idx + len(token)) for token in eg.reference}
        self._add({text[start:end] for text, words in texts.items() for start, end in words if " " in text[start:end]})
        n_right: Counter[str] = Counter()
        for text, words in texts.items():
            doc = self.tokenizer(text)
            for span in (doc[start:end] for start, end in self._find(doc)):
                if " " in span.text:
                    n_right[span.text.lower()] += 1 if (span.start_char, span.end_char) in words else -1
        self.words, self.beginnings = set(), set()
        self._add(word for word, n in n_right.items() if n > 0)

    def to_bytes(self, *, exclude: Iterable[str] = ()) -> bytes:
        """RETURNS (bytes): The tokenizer's rules, and the hashes."""
        serializers: Dict[str, Callable[[], Any]] = {
            "tokenizer": lambda: self.tokenizer.to_bytes(exclude=exclude),
            "words": lambda: sorted(self.words),
            "beginnings": lambda: sorted(self.beginnings),
        }
        return bytes(util.to_bytes(serializers, exclude))

    def from_bytes(self, data: bytes, *, exclude: Iterable[str] = ()) -> "JoiningTokenizer":
        """RETURNS (JoiningTokenizer): Itself, with what `to_bytes` returned."""
        deserializers: Dict[str, Callable[[Any], Any]] = {
            "tokenizer": lambda part: self.tokenizer.from_bytes(part, exclude=exclude),
            "words": lambda hashes: setattr(self, "words", set(hashes)),
            "beginnings": lambda hashes: setattr(self, "beginnings", set(hashes)),
        }
        util.from_bytes(data, deserializers, exclude)
        return self

    def to_disk(self, path: Path, *, exclude: Iterable[str] = ()) -> None:
        """Write a file."""
        util.ensure_path(path).write_bytes(self.to_bytes(exclude=exclude))

    def from_disk(self, path: Path, *, exclude: Iterable[str] = ()) -> "JoiningTokenizer":
        """RETURNS (JoiningTokenizer): Itself, with what is in a file."""
        return self.from_bytes(util.ensure_path(path).read_bytes(), exclude=exclude)

    def _add(self, words: Iterable[str]) -> None:
        for word in words:
            *beginnings, whole = accumulate(_spell(self.tokenizer(word)))
            self.words.add(_hash(whole))
            self.beginnings.update(map(_hash, beginnings))

    def _find(self, doc: Doc) -> List[Tuple[int, int]]:
        """First and last token + 1 of each word."""
        found: List[Tuple[int, int]] = []
        spelled = _spell(doc)
        start = 0
        while start < len(doc):
            end = start + 1
            beginning = ""
            for last in range(start, len(doc)):
                beginning += spelled[last]
                hashed = _hash(beginning)
                if hashed in self.words:
                    end = last + 1
                if hashed not in self.beginnings:
                    break
            found.append((start, end))
            start = end
        return found


def _spell(doc: Doc) -> List[str]:
    """Each token as it is looked up, with the space after it."""
    return [normalize(token.text).lower() + token.whitespace_ for token in doc]


def _hash(spelled: str) -> int:
    return int(get_string_id(spelled.rstrip(" ")))
