"""A tokenizer for languages whose words have spaces in them, such as Vietnamese, or none between them, such as
Chinese."""

import re
from collections import Counter
from functools import lru_cache
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

# Hiragana and Chinese characters, with the marks that belong to them. Katakana and Hangul are read as words.
_UNSPACED = "\u3005-\u3007\u3041-\u3096\u309d-\u309f\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
UNSPACED = re.compile(f"[{_UNSPACED}][\u3099\u309a\ufe00-\ufe0f]*")


def create_joining_tokenizer_v1() -> Callable[[Language], "JoiningTokenizer"]:
    """Split text as spaCy's general tokenizer does, and between Chinese characters and Hiragana, and join what the
    training data has as one word: Vietnamese *chủ tịch*, Chinese 东京. `nlp.initialize` finds these words.

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
        doc = self._split(text)
        found = self._find(doc)
        if len(found) == len(doc):
            return doc
        words = [doc[start:end].text for start, end in found]
        norms = [doc[start].norm if end - start == 1 else 0 for start, end in found]
        return self._make_doc(words, [bool(doc[end - 1].whitespace_) for _, end in found], norms)

    def pipe(self, texts: Iterable[str], batch_size: int = 1000) -> Iterator[Doc]:
        """YIELDS (Doc): The tokens of each text."""
        yield from map(self, texts)

    def initialize(
        self,
        get_examples: Callable[[], Iterable[Example]],
        *,
        nlp: Optional[Language] = None,
        pkuseg_model: Optional[str] = None,
        pkuseg_user_dict: Optional[str] = None,
    ) -> None:
        """Find the words that are split. Those are left out that would be joined wrongly more often than not.

        get_examples (Callable[[], Iterable[Example]]): Gives the training data.
        nlp (Optional[Language]): The pipeline.
        pkuseg_model, pkuseg_user_dict (Optional[str]): Not used: spaCy gives them to any tokenizer of Chinese.
        """
        validate_get_examples(get_examples, "JoiningTokenizer.initialize")
        self.words, self.beginnings = set(), set()
        texts: Dict[str, Set[Tuple[int, int]]] = {}
        for eg in get_examples():
            texts[eg.reference.text] = {(token.idx, token.idx + len(token)) for token in eg.reference}
        self._add({text[start:end] for text, words in texts.items() for start, end in words})
        n_right: Counter[str] = Counter()
        for text, words in texts.items():
            doc = self._split(text)
            for span in (doc[start:end] for start, end in self._find(doc)):
                if len(span) > 1:
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
            *beginnings, whole = accumulate(_spell(token.text)[0] + token.whitespace_ for token in self._split(word))
            if beginnings:
                self.words.add(_hash(whole))
                self.beginnings.update(map(_hash, beginnings))

    def _split(self, text: str) -> Doc:
        """The general tokenizer's tokens, with each character of a script without spaces apart."""
        doc = self.tokenizer(text)
        if not UNSPACED.search(text):
            return doc
        words: List[str] = []
        spaces: List[bool] = []
        norms: List[int] = []
        for token in doc:
            pieces = self._split_token(token.text) if UNSPACED.search(token.text) else [token.text]
            words += pieces
            spaces += [*[False] * (len(pieces) - 1), bool(token.whitespace_)]
            norms += [token.norm] if len(pieces) == 1 else [0] * len(pieces)
        return self._make_doc(words, spaces, norms)

    def _split_token(self, word: str) -> List[str]:
        pieces: List[str] = []
        start = 0
        for match in UNSPACED.finditer(word):
            pieces += [token.text for token in self.tokenizer(word[start : match.start()])]
            pieces.append(match[0])
            start = match.end()
        return pieces + [token.text for token in self.tokenizer(word[start:])]

    def _make_doc(self, words: List[str], spaces: List[bool], norms: List[int]) -> Doc:
        """Rules of the tokenizer can give tokens norms of their own; 0 is that of the word."""
        doc = Doc(self.vocab, words, spaces)
        doc.from_array([NORM], numpy.array(norms, dtype="uint64"))  # type: ignore[arg-type]
        return doc

    def _find(self, doc: Doc) -> List[Tuple[int, int]]:
        """First and last token + 1 of each word."""
        found: List[Tuple[int, int]] = []
        words = [_spell(token.text) for token in doc]
        start = 0
        while start < len(words):
            end = last = start + 1
            beginning, hashed = words[start]
            while hashed in self.beginnings and last < len(words):
                beginning += doc[last - 1].whitespace_ + words[last][0]
                hashed = _hash(beginning)
                last += 1
                if hashed in self.words:
                    end = last
            found.append((start, end))
            start = end
        return found


@lru_cache(2**16)
def _spell(token: str) -> Tuple[str, int]:
    """A token as it is looked up, and its hash."""
    spelled = normalize(token).lower()
    return spelled, _hash(spelled)


def _hash(spelled: str) -> int:
    return int(get_string_id(spelled.rstrip(" ")))
