"""A tokenizer for languages whose words have spaces in them, such as Vietnamese, or none between them, such as Chinese
and Thai."""

import re
import unicodedata
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
from .learned_affixes import count_pieces, learn_affixes

# Hiragana and Chinese characters, with the marks that belong to them. Katakana and Hangul are read as words.
_CHARACTERS = "\u3005-\u3007\u3041-\u3096\u309d-\u309f\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_CHARACTER = f"[{_CHARACTERS}][\u3099\u309a\ufe00-\ufe0f]*"
# Letters of Thai, Lao, Burmese and Khmer between which no word begins: a vowel that is written before its consonant,
# the consonant, what is written around or behind it, and consonants without a vowel: stacked under it, or marked so.
_LEADING = "\u0e40-\u0e44\u0ec0-\u0ec4"
_FOLLOWING = "\u0e30\u0e32\u0e33\u0e45\u0eb0\u0eb2\u0eb3"
_STACKING = "\u1039\u17d2"
_NO_VOWEL = "\u0e4c\u0ecc\u103a"
_ALPHABETS = [chr(i) for start in (0x0E00, 0x0E80, 0x1000, 0x1780) for i in range(start, start + 128)]
_LETTERS = "".join(c for c in _ALPHABETS if unicodedata.category(c)[0] == "L")
_MARKS = "".join(c for c in _ALPHABETS if unicodedata.category(c)[0] == "M")
_WITHOUT_VOWEL = f"[{_STACKING}][{_LETTERS}]|[{_LETTERS}][{_MARKS}]?[{_NO_VOWEL}]"
_CLUSTER = f"[{_LEADING}]?[{_LETTERS}](?:{_WITHOUT_VOWEL}|[{_MARKS}{_FOLLOWING}])*"
CLUSTER = re.compile(_CLUSTER)
UNSPACED = re.compile(f"{_CHARACTER}|{_CLUSTER}")


def create_joining_tokenizer_v1() -> Callable[[Language], "JoiningTokenizer"]:
    """Split text as spaCy's general tokenizer does, and between the characters of scripts without spaces, and join what
    the training data has as one word: Vietnamese *chủ tịch*, Chinese 东京. `nlp.initialize` finds these words.

    RETURNS (Callable[[Language], JoiningTokenizer]): Makes the tokenizer.
    """
    create_tokenizer = util.registry.tokenizers.get("spacy.Tokenizer.v1")()
    return lambda nlp: JoiningTokenizer(create_tokenizer(nlp))


class JoiningTokenizer:
    """A tokenizer that joins the tokens of known words: at each token the longest one that begins there (longest
    matching). Of what is left, Thai, Lao, Burmese and Khmer letters that follow each other are one word. It keeps the
    hashes of known words, in lower case, and not their text."""

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
        learn_affixes(self.tokenizer, count_pieces(eg.reference for eg in get_examples()))
        self._add({text[start:end] for text, words in texts.items() for start, end in words})
        n_right: Counter[str] = Counter()
        for text, words in texts.items():
            doc = self._split(text)
            for start, end, is_known in self._match(doc):
                if is_known:
                    span = doc[start:end]
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
            if beginnings or CLUSTER.match(whole):
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
        is_open = False
        for start, end, is_known in self._match(doc):
            is_cluster = not is_known and CLUSTER.match(doc[start].text) is not None
            first = found.pop()[0] if is_cluster and is_open else start
            found.append((first, end))
            is_open = is_cluster and not doc[end - 1].whitespace_
        return found

    def _match(self, doc: Doc) -> Iterator[Tuple[int, int, bool]]:
        """First and last token + 1 of each known word and of each other token, and whether it is known."""
        words = [_spell(token.text) for token in doc]
        start = 0
        while start < len(words):
            end = last = start + 1
            beginning, hashed = words[start]
            is_known = hashed in self.words
            while hashed in self.beginnings and last < len(words):
                beginning += doc[last - 1].whitespace_ + words[last][0]
                hashed = _hash(beginning)
                last += 1
                if hashed in self.words:
                    end, is_known = last, True
            yield start, end, is_known
            start = end


@lru_cache(2**16)
def _spell(token: str) -> Tuple[str, int]:
    """A token as it is looked up, and its hash."""
    spelled = normalize(token).lower()
    return spelled, _hash(spelled)


def _hash(spelled: str) -> int:
    return int(get_string_id(spelled.rstrip(" ")))
