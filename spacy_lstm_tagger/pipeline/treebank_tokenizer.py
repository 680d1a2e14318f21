"""spaCy's tokenizer with rules and exceptions for what a treebank splits otherwise."""

from bisect import bisect_left
from collections import Counter
from itertools import islice
from typing import Any, Callable, Dict, Iterable, Iterator, List, Mapping, Optional, Set, Tuple

from spacy import util
from spacy.attrs import ORTH
from spacy.language import Language
from spacy.tokenizer import Tokenizer
from spacy.training import Example, validate_get_examples

from ..formats.multiword_tokens import merge_as_tokenized
from .learned_affixes import Piece, Span, count_pieces, find_words, learn_affixes

Words = Tuple[str, ...]


def create_treebank_tokenizer_v1() -> Callable[[Language], "TreebankTokenizer"]:
    """Split text by the rules of the language, and as the training data has it where these rules split it otherwise:
    Basque *CD-ROM*, English *e-mail*, German *z.B.*. `nlp.initialize` learns rules for punctuation, and exceptions.

    RETURNS (Callable[[Language], TreebankTokenizer]): Makes the tokenizer.
    """
    create_tokenizer = util.registry.tokenizers.get("spacy.Tokenizer.v1")()

    def create(nlp: Language) -> TreebankTokenizer:
        tokenizer = create_tokenizer(nlp)
        settings = ("rules", "prefix_search", "suffix_search", "infix_finditer", "token_match", "url_match")
        return TreebankTokenizer(tokenizer.vocab, **{name: getattr(tokenizer, name) for name in settings})

    return create


class TreebankTokenizer(Tokenizer):
    """spaCy's tokenizer, which learns rules for punctuation and exceptions from training data. A saved one is read as
    spaCy's own."""

    def initialize(
        self, get_examples: Callable[[], Iterable[Example]], *, nlp: Optional[Language] = None, **settings: Any
    ) -> None:
        """Learn rules for punctuation, and then add an exception for each piece of text without spaces that the
        training data still splits otherwise, if it is right there more often than not.

        get_examples (Callable[[], Iterable[Example]]): Gives the training data.
        nlp (Optional[Language]): The pipeline.
        settings (Any): Not used.
        """
        # All of them would be read twice.
        validate_get_examples(lambda: islice(get_examples(), 1), "TreebankTokenizer.initialize")
        pieces = count_pieces(merge_as_tokenized(eg.reference, self) for eg in get_examples())
        learn_affixes(self, pieces)
        rules: Dict[str, Any] = dict(self.rules)  # type: ignore[has-type]
        exceptions = self._find_exceptions(pieces)
        self._add(exceptions)
        n_right = self._count_right(pieces, exceptions)
        self.rules = rules
        kept = {text: words for text, words in exceptions.items() if n_right[text] > 0}
        self._add({**_in_other_case(kept, {*rules, *exceptions}), **kept})

    def _find_exceptions(self, pieces: Mapping[Piece, int]) -> Dict[str, Words]:
        """What is split otherwise, and how it is split most often there."""
        found: Dict[str, Counter[Words]] = {}
        for (text, spans), n in pieces.items():
            for start, end, of_words, of_tokens in _compare(sorted(spans), sorted(find_words(self(text)))):
                part = text[start:end]
                if of_words != of_tokens and not any(map(str.isspace, part)):
                    found.setdefault(part, Counter())[tuple(text[i:j] for i, j in of_words)] += n
        return {part: words.most_common(1)[0][0] for part, words in found.items()}

    def _count_right(self, pieces: Mapping[Piece, int], exceptions: Dict[str, Words]) -> "Counter[str]":
        """How much more often each exception is right than wrong."""
        n_right: Counter[str] = Counter()
        by_first: Dict[str, List[Words]] = {}
        for words in exceptions.values():
            by_first.setdefault(words[0], []).append(words)
        for (text, spans), n in pieces.items():
            tokens = sorted(find_words(self(text)))
            for i, (start, end) in enumerate(tokens):
                for words in by_first.get(text[start:end], ()):
                    of_words = tokens[i : i + len(words)]
                    part = "".join(words)
                    if text[start : of_words[-1][1]] == part and len(of_words) == len(words):
                        n_right[part] += n if spans.issuperset(of_words) else -n
        return n_right

    def _add(self, exceptions: Dict[str, Words]) -> None:
        for piece, words in exceptions.items():
            self.add_special_case(piece, [{ORTH: word} for word in words])


def _compare(words: List[Span], tokens: List[Span]) -> Iterator[Tuple[int, int, List[Span], List[Span]]]:
    """The smallest pieces at whose ends both have a boundary: first and last character + 1, words and tokens."""
    ends = sorted({end for _, end in words} & {end for _, end in tokens})
    pieces: List[Tuple[List[Span], List[Span]]] = [([], []) for _ in range(len(ends) + 1)]
    for which, spans in enumerate((words, tokens)):
        for span in spans:
            pieces[bisect_left(ends, span[1])][which].append(span)
    for of_words, of_tokens in pieces[: len(ends)]:
        if of_words[0][0] == of_tokens[0][0]:
            yield of_words[0][0], of_words[-1][1], of_words, of_tokens


def _in_other_case(exceptions: Dict[str, Words], others: Set[str]) -> Dict[str, Words]:
    """The same exceptions for words that are not split, in lower case, in capitals and with an initial one."""
    whole = [piece for piece, words in exceptions.items() if len(words) == 1]
    changed = {change(piece) for piece in whole for change in (str.lower, str.upper, str.capitalize)}
    return {piece: (piece,) for piece in changed - others}
