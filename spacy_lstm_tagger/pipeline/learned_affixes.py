"""Rules for the prefixes, suffixes and infixes of spaCy's tokenizer, learned from how a treebank splits punctuation."""

import re
from collections import Counter
from typing import Dict, FrozenSet, Iterable, Iterator, List, Mapping, NamedTuple, Optional, Set, Tuple

from spacy.tokenizer import Tokenizer
from spacy.tokens import Doc

# First and last character + 1 of a word.
Span = Tuple[int, int]
# Text between two spaces, and the words in it.
Piece = Tuple[str, FrozenSet[Span]]

LETTER, DIGIT, MARK = r"[^\W\d_]", r"\d", r"(?:[^\w\s]|_)"
_MARKS = re.compile(rf"(?P<mark>{MARK})(?P=mark)*")
# How much more often a rule must seem right than wrong to be tried.
MIN_GAIN = 2


class Place(NamedTuple):
    """Punctuation in a piece of text without spaces: at its beginning, at its end, or between letters and digits.

    before, after (str): Patterns of the characters on either side. "" at the end of the piece, and where other
        punctuation is between it and the end.
    mark (str): The character, twice if it is repeated.
    """

    before: str
    mark: str
    after: str

    @property
    def setting(self) -> str:
        """RETURNS (str): The setting of the tokenizer that has the rule for such places."""
        return "infix_finditer" if self.before and self.after else "suffix_search" if self.before else "prefix_search"

    @property
    def pattern(self) -> str:
        """RETURNS (str): A regular expression of such places, without the beginning of the piece."""
        # The character comes before what is looked at around it: `re` finds it faster.
        mark = re.escape(self.mark[0])
        before = f"(?<={self.before}{mark})(?<!{mark}{mark})" if self.before else ""
        after = f"(?={self.after})(?!{mark})" if self.after else "$" if self.before or len(self.mark) > 1 else ""
        return mark + before + (f"{mark}+" if len(self.mark) > 1 else "") + after

    def change(self, pattern: str, is_split: bool) -> str:
        """Change the pattern of the setting.

        pattern (str): The pattern.
        is_split (bool): Whether such punctuation is to be split off, or to be left.
        RETURNS (str): The new pattern.
        """
        # All that a pattern of prefixes begins with is "^", or `re` would look for them everywhere.
        start = "" if self.before else "^"
        return f"{start}{self.pattern}|{pattern}" if is_split else f"{start}(?!{self.pattern})(?:{pattern})"


def count_pieces(docs: Iterable[Doc]) -> "Counter[Piece]":
    """Count the pieces of a treebank's text. A doc with a space after each word does not tell what is written without
    one, and is left out.

    docs (Iterable[Doc]): The treebank.
    RETURNS (Counter[Piece]): How often it has each piece.
    """
    pieces: Counter[Piece] = Counter()
    for doc in docs:
        found = list(_find_pieces(doc))
        if any(len(words) > 1 for _, words in found):
            pieces.update(found)
    return pieces


def learn_affixes(tokenizer: Tokenizer, pieces: Mapping[Piece, int]) -> None:
    """Let a tokenizer split punctuation off, or leave it, where most words of a treebank have it so: the hyphen of
    German *A-Team* (three words) and of Basque *CD-ROM* (one). A rule is kept if fewer words are wrong with it.

    tokenizer (Tokenizer): The tokenizer, whose rules are changed.
    pieces (Mapping[Piece, int]): How often the treebank has each piece.
    """
    gains: Counter[Tuple[Place, bool]] = Counter()
    concerned: Dict[Place, Dict[Piece, int]] = {}
    for piece, n in pieces.items():
        text, words = piece
        bounds = [{i for span in spans for i in span} for spans in (words, find_words(tokenizer(text)))]
        for start, end, place in _find_places(text):
            concerned.setdefault(place, {})[piece] = n
            of_words, of_tokens = (_is_split(of, start, end, place) for of in bounds)
            if of_words is not None and of_words != of_tokens:
                gains[place, of_words] += n
            elif of_words is not None:
                gains[place, not of_words] -= n
    for (place, is_split), gain in gains.most_common():
        if gain >= MIN_GAIN and getattr(tokenizer, place.setting) is not None:
            _try(tokenizer, place, is_split, concerned[place])


def find_words(doc: Doc) -> FrozenSet[Span]:
    """RETURNS (FrozenSet[Span]): The words of a doc."""
    return frozenset((token.idx, token.idx + len(token)) for token in doc if not token.is_space)


def _try(tokenizer: Tokenizer, place: Place, is_split: bool, pieces: Mapping[Piece, int]) -> None:
    """Add a rule, and take it back unless fewer words and tokens differ."""
    before = _count_differences(tokenizer, pieces)
    search = getattr(tokenizer, place.setting)
    pattern = re.compile(place.change(search.__self__.pattern, is_split))
    setattr(tokenizer, place.setting, getattr(pattern, search.__name__))
    if _count_differences(tokenizer, pieces) >= before:
        setattr(tokenizer, place.setting, search)


def _count_differences(tokenizer: Tokenizer, pieces: Mapping[Piece, int]) -> int:
    return sum(n * len(words ^ find_words(tokenizer(text))) for (text, words), n in pieces.items())


def _find_pieces(doc: Doc) -> Iterator[Piece]:
    text = doc.text
    words: List[Span] = []
    for word in doc:
        if not word.is_space:
            words.append((word.idx, word.idx + len(word)))
        is_last = word.i + 1 == len(doc) or doc[word.i + 1].is_space
        if words and (word.whitespace_ or is_last):
            first = words[0][0]
            yield text[first : words[-1][1]], frozenset((start - first, end - first) for start, end in words)
            words = []


def _is_split(bounds: Set[int], start: int, end: int, place: Place) -> Optional[bool]:
    """Whether there are bounds on the sides of punctuation. None: in another way than a rule would make them."""
    sides = [i in bounds for i, side in ((start, place.before), (end, place.after)) if side]
    if len(set(sides)) > 1 or not bounds.isdisjoint(range(start + 1, end)):
        return None
    return all(sides)


def _find_places(piece: str) -> Iterator[Tuple[int, int, Place]]:
    """First and last character + 1 of punctuation, and what kind of place it is in."""
    core = [i for i, character in enumerate(piece) if character.isalnum()]
    for match in _MARKS.finditer(piece):
        start, end = match.span()
        mark = match["mark"] * min(2, end - start)
        before = _describe(piece[start - 1]) if start > 0 else ""
        after = _describe(piece[end]) if end < len(piece) else ""
        if not core:
            if end - start == len(piece) > 1:
                yield start, end, Place("", mark, "")
        elif start < core[0]:
            yield start, end, Place("", mark, after)
        elif end > core[-1]:
            yield start, end, Place(before, mark, "")
        elif MARK not in (before, after):
            yield start, end, Place(before, mark, after)


def _describe(character: str) -> str:
    return next(pattern for pattern in (LETTER, DIGIT, MARK, ".") if re.match(pattern, character, re.DOTALL))
