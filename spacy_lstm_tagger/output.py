"""Tagged docs as text: a table for people, CoNLL-U, JSON lines and TSV for programs, HTML for a browser."""

import html
import json
from typing import Any, Callable, Dict, Iterable, Iterator, List

from spacy import displacy
from spacy.tokens import Doc, Token
from wasabi import table


def render(docs: Iterable[Doc], format: str, *, confidence: bool = False) -> Iterator[str]:
    """Render tagged docs.

    docs (Iterable[Doc]): The docs.
    format (str): One of `FORMATS`.
    confidence (bool): Whether to show how sure the tagger is, from `token._.tag_confidence` and `pos_confidence`.
    YIELDS (str): Pieces of text, each complete with its line ends. Raises a ValueError for an unknown format.
    """
    if format not in FORMATS:
        raise ValueError(f"Unknown format '{format}'. Use one of: {', '.join(FORMATS)}.")
    return FORMATS[format](docs, confidence)


def render_table(docs: Iterable[Doc], confidence: bool) -> Iterator[str]:
    """Render one aligned table a doc."""
    header = ["word", "UPOS", "XPOS", "FEATS", *(["confidence"] if confidence else [])]
    for doc in docs:
        rows = [
            [token.text, token.pos_ or "_", token.tag_ or "_", str(token.morph) or "_"]
            + ([_percent(token)] if confidence else [])
            for token in doc
            if not token.is_space
        ]
        if rows:
            yield table(rows, header=header, divider=True, aligns=["l"] * len(header)) + "\n"


def render_conllu(docs: Iterable[Doc], confidence: bool) -> Iterator[str]:
    """Render CoNLL-U, a sentence for each of the doc's, or for the doc if it has no sentence boundaries."""
    for doc in docs:
        for sentence in doc.sents if doc.has_annotation("SENT_START") else [doc[:]]:
            tokens = [token for token in sentence if not token.is_space]
            if not tokens:
                continue
            lines = []
            text = ""
            for number, token in enumerate(tokens, 1):
                space_after = _has_space_after(token)
                text += token.text + (" " if space_after else "")
                misc = [] if space_after else ["SpaceAfter=No"]
                if confidence:
                    misc += [f"{name}={value:.4f}" for name, value in _confidences(token).items()]
                feats = str(token.morph) or "_"
                columns = [str(number), token.text, "_", token.pos_ or "_", token.tag_ or "_", feats]
                lines.append("\t".join([*columns, "_", "_", "_", "|".join(misc) or "_"]))
            yield "\n".join([f"# text = {text.strip()}", *lines]) + "\n\n"


def render_jsonl(docs: Iterable[Doc], confidence: bool) -> Iterator[str]:
    """Render one JSON object a line and doc."""
    for doc in docs:
        tokens: List[Dict[str, Any]] = []
        for token in doc:
            entry = {"text": token.text, "pos": token.pos_, "tag": token.tag_, "morph": str(token.morph)}
            tokens.append({**entry, **(_confidences(token) if confidence else {})})
        yield json.dumps({"text": doc.text, "tokens": tokens}, ensure_ascii=False) + "\n"


def render_tsv(docs: Iterable[Doc], confidence: bool) -> Iterator[str]:
    """Render word, UPOS, XPOS and FEATS a line, with an empty line after each doc."""
    for doc in docs:
        lines = []
        for token in doc:
            if not token.is_space:
                columns = [token.text, token.pos_, token.tag_, str(token.morph)]
                lines.append("\t".join(column or "_" for column in columns + ([_percent(token)] if confidence else [])))
        yield "".join(line + "\n" for line in [*lines, ""])


def render_html(docs: Iterable[Doc], confidence: bool) -> Iterator[str]:
    """Render a page in displaCy's look."""
    sentences = []
    for doc in docs:
        words = []
        for token in doc:
            if not token.is_space:
                tag = " ".join([token.pos_, token.tag_, *([_percent(token)] if confidence else [])])
                # displaCy escapes the word, but not the tag.
                words.append({"text": token.text, "tag": html.escape(tag)})
        sentences.append({"words": words, "arcs": []})
    options = {"distance": 120, "offset_x": 60}
    yield displacy.render(sentences, style="dep", page=True, manual=True, jupyter=False, options=options) + "\n"


FORMATS: Dict[str, Callable[[Iterable[Doc], bool], Iterator[str]]] = {
    "table": render_table,
    "conllu": render_conllu,
    "json": render_jsonl,
    "tsv": render_tsv,
    "html": render_html,
}


def _confidences(token: Token) -> Dict[str, float]:
    values = {name: token._.get(name) for name in ("tag_confidence", "pos_confidence")}
    return {name: value for name, value in values.items() if value is not None}


def _percent(token: Token) -> str:
    return "/".join(f"{100 * value:.0f}%" for value in reversed(_confidences(token).values()))


def _has_space_after(token: Token) -> bool:
    """Whether a space follows, or any other whitespace, or nothing at all."""
    return bool(token.whitespace_) or token.i + 1 == len(token.doc) or token.doc[token.i + 1].is_space
