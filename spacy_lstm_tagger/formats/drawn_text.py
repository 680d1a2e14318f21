"""A tagged doc that draws itself in a notebook."""

import re
from functools import cache
from importlib.resources import files
from typing import Any, Dict, Iterator, NamedTuple

from markupsafe import Markup

from .tagged_text import Text, describe_words

# A notebook is shown on light pages and on dark ones, and some sites leave out styles, or all but those of elements:
# each word has the colours of a light page for itself, and without styles its label is a subscript.
WORD = Markup(
    '<span title="{title}" style="display: inline-block; margin: .15em; padding: .2em .45em; border-radius: .4em; '
    'text-align: center; line-height: 1.3; background: {background}; color: {color}; {mark}">'
    '<bdi style="color: #1b1f24">{text}</bdi> <sub style="display: block; position: static; font-size: .7em; '
    'font-weight: 600">{label}</sub></span>{space}'
)
DOUBTFUL = "border-bottom: 2px dotted #b45309"


class DrawnText(NamedTuple):
    """Words as chips, in the colours of their UPOS tags. In a notebook it shows itself.

    html (str): The same as HTML, without scripts, to be put into a page.
    """

    html: str

    def __repr__(self) -> str:
        return "<DrawnText>"

    def _repr_html_(self) -> str:
        return self.html


def render(text: Text) -> DrawnText:
    """Draw a tagged doc, or a span, in a notebook: words in the colours of their UPOS tags, a line for each sentence.

    Pointing at a word shows its other labels. Where the tagger stores confidences, doubtful words are underlined.

    text (Union[Doc, Span]): The doc.
    RETURNS (DrawnText): What a notebook shows. Its `html` can be put into a page.

        >>> import spacy_lstm_tagger as lt
        >>> nlp = lt.load_pipeline("en")
        >>> drawn = lt.render(nlp("She reads."))
        >>> drawn.html.count("<span")
        3
    """
    direction = text.vocab.writing_system.get("direction", "ltr")
    sentences = text.sents if text.doc.has_annotation("SENT_START") else [text]  # type: ignore[union-attr]
    lines = Markup("").join(
        Markup("<p>{}</p>\n").format(Markup("").join(_draw_words(sentence))) for sentence in sentences
    )
    # A plain string: methods of Markup escape what they are given.
    return DrawnText(str(Markup('<div lang="{}" dir="{}">\n{}</div>').format(text.vocab.lang, direction, lines)))


def _draw_words(sentence: Text) -> Iterator[Markup]:
    for word in describe_words(sentence, confidence=True):
        yield Markup("<br>") if word["is_break"] else _draw_word(word)


def _draw_word(word: Dict[str, Any]) -> Markup:
    labels = [f"{name} {label}" + (f" {share} %" if share != "_" else "") for name, label, share in word["labels"]]
    return WORD.format(
        title=" · ".join(labels),
        background=_colors()[f"{word['group']}-chip"],
        color=_colors()[word["group"]],
        mark=DOUBTFUL if word["is_doubtful"] else "",
        text=word["text"],
        label=word["label"],
        space=word["space"],
    )


@cache
def _colors() -> Dict[str, str]:
    """The colours on light pages."""
    light, _, _ = files(__package__).joinpath("tag_groups.css").read_text("utf8").partition("@media")
    return dict(re.findall(r"--([\w-]+): (#\w+)", light))
