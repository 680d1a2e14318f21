"""Tagged docs as text: a table for people, CoNLL-U, JSON lines and TSV for programs, HTML for a browser."""

import json
import re
import unicodedata
from importlib.resources import files
from itertools import chain, islice
from typing import Any, Callable, Dict, Iterable, Iterator, List, NamedTuple, Tuple, Union

from jinja2 import Environment
from markupsafe import Markup
from spacy.tokens import Doc, Span, Token
from wasabi import color as paint

from ..annotation_layers import NAMES
from .conllu import render_conllu, render_feats

# A label is doubtful if it is less probable than this.
DOUBTFUL = 0.8
DOUBTFUL_COLOR = 208


class Group(NamedTuple):
    """UPOS tags that are shown in one colour.

    name (str): Its class in the page.
    description (str): Its name in the page's legend.
    tags (Tuple[str, ...]): The tags.
    color (int): A number of 256-colour terminals that can be read on black and on white.
    """

    name: str
    description: str
    tags: Tuple[str, ...]
    color: int


GROUPS = (
    Group("verb", "verbs", ("VERB", "AUX"), 167),
    Group("noun", "nouns, pronouns, numbers", ("NOUN", "PROPN", "PRON", "NUM"), 32),
    Group("modifier", "adjectives, adverbs, determiners", ("ADJ", "ADV", "DET"), 34),
    Group("function", "function words, interjections", ("ADP", "CCONJ", "SCONJ", "PART", "INTJ"), 134),
    Group("other", "punctuation, symbols, other", ("PUNCT", "SYM", "X"), 244),
)
GROUP_OF = {tag: group for group in GROUPS for tag in group.tags}
UPOS_COLORS = {tag: group.color for tag, group in GROUP_OF.items()}

Text = Union[Doc, Span]


def render(
    texts: Iterable[Text], format: str, *, confidence: bool = False, lemmas: bool = False, color: bool = False
) -> Iterator[str]:
    """Render tagged docs, or spans of them.

    texts (Iterable[Union[Doc, Span]]): The docs. CoNLL-U needs docs.
    format (str): One of `FORMATS`.
    confidence (bool): Whether to show `token._.pos_confidence` and those of other layers, and to mark doubtful words.
    lemmas (bool): Whether tables and TSV have a column for lemmas. JSON and CoNLL-U have those that there are.
    color (bool): Whether tables have colours, by escape sequences of a terminal.
    YIELDS (str): Pieces of text, each complete with its line ends. Raises a ValueError for an unknown format.
    """
    if format not in FORMATS:
        raise ValueError(f"Unknown format '{format}'. Use one of: {', '.join(FORMATS)}.")
    if format == "table":
        return render_table(texts, confidence, lemmas, color)
    if format == "tsv":
        return render_tsv(texts, confidence, lemmas)
    return FORMATS[format](texts, confidence)


def render_table(texts: Iterable[Text], confidence: bool, lemmas: bool = False, color: bool = False) -> Iterator[str]:
    """Render one aligned table per text. Confidences are in percent, with a "?" if the label is doubtful."""
    shown = _layers(lemmas)
    layers = _confidence_layers(lemmas) if confidence else []
    header = ["word", *map(NAMES.__getitem__, shown), *(f"{NAMES[layer]}%" for layer in layers)]
    for text in texts:
        tokens = [token for token in text if not token.is_space]
        if not tokens:
            continue
        rows = [[*_labels(token, lemmas), *(_percent(token, layer) for layer in layers)] for token in tokens]
        widths = [max(map(_count_cells, column)) for column in zip(header, *rows)]
        divider = ["-" * width for width in widths]
        lines = []
        for token, row in zip([None, None, *tokens], [header, divider, *rows]):
            cells = [cell + " " * (width - _count_cells(cell)) for cell, width in zip(row, widths)]
            if color and token is not None:
                cells[1] = paint(cells[1], fg=UPOS_COLORS.get(token.pos_))
                cells = [
                    paint(cell, fg=DOUBTFUL_COLOR, bold=True) if "?" in cell and i > len(shown) else cell
                    for i, cell in enumerate(cells)
                ]
            lines.append("   ".join(cells).rstrip())
        yield "\n".join(lines) + "\n\n"


def render_jsonl(texts: Iterable[Text], confidence: bool) -> Iterator[str]:
    """Render one JSON object per text and line: its text, and text and labels of each token, whitespace included."""
    for text in texts:
        tokens: List[Dict[str, Any]] = []
        for token in text:
            entry: Dict[str, Any] = {
                "text": token.text,
                "pos": token.pos_,
                "tag": token.tag_,
                "morph": str(token.morph),
                **({"lemma": token.lemma_} if token.lemma else {}),
            }
            if confidence and _confidences(token):
                entry.update(_confidences(token), doubtful=is_doubtful(token))
            tokens.append(entry)
        yield json.dumps({"text": text.text, "tokens": tokens}, ensure_ascii=False) + "\n"


