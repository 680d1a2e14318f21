"""CoNLL-U, read and written: https://universaldependencies.org/format.html."""

import re
import unicodedata
from pathlib import Path
from typing import Callable, Dict, Iterable, Iterator, List, NamedTuple, Sequence, Tuple

from spacy.tokens import Doc, Token

from ..allowed_labels import NOT
from ..annotation_layers import UPOS
from .multiword_tokens import MultiwordToken
from .sentence import Sentence, blocks, find_alternatives

COLUMNS = 10
PARAGRAPH = re.compile(r"#\s*new(doc|par)\b")
WEIGHT = re.compile(r"#\s*weight\s*=\s*(.*\S)")
FEATS = re.compile(r"[^\s=|]+=[^\s=|]+(\|[^\s=|]+=[^\s=|]+)*")


def read_conllu(text: str, file: Path, ambiguous: bool = False) -> Iterator[Sentence]:
    """Read CoNLL-U. A sentence has the words of its multiword tokens, and empty nodes are left out. A comment such as
    "# weight = 0.2" is its weight. Where each sentence is a document of its own, as in some shuffled treebanks, that is
    no paragraph.

    text (str): The file's content.
    file (Path): The file's name, for errors.
    ambiguous (bool): Whether the column UPOS may name several tags, as `to_doc` reads them.
    YIELDS (Sentence): The sentences. Raises a ValueError that names file and line.
    """
    is_shuffled = all(map(_begins_paragraph, blocks(text)))
    for block in blocks(text):
        words = read_words(block, file)
        labels: List[Tuple[str, str, str, str]] = []
        for number, (_, form, lemma, upos, xpos, feats, *_) in zip(words.lines, words.columns):
            place = f"{file}, line {number}"
            names = find_alternatives(upos)
            unknown = {name.removeprefix(NOT) for name in names} if ambiguous and names else {upos}
            if not unknown <= {*UPOS, "_"}:
                advice = " Of several tags that a word may have, and of '!', training knows with --ambiguous."
                raise ValueError(
                    f"{place}: {upos!r:.20} is not a UPOS tag. Use: {', '.join(UPOS)}." + (advice if names else "")
                )
            if feats != "_" and not FEATS.fullmatch(feats):
                raise ValueError(f"{place}: FEATS must look like 'Case=Nom|Number=Sing' or '_', not {feats!r:.60}.")
            has_lemma = lemma != "_" or form == "_"
            labels.append(("" if xpos == "_" else xpos, "" if upos == "_" else upos, feats, lemma if has_lemma else ""))
        if labels:
            heads = [int(head) if head.isascii() and head.isdigit() else 0 for *_, head, _, _, _ in words.columns]
            multiword = [MultiwordToken(*token, _find_root(heads, *token[:2])) for token in words.tokens]
            forms = [columns[1] for columns in words.columns]
            tags, pos, morphs, lemmas = (list(column) for column in zip(*labels))
            begins_paragraph = not is_shuffled and _begins_paragraph(block)
            weight = _read_weight(block, file)
            yield Sentence(forms, words.spaces, tags, pos, morphs, lemmas, multiword, begins_paragraph, weight)


def _begins_paragraph(block: Iterable[Tuple[int, str]]) -> bool:
    return any(PARAGRAPH.match(line) for _, line in block)


def _read_weight(block: Iterable[Tuple[int, str]], file: Path) -> float:
    for number, line in block:
        if match := WEIGHT.match(line):
            if not re.fullmatch(r"\d+(\.\d*)?|\.\d+", match[1]):
                raise ValueError(
                    f"{file}, line {number}: a weight must be a number from 0 on, such as 0.2, not {match[1]!r:.20}."
                )
            return float(match[1])
    return 1.0


class Words(NamedTuple):
    """The words of a sentence in CoNLL-U.

    lines (List[int]): The number of each word's line in the file.
    columns (List[List[str]]): The ten columns of each word.
    spaces (List[bool]): Whether a space follows each word.
    tokens (List[Tuple[int, int, str]]): Multiword tokens: first word, the one after the last, and form.
    """

    lines: List[int]
    columns: List[List[str]]
    spaces: List[bool]
    tokens: List[Tuple[int, int, str]]


