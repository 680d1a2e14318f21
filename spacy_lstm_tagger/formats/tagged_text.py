"""Tagged docs as text: a table for people, CoNLL-U, JSON lines and TSV for programs, HTML for a browser."""

import html
import json
from functools import partial
from typing import Any, Callable, Dict, Iterable, Iterator, List

from rich.cells import cell_len
from spacy.displacy.render import DependencyRenderer
from spacy.tokens import Doc, Token
from wasabi import color as paint

from .conllu import render_conllu, render_feats

# A word is doubtful if its UPOS or XPOS tag is less probable. On UD English-EWT that is a word in ten, a third of which
# are wrong: two thirds of all errors.
DOUBTFUL = 0.8
DOUBTFUL_COLOR = 208

# Numbers of 256-colour terminals that can be read on black and on white: warm for verbs, blue for nouns, green for what
# modifies them, violet for function words, grey for the rest.
UPOS_COLORS = {
    **dict.fromkeys(["VERB", "AUX"], 167),
    **dict.fromkeys(["NOUN", "PROPN", "PRON", "NUM"], 32),
    **dict.fromkeys(["ADJ", "ADV", "DET"], 34),
    **dict.fromkeys(["ADP", "CCONJ", "SCONJ", "PART", "INTJ"], 134),
    **dict.fromkeys(["PUNCT", "SYM", "X"], 244),
}

PAGE_HEAD = """<!DOCTYPE html>
<html lang="{lang}" dir="{direction}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Tagged text</title>
<style>
:root {{ color-scheme: light dark; --doubtful: #b45309; }}
@media (prefers-color-scheme: dark) {{ :root {{ --doubtful: #fbbf24; }} }}
body {{ margin: 2rem 1rem; }}
figure {{ margin: 0 0 2rem; overflow-x: auto; }}
.doubtful {{ fill: var(--doubtful); font-weight: bold; }}
</style>
</head>
<body>
"""
PAGE_TAIL = "</body>\n</html>\n"


def render(docs: Iterable[Doc], format: str, *, confidence: bool = False, color: bool = False) -> Iterator[str]:
    """Render tagged docs.

    docs (Iterable[Doc]): The docs.
    format (str): One of `FORMATS`.
    confidence (bool): Whether to show how sure the tagger is, from `token._.tag_confidence` and `pos_confidence`, and
        to mark doubtful words.
    color (bool): Whether tables have colours, by escape sequences of a terminal.
    YIELDS (str): Pieces of text, each complete with its line ends. Raises a ValueError for an unknown format.
    """
    if format not in FORMATS:
        raise ValueError(f"Unknown format '{format}'. Use one of: {', '.join(FORMATS)}.")
    renderer = partial(render_table, color=color) if format == "table" else FORMATS[format]
    return renderer(docs, confidence)


def render_table(docs: Iterable[Doc], confidence: bool, color: bool = False) -> Iterator[str]:
    """Render one aligned table a doc."""
    header = ["word", "UPOS", "XPOS", "FEATS", *(["confidence"] if confidence else [])]
    for doc in docs:
        tokens = [token for token in doc if not token.is_space]
        if not tokens:
            continue
        rows = [_columns(token, confidence) for token in tokens]
        widths = [max(map(cell_len, column)) for column in zip(header, *rows)]
        divider = ["-" * width for width in widths]
        lines = []
        for token, row in zip([None, None, *tokens], [header, divider, *rows]):
            cells = [cell + " " * (width - cell_len(cell)) for cell, width in zip(row, widths)]
            if color and token is not None:
                cells[1] = paint(cells[1], fg=UPOS_COLORS.get(token.pos_))
                if confidence and is_doubtful(token):
                    cells[-1] = paint(cells[-1], fg=DOUBTFUL_COLOR, bold=True)
            lines.append("   ".join(cells).rstrip())
        yield "\n".join(lines) + "\n\n"


