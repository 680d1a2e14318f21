"""CoNLL-U in which LEMMA, UPOS, XPOS and FEATS are filled in. Its comments and other columns stay as they are."""

import re
from pathlib import Path
from typing import Callable, Iterable, Iterator, List, NamedTuple, Tuple

from spacy.tokens import Doc, Token
from spacy.vocab import Vocab

from .conllu import read_words, render_feats

FIRST_WORD = re.compile(r"1(-\d+)?(\t[^\t]*){9}")


class Block(NamedTuple):
    """A sentence of a CoNLL-U file.

    lines (List[str]): Its lines.
    words (List[int]): Which of them are words: not comments, multiword tokens or empty nodes.
    doc (Doc): The words, without labels.
    """

    lines: List[str]
    words: List[int]
    doc: Doc


def is_conllu(lines: Iterable[str]) -> bool:
    """RETURNS (bool): Whether a file's first lines are those of CoNLL-U: comments, and then a word."""
    first_word = next((line for line in lines if not line.startswith("#")), "")
    return FIRST_WORD.fullmatch(first_word) is not None


def read_blocks(lines: Iterable[str], file: Path, vocab: Vocab) -> Iterator[Block]:
    """Read sentences as soon as their last line is there.

    lines (Iterable[str]): The file's lines.
    file (Path): The file's name, for errors.
    vocab (Vocab): The docs' vocab.
    YIELDS (Block): The sentences. Raises a ValueError that names file and line.
    """
    block: List[Tuple[int, str]] = []
    for number, line in enumerate(lines, 1):
        if line.strip():
            block.append((number, line))
        elif block:
            yield read_block(block, file, vocab)
            block = []
    if block:
        yield read_block(block, file, vocab)


def read_block(block: List[Tuple[int, str]], file: Path, vocab: Vocab) -> Block:
    """Read a sentence.

    block (List[Tuple[int, str]]): Its lines with their numbers in the file.
    file (Path): The file's name, for errors.
    vocab (Vocab): The doc's vocab.
    RETURNS (Block): The sentence. Raises a ValueError that names file and line.
    """
    words = read_words(block, file)
    first = block[0][0]
    doc = Doc(
        vocab,
        words=[columns[1] for columns in words.columns],
        spaces=words.spaces,
        sent_starts=[i == 0 for i in range(len(words.columns))],
    )
    return Block([line for _, line in block], [number - first for number in words.lines], doc)


def fill_block(block: Block, misc: Callable[[Token], Iterable[str]] = lambda token: ()) -> str:
    """Write a tagged sentence. A label that the tagger does not set stays as it is.

    block (Block): The sentence, whose doc has been tagged.
    misc (Callable[[Token], Iterable[str]]): Entries that are added to the column MISC.
    RETURNS (str): The sentence, with the empty line after it.
    """
    lines = list(block.lines)
    for number, token in zip(block.words, block.doc):
        columns = lines[number].split("\t")
        columns[2] = token.lemma_ or columns[2]
        columns[3] = token.pos_ or columns[3]
        columns[4] = token.tag_ or columns[4]
        columns[5] = render_feats(token) if token.has_morph() else columns[5]
        columns[9] = "|".join([*(entry for entry in [columns[9]] if entry != "_"), *misc(token)]) or "_"
        lines[number] = "\t".join(columns)
    return "\n".join(lines) + "\n\n"
