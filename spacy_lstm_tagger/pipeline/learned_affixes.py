"""Rules for the prefixes, suffixes and infixes of spaCy's tokenizer, learned from how a treebank splits punctuation."""

import re
from collections import Counter
from typing import Dict, Iterator, List, Mapping, NamedTuple, Optional, Set, Tuple

from spacy.tokenizer import Tokenizer
from spacy.tokens import Doc

# First and last character + 1 of a word.
Span = Tuple[int, int]

LETTER, DIGIT, MARK = r"[^\W\d_]", r"\d", r"(?:[^\w\s]|_)"
_PIECE = re.compile(r"\S+")
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


def learn_affixes(tokenizer: Tokenizer, words_by_text: Mapping[str, Set[Span]]) -> None:
    """Let a tokenizer split punctuation off, or leave it, where most words of a treebank have it so: the hyphen of
    German *A-Team* (three words) and of Basque *CD-ROM* (one). A rule is kept if fewer words are wrong with it. Texts
    with a space after each word do not tell what is written without one, and are left out.

    tokenizer (Tokenizer): The tokenizer, whose rules are changed.
    words_by_text (Mapping[str, Set[Span]]): The words of each text.
    """
    gains: Counter[Tuple[Place, bool]] = Counter()
    texts: Dict[Place, List[str]] = {}
    for text, words in words_by_text.items():
        if len({i for span in words for i in span}) == 2 * len(words):
            continue
        for place, of_words, of_tokens in _compare(text, words, find_words(tokenizer(text))):
            texts.setdefault(place, []).append(text)
            if of_words is not None and of_words != of_tokens:
                gains[place, of_words] += 1
            elif of_words is not None:
                gains[place, not of_words] -= 1
    for (place, is_split), gain in gains.most_common():
        if gain >= MIN_GAIN and getattr(tokenizer, place.setting) is not None:
            known = {text: words_by_text[text] for text in texts[place]}
            _try(tokenizer, place, is_split, known)


def find_words(doc: Doc) -> Set[Span]:
    """RETURNS (Set[Span]): The words of a doc."""
    return {(token.idx, token.idx + len(token)) for token in doc if not token.is_space}


def _try(tokenizer: Tokenizer, place: Place, is_split: bool, words_by_text: Mapping[str, Set[Span]]) -> None:
    """Add a rule, and take it back unless fewer words and tokens differ."""
    before = _count_differences(tokenizer, words_by_text)
    search = getattr(tokenizer, place.setting)
    pattern = re.compile(place.change(search.__self__.pattern, is_split))
    setattr(tokenizer, place.setting, getattr(pattern, search.__name__))
    if _count_differences(tokenizer, words_by_text) >= before:
        setattr(tokenizer, place.setting, search)


def _count_differences(tokenizer: Tokenizer, words_by_text: Mapping[str, Set[Span]]) -> int:
    return sum(len(words ^ find_words(tokenizer(text))) for text, words in words_by_text.items())


def _compare(text: str, words: Set[Span], tokens: Set[Span]) -> Iterator[Tuple[Place, Optional[bool], Optional[bool]]]:
    """Whether words, and tokens, are split at each place. None: in another way than a rule would split them."""
    bounds_of_words, bounds_of_tokens = ({i for span in spans for i in span} for spans in (words, tokens))
    for piece in _PIECE.finditer(text):
        for start, end, place in _find_places(text, *piece.span()):
            sides = [i for i, side in ((start, place.before), (end, place.after)) if side]
            inside = range(start + 1, end)
            yield place, _is_split(bounds_of_words, sides, inside), _is_split(bounds_of_tokens, sides, inside)


def _is_split(bounds: Set[int], sides: List[int], inside: range) -> Optional[bool]:
    n_split = sum(i in bounds for i in sides)
    if n_split not in (0, len(sides)) or not bounds.isdisjoint(inside):
        return None
    return n_split == len(sides)


def _find_places(text: str, start: int, end: int) -> Iterator[Tuple[int, int, Place]]:
    """First and last character + 1 of punctuation in a piece of a text, and what kind of place it is in."""
    core = [i for i in range(start, end) if text[i].isalnum()]
    for match in _MARKS.finditer(text, start, end):
        i, j = match.span()
        mark = match["mark"] * min(2, j - i)
        before = _describe(text[i - 1]) if i > start else ""
        after = _describe(text[j]) if j < end else ""
        if not core:
            if (i, j) == (start, end) and len(mark) > 1:
                yield i, j, Place("", mark, "")
        elif i < core[0]:
            yield i, j, Place("", mark, after)
        elif j > core[-1]:
            yield i, j, Place(before, mark, "")
        elif MARK not in (before, after):
            yield i, j, Place(before, mark, after)


def _describe(character: str) -> str:
    return next(pattern for pattern in (LETTER, DIGIT, MARK, ".") if re.match(pattern, character))