def read_words(block: Iterable[Tuple[int, str]], file: Path) -> Words:
    """Read the words of a sentence, whatever their labels are. Empty nodes are left out.

    block (Iterable[Tuple[int, str]]): The sentence's lines with their numbers.
    file (Path): The file's name, for errors.
    RETURNS (Words): The words. Raises a ValueError that names file and line.
    """
    words = Words([], [], [], [])
    last_of_token, space_after_token = 0, True
    place = str(file)
    for number, line in block:
        if line.startswith("#"):
            continue
        place = f"{file}, line {number}"
        columns = line.split("\t")
        if len(columns) != COLUMNS:
            raise ValueError(
                f"{place}: CoNLL-U has {COLUMNS} columns separated by tabs, not {len(columns)}: {line!r:.60}"
            )
        identifier, form = columns[:2]
        position = len(words.lines) + 1
        space_after = "SpaceAfter=No" not in columns[9].split("|")
        if re.fullmatch(r"\d+-\d+", identifier):
            first, last_of_token = map(int, identifier.split("-"))
            if not position == first <= last_of_token:
                raise ValueError(f"{place}: the token must begin with word {position}, not {identifier!r:.20}.")
            words.tokens.append((first - 1, last_of_token, form))
            space_after_token = space_after
            continue
        if re.fullmatch(r"\d+\.\d+", identifier):
            continue
        if identifier != str(position):
            raise ValueError(f"{place}: the next word's ID must be {position}, not {identifier!r:.20}.")
        if not form:
            raise ValueError(f"{place}: the word is empty.")
        if position <= last_of_token:
            space_after = space_after_token and position == last_of_token
        words.lines.append(number)
        words.columns.append(columns)
        words.spaces.append(space_after)
    if words.tokens and words.tokens[-1][1] > len(words.lines):
        raise ValueError(f"{place}: the sentence ends within the multiword token {words.tokens[-1][2]!r:.60}.")
    return words


def render_conllu(docs: Iterable[Doc], misc: Callable[[Token], Iterable[str]] = lambda token: ()) -> Iterator[str]:
    """Render docs as valid CoNLL-U.

    A doc without sentence boundaries is one sentence. Whitespace tokens are left out, and whitespace inside a token
    becomes one space. Text is in Unicode's normal form C, which the format requires. Lemmas and the parse are written
    if the doc has them.

    docs (Iterable[Doc]): The docs.
    misc (Callable[[Token], Iterable[str]]): The entries of a token in the column MISC, besides SpaceAfter.
    YIELDS (str): Sentences, with the empty line after each. They are numbered from 1 on.
    """
    number = 0
    for doc in docs:
        for sentence in doc.sents if doc.has_annotation("SENT_START") else [doc[:]]:
            tokens = [token for token in sentence if not token.is_space]
            if not tokens:
                continue
            number += 1
            text, lines = "", []
            ids = {token.i: i for i, token in enumerate(tokens, 1)}
            for token in tokens:
                form, space_after = _clean(token.text), _has_space_after(token)
                text += form + (" " if space_after else "")
                columns = [
                    str(ids[token.i]),
                    form,
                    _clean(token.lemma_),
                    token.pos_,
                    _clean(token.tag_),
                    render_feats(token),
                    *_find_head(token, ids),
                    "_",
                    "|".join([*([] if space_after else ["SpaceAfter=No"]), *misc(token)]),
                ]
                lines.append("\t".join(column or "_" for column in columns))
            yield "\n".join([f"# sent_id = {number}", f"# text = {text.strip()}", *lines]) + "\n\n"


def render_feats(token: Token) -> str:
    """RETURNS (str): A token's features in the order of UD, which disregards case; "_" if there are none."""
    return "|".join(sorted(str(token.morph).split("|"), key=str.lower)) or "_"


def _find_root(heads: Sequence[int], start: int, end: int) -> int:
    """Which of some words of a sentence is nearest to its root; of several, the first.

    heads (Sequence[int]): For each word its head's number, which counts from 1, or 0 if it has none.
    """

    def depth(word: int) -> int:
        n_steps = 0
        while 0 < heads[word] <= len(heads) and n_steps <= len(heads):
            word, n_steps = heads[word] - 1, n_steps + 1
        return n_steps

    return min(range(start, end), key=depth)


def _clean(text: str) -> str:
    return unicodedata.normalize("NFC", " ".join(text.split()))


def _has_space_after(token: Token) -> bool:
    """Whether whitespace or the end of the text follows."""
    if token.whitespace_ or token.i + 1 == len(token.doc):
        return True
    return re.search(r"\s$", token.text) is not None or token.nbor().text[:1].isspace()


def _find_head(token: Token, ids: Dict[int, int]) -> Tuple[str, str]:
    """HEAD and DEPREL. A whitespace token that is a head is replaced by its own head."""
    if not token.dep_:
        return "", ""
    head = token.head
    while head.is_space and head.head.i != head.i:
        head = head.head
    if head.i == token.i or head.i not in ids:
        return "0", "root"
    return str(ids[head.i]), _clean(token.dep_)