def render_jsonl(docs: Iterable[Doc], confidence: bool) -> Iterator[str]:
    """Render one JSON object a line and doc: its text, and of each token, whitespace too, text and labels."""
    for doc in docs:
        tokens: List[Dict[str, Any]] = []
        for token in doc:
            entry: Dict[str, Any] = {
                "text": token.text,
                "pos": token.pos_,
                "tag": token.tag_,
                "morph": str(token.morph),
            }
            if confidence and _confidences(token):
                entry.update(_confidences(token), doubtful=is_doubtful(token))
            tokens.append(entry)
        yield json.dumps({"text": doc.text, "tokens": tokens}, ensure_ascii=False) + "\n"


def render_tsv(docs: Iterable[Doc], confidence: bool) -> Iterator[str]:
    """Render word, UPOS, XPOS and FEATS a line, with an empty line after each doc."""
    for doc in docs:
        lines = ["\t".join(_columns(token, confidence)) for token in doc if not token.is_space]
        yield "".join(line + "\n" for line in [*lines, ""])


def render_html(docs: Iterable[Doc], confidence: bool) -> Iterator[str]:
    """Render a page in displaCy's look, a text at a time. Long texts scroll in boxes of their own."""
    language = {"lang": "en", "direction": "ltr"}
    number = 0
    for number, doc in enumerate(docs, 1):
        if number == 1:
            language = {"lang": doc.lang_, "direction": doc.vocab.writing_system.get("direction", "ltr")}
            yield PAGE_HEAD.format(**language)
        words, width = [], 0
        for token in doc:
            if not token.is_space:
                word, pos, tag, _, *percents = _columns(token, confidence)
                label = " ".join([*(name for name in (pos, tag) if name != "_"), *percents])
                width = max(width, cell_len(word), cell_len(label))
                # displaCy escapes the word, but not the tag.
                label = html.escape(label)
                if confidence and is_doubtful(token):
                    label = f'<tspan class="doubtful">{label}</tspan>'
                words.append({"text": word, "tag": label})
        distance = 24 + 9 * width
        options = {"distance": distance, "offset_x": distance // 2, "color": "currentColor", "bg": "transparent"}
        renderer = DependencyRenderer(options)
        renderer.lang, renderer.direction = language.values()
        yield f"<figure>{renderer.render_svg(f'text-{number}', words, []).strip()}</figure>\n"
    yield PAGE_TAIL if number else PAGE_HEAD.format(**language) + PAGE_TAIL


def is_doubtful(token: Token) -> bool:
    """RETURNS (bool): Whether the tagger is less sure of a token than `DOUBTFUL`, where confidences were kept."""
    return any(value < DOUBTFUL for value in _confidences(token).values())


FORMATS: Dict[str, Callable[[Iterable[Doc], bool], Iterator[str]]] = {
    "table": render_table,
    "conllu": lambda docs, confidence: render_conllu(docs, _misc if confidence else lambda token: ()),
    "json": render_jsonl,
    "tsv": render_tsv,
    "html": render_html,
}


def _columns(token: Token, confidence: bool) -> List[str]:
    """Word, UPOS, XPOS, FEATS and confidence, with "?" if it is doubtful: without whitespace that would break rows."""
    columns = [" ".join(token.text.split()), token.pos_, token.tag_, render_feats(token)]
    if confidence:
        percents = "/".join(f"{100 * value:.0f}%" for value in reversed(_confidences(token).values()))
        columns.append(percents + (" ?" if is_doubtful(token) else ""))
    return [column or "_" for column in columns]


def _misc(token: Token) -> List[str]:
    entries = [f"{name}={value:.4f}" for name, value in _confidences(token).items()]
    return [*entries, *(["Doubtful=Yes"] if is_doubtful(token) else [])]


def _confidences(token: Token) -> Dict[str, float]:
    values = {name: token._.get(name) for name in ("tag_confidence", "pos_confidence")}
    return {name: value for name, value in values.items() if value is not None}
