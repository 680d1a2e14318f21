"""Formats in which a sentence is words and their tags: word/TAG text, two-column TSV, JSON and JSON lines."""

import json
from pathlib import Path
from typing import Any, Iterator

from .sentence import Sentence, blocks, decode_json, has_half_a_pair, lines


def read_text(text: str, file: Path) -> Iterator[Sentence]:
    """Read one sentence per line, each word followed by a slash and its tag.

    text (str): The file's content.
    file (Path): The file's name, for errors.
    YIELDS (Sentence): The sentences. Raises a ValueError that names file and line. The other readers do the same.
    """
    for number, line in enumerate(lines(text), 1):
        pairs = [token.rpartition("/") for token in line.split()]
        for word, _, tag in pairs:
            if not word or not tag:
                raise ValueError(f"{file}, line {number}: {word or tag!r} is not of the form word/TAG.")
        if pairs:
            yield Sentence([word for word, _, _ in pairs], tags=[tag for _, _, tag in pairs])


def read_tsv(text: str, file: Path) -> Iterator[Sentence]:
    """Read one word and its tag per line, separated by a tab, with an empty line after each sentence."""
    for block in blocks(text):
        pairs = [line.split("\t") for _, line in block]
        for (number, line), pair in zip(block, pairs):
            if len(pair) != 2 or not pair[0].strip():
                raise ValueError(
                    f"{file}, line {number}: a word and its tag, 2 columns separated by a tab, were expected, "
                    f"not {len(pair)}: {line!r:.60}"
                )
        yield Sentence([word for word, _ in pairs], tags=[tag.strip() for _, tag in pairs])


def read_json(text: str, file: Path) -> Iterator[Sentence]:
    """Read a JSON list of pairs of words and tags."""
    pairs = decode_json(text, file)
    if not isinstance(pairs, list):
        raise ValueError(f"{file} must hold a list of pairs of words and tags, not {pairs!r:.60}.")
    for i, pair in enumerate([pairs] if is_pair(pairs) else pairs, 1):
        yield _read_pair(pair, f"{file}, sentence {i}")


def read_jsonl(text: str, file: Path) -> Iterator[Sentence]:
    """Read one pair of words and tags per line, as JSON."""
    for number, line in enumerate(lines(text), 1):
        if line.strip():
            try:
                pair = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise ValueError(f"{file}, line {number}: not valid JSON: {error}.") from None
            yield _read_pair(pair, f"{file}, line {number}")


def is_pair(value: Any) -> bool:
    """RETURNS (bool): Whether a value is a pair of words (or a string of words) and tags."""

    def is_strings(part: Any) -> bool:
        return isinstance(part, list) and all(isinstance(item, str) for item in part)

    return (
        isinstance(value, list)
        and len(value) == 2
        and (isinstance(value[0], str) or is_strings(value[0]))
        and is_strings(value[1])
    )


def _read_pair(pair: Any, place: str) -> Sentence:
    if not is_pair(pair):
        raise ValueError(f'{place}: a pair such as [["The", "dog"], ["DT", "NN"]] was expected, not {pair!r:.60}.')
    words, tags = pair
    words = words.split() if isinstance(words, str) else words
    if len(words) != len(tags):
        raise ValueError(f"{place}: {len(words)} words but {len(tags)} tags: {' '.join(words)!r:.60}")
    if not all(word.strip() for word in words) or not words:
        raise ValueError(f"{place}: a sentence needs words, and none of them may be empty.")
    if has_half_a_pair("".join([*words, *tags])):
        raise ValueError(f"{place}: it has half of a surrogate pair, which is no character: {' '.join(words)!r:.60}")
    return Sentence(words, tags=tags)
