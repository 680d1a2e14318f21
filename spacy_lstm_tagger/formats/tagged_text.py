"""Tagged docs as text: a table for people, CoNLL-U, JSON lines and TSV for programs, HTML for a browser."""

import json
import re
import unicodedata
from functools import partial
from importlib.resources import files
from itertools import chain, islice
from typing import Any, Callable, Dict, Iterable, Iterator, List

from jinja2 import Environment
from markupsafe import Markup, escape
from spacy.displacy.render import DependencyRenderer
from spacy.tokens import Doc, Token
from wasabi import color as paint

from .conllu import render_conllu, render_feats

# A word is doubtful if its UPOS or XPOS tag is less probable than this.
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


def render(docs: Iterable[Doc], format: str, *, confidence: bool = False, color: bool = False) -> Iterator[str]:
    """Render tagged docs.

    docs (Iterable[Doc]): The docs.
    format (str): One of `FORMATS`.
    confidence (bool): Whether to show `token._.tag_confidence` and `pos_confidence`, and to mark doubtful words.
    color (bool): Whether tables have colours, by escape sequences of a terminal.
    YIELDS (str): Pieces of text, each complete with its line ends. Raises a ValueError for an unknown format.
    """
    if format not in FORMATS:
        raise ValueError(f"Unknown format '{format}'. Use one of: {', '.join(FORMATS)}.")
    renderer = partial(render_table, color=color) if format == "table" else FORMATS[format]
    return renderer(docs, confidence)


def render_table(docs: Iterable[Doc], confidence: bool, color: bool = False) -> Iterator[str]:
    """Render one aligned table per doc."""
    header = ["word", "UPOS", "XPOS", "FEATS", *(["confidence"] if confidence else [])]
    for doc in docs:
        tokens = [token for token in doc if not token.is_space]
        if not tokens:
            continue
        rows = [_columns(token, confidence) for token in tokens]
        widths = [max(map(_count_cells, column)) for column in zip(header, *rows)]
        divider = ["-" * width for width in widths]
        lines = []
        for token, row in zip([None, None, *tokens], [header, divider, *rows]):
            cells = [cell + " " * (width - _count_cells(cell)) for cell, width in zip(row, widths)]
            if color and token is not None:
                cells[1] = paint(cells[1], fg=UPOS_COLORS.get(token.pos_))
                if confidence and is_doubtful(token):
                    cells[-1] = paint(cells[-1], fg=DOUBTFUL_COLOR, bold=True)
            lines.append("   ".join(cells).rstrip())
        yield "\n".join(lines) + "\n\n"


def render_jsonl(docs: Iterable[Doc], confidence: bool) -> Iterator[str]:
    """Render one JSON object per doc and line: its text, and text and labels of each token, whitespace included."""
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
    """Render one word per line, with its UPOS, XPOS and FEATS, and an empty line after each doc."""
    for doc in docs:
        lines = ["\t".join(_columns(token, confidence)) for token in doc if not token.is_space]
        yield "".join(line + "\n" for line in [*lines, ""])


def render_html(docs: Iterable[Doc], confidence: bool) -> Iterator[str]:
    """Render a page in displaCy's look, one text after the other. Long texts scroll in boxes of their own."""
    page = Environment(autoescape=True).from_string(files(__package__).joinpath("tagged_text.html").read_text("utf8"))
    docs = iter(docs)
    first = list(islice(docs, 1))
    language = {"lang": "en", "direction": "ltr"}
    if first:
        language = {
            "lang": first[0].lang_,
            "direction": first[0].vocab.writing_system.get("direction", "ltr"),
        }
    figures = (
        _render_svg(doc, f"text-{number}", confidence, **language) for number, doc in enumerate(chain(first, docs), 1)
    )
    yield from page.generate(figures=figures, **language)
    yield "\n"


def is_doubtful(token: Token) -> bool:
    """RETURNS (bool): Whether a confidence of the token is below `DOUBTFUL`; False if confidences were not stored."""
    return any(value < DOUBTFUL for value in _confidences(token).values())


FORMATS: Dict[str, Callable[[Iterable[Doc], bool], Iterator[str]]] = {
    "table": render_table,
    "conllu": lambda docs, confidence: render_conllu(docs, _misc if confidence else lambda token: ()),
    "json": render_jsonl,
    "tsv": render_tsv,
    "html": render_html,
}


def _render_svg(doc: Doc, name: str, confidence: bool, lang: str, direction: str) -> Markup:
    words, width = [], 0
    for token in doc:
        if not token.is_space:
            word, pos, tag, _, *percents = _columns(token, confidence)
            label = " ".join([*(name for name in (pos, tag) if name != "_"), *percents])
            width = max(width, _count_cells(word), _count_cells(label))
            # displaCy escapes the word, but not the tag.
            label = escape(label)
            if confidence and is_doubtful(token):
                label = Markup('<tspan class="doubtful">{}</tspan>').format(label)
            words.append({"text": word, "tag": label})
    distance = 24 + 9 * width
    options = {"distance": distance, "offset_x": distance // 2, "color": "currentColor", "bg": "transparent"}
    renderer = DependencyRenderer(options)
    renderer.lang, renderer.direction = lang, direction
    return Markup(renderer.render_svg(name, words, []).strip())


def _count_cells(text: str) -> int:
    """How many cells a terminal shows a text in: wide characters take two, those that join or combine none."""
    shown = re.sub("\u200d.", "", text)  # what follows a zero-width joiner is part of the emoji before it
    widths = {"Mn": 0, "Me": 0, "Cf": 0}
    return sum(
        widths.get(unicodedata.category(character), 1 + (unicodedata.east_asian_width(character) in "WF"))
        for character in shown
    )


def _columns(token: Token, confidence: bool) -> List[str]:
    """The cells of a row. Whitespace in words becomes one space, which does not break rows."""
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
