"""Tagged docs as CoNLL-U: https://universaldependencies.org/format.html."""

import re
import unicodedata
from typing import Callable, Dict, Iterable, Iterator, Tuple

from spacy.tokens import Doc, Token


def render_conllu(docs: Iterable[Doc], misc: Callable[[Token], Iterable[str]] = lambda token: ()) -> Iterator[str]:
    """Render docs in a form that the format rules of Universal Dependencies accept.

    A sentence is one of the doc's, or the doc if it has no sentence boundaries. Whitespace tokens are left out, and
    whitespace inside a token becomes one space. Text is in Unicode's normal form C, as the format demands. Lemmas and
    the parse are written if the doc has them.

    docs (Iterable[Doc]): The docs.
    misc (Callable[[Token], Iterable[str]]): What to write of a token into the column MISC, beside SpaceAfter.
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


def _clean(text: str) -> str:
    return unicodedata.normalize("NFC", " ".join(text.split()))


def _has_space_after(token: Token) -> bool:
    """Whether a space follows, or any other whitespace, or nothing at all."""
    if token.whitespace_ or token.i + 1 == len(token.doc):
        return True
    return re.search(r"\s$", token.text) is not None or token.nbor().text[:1].isspace()


def _find_head(token: Token, ids: Dict[int, int]) -> Tuple[str, str]:
    """HEAD and DEPREL. Where whitespace is a head, its own head takes its place."""
    if not token.dep_:
        return "", ""
    head = token.head
    while head.is_space and head.head.i != head.i:
        head = head.head
    if head.i == token.i or head.i not in ids:
        return "0", "root"
    return str(ids[head.i]), _clean(token.dep_)