def render_tsv(texts: Iterable[Text], confidence: bool, lemmas: bool = False) -> Iterator[str]:
    """Render a header, and one word per line with its labels and their confidences, and an empty line after each
    text. The columns have the names that JSON has."""
    shown = ["text", *_layers(lemmas)]
    layers = _confidence_layers(lemmas) if confidence else []
    header = [*shown, *(f"{layer}_confidence" for layer in layers)]
    for number, text in enumerate(texts):
        rows = [] if number else [header]
        for token in text:
            if not token.is_space:
                confidences = _confidences(token)
                values = [confidences.get(name) for name in header[len(shown) :]]
                rows.append([*_labels(token, lemmas), *("_" if value is None else f"{value:.4f}" for value in values)])
        yield "".join("\t".join(row) + "\n" for row in [*rows, []])


def render_html(texts: Iterable[Text], confidence: bool) -> Iterator[str]:
    """Render a page in which words are coloured by their UPOS tag, one paragraph per text. Pointing at a word shows its
    other labels."""
    page = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(
        files(__package__).joinpath("tagged_text.html").read_text("utf8")
    )
    colors = files(__package__).joinpath("tag_groups.css").read_text("utf8")
    texts = iter(texts)
    first = list(islice(texts, 1))
    vocab = first[0].vocab if first else None
    yield from page.generate(
        lang=vocab.lang if vocab is not None else "en",
        direction=vocab.writing_system.get("direction", "ltr") if vocab is not None else "ltr",
        colors=Markup(colors),
        groups=GROUPS,
        doubtful=f"{DOUBTFUL:.0%}" if confidence else None,
        texts=(describe_words(text, confidence) for text in chain(first, texts)),
    )
    yield "\n"


def is_doubtful(token: Token) -> bool:
    """RETURNS (bool): Whether a confidence of the token is below `DOUBTFUL`; False if confidences were not stored."""
    return any(value < DOUBTFUL for value in _confidences(token).values())


def describe_words(text: Text, confidence: bool) -> Iterator[Dict[str, Any]]:
    """Find what a page shows of each word.

    text (Union[Doc, Span]): The text.
    confidence (bool): Whether to show confidences, where they were stored, and to mark doubtful words.
    YIELDS (Dict[str, Any]): For each word `text`, `label`, `group`, `labels`, `is_doubtful` and `space`; and for a line
        break of the text, of which `is_break` is true, nothing else.
    """
    for token in text:
        if token.is_space:
            if "\n" in token.text:
                yield {"is_break": True}
            continue
        labels = [("pos", token.pos_), ("tag", token.tag_), ("morph", str(token.morph).replace("|", ", "))]
        labels.append(("lemma", token.lemma_))
        yield {
            "is_break": False,
            "text": token.text,
            "label": token.pos_ or token.tag_,
            "group": GROUP_OF.get(token.pos_, GROUPS[-1]).name,
            "labels": [
                (NAMES[layer], label, _percent(token, layer) if confidence else "_") for layer, label in labels if label
            ],
            "is_doubtful": confidence and is_doubtful(token),
            "space": " " if token.whitespace_ else "",
        }


FORMATS: Dict[str, Callable[[Iterable[Any], bool], Iterator[str]]] = {
    "table": render_table,
    "conllu": lambda docs, confidence: render_conllu(docs, list_misc if confidence else lambda token: ()),
    "json": render_jsonl,
    "tsv": render_tsv,
    "html": render_html,
}


def list_misc(token: Token) -> List[str]:
    """RETURNS (List[str]): A token's confidences as entries of CoNLL-U's column MISC."""
    entries = [f"{name}={value:.4f}" for name, value in _confidences(token).items()]
    return [*entries, *(["Doubtful=Yes"] if is_doubtful(token) else [])]


def _layers(lemmas: bool) -> List[str]:
    """The layers in the order of columns."""
    return ["pos", "tag", "morph", *(["lemma"] if lemmas else [])]


def _confidence_layers(lemmas: bool = True) -> List[str]:
    """The layers whose confidences the pipeline can store, in the order of columns."""
    return [layer for layer in _layers(lemmas) if Token.has_extension(f"{layer}_confidence")]


def _confidences(token: Token) -> Dict[str, float]:
    names = [f"{layer}_confidence" for layer in _confidence_layers()]
    values = {name: token._.get(name) for name in names}
    return {name: value for name, value in values.items() if value is not None}


def _percent(token: Token, layer: str) -> str:
    value = _confidences(token).get(f"{layer}_confidence")
    return "_" if value is None else f"{100 * value:.0f}{'?' if value < DOUBTFUL else ''}"


def _labels(token: Token, lemmas: bool) -> List[str]:
    """Word, UPOS, XPOS, FEATS and, if wanted, the lemma. Whitespace in words becomes one space, which does not break
    rows."""
    labels = [" ".join(token.text.split()), token.pos_, token.tag_, render_feats(token)]
    labels += [" ".join(token.lemma_.split())] if lemmas else []
    return [label or "_" for label in labels]


def _count_cells(text: str) -> int:
    """How many cells a terminal shows a text in: two for a wide character, none for one that joins or combines."""
    shown = re.sub("\u200d.", "", text)  # what follows a zero-width joiner is part of the emoji before it
    widths = {"Mn": 0, "Me": 0, "Cf": 0}
    return sum(
        widths.get(unicodedata.category(character), 1 + (unicodedata.east_asian_width(character) in "WF"))
        for character in shown
    )
