"""The figures of an explanation's page that have a column for each word, as HTML."""

import html
from typing import TYPE_CHECKING, Iterable, List, NamedTuple

import numpy

from ...annotation_layers import NAMES
from ...evaluation.figures import percent
from ..recurrence import QUANTITIES
from .heat_map import draw

if TYPE_CHECKING:
    from ..explanation import Explanation

# The order in which heads are shown, the most general labels first.
HEADS = ("pos", "tag", "morph")
DIRECTIONS = {"→": "rightwards", "←": "leftwards"}


class Quantity(NamedTuple):
    """How one of `recurrence.QUANTITIES` is shown.

    symbol (str): As in the formulas.
    name (str): What it is called.
    meaning (str): What it does.
    is_signed (bool): Whether it can be negative.
    """

    symbol: str
    name: str
    meaning: str
    is_signed: bool


SHOWN = {
    "forget": Quantity("f", "forget gate", "how much of the memory is kept", False),
    "input": Quantity("i", "input gate", "how much is written to it", False),
    "candidate": Quantity("g", "candidate", "what could be written", True),
    "cell": Quantity("c", "cell state", "the memory after this word", True),
    "output": Quantity("o", "output gate", "how much of the memory is shown", False),
    "hidden": Quantity("h", "hidden state", "what the rest of the network sees", True),
}


def render_network(explanation: "Explanation", member: int) -> str:
    """Render the rolled-out network, from the labels down to the words."""
    rows = []
    for head in heads_of(explanation):
        shares = explanation.probabilities[head].max(axis=1)
        labels = [
            f"<span><b>{html.escape(_shorten(label))}</b> {format_percent(share)}</span>"
            for label, share in zip(explanation.chosen[head], shares)
        ]
        rows.append(_row(NAMES[head], "".join(labels), "labels"))
    if explanation.convolved.size:
        label = "convolution<small>of a word and its neighbours, for the labels alone</small>"
        rows.append(_row(label, _cells(explanation, explanation.convolved[member]), "lstm"))
    _, depth, n_directions, *_ = explanation.states.shape
    for layer in reversed(range(depth)):
        for direction, (arrow, name) in enumerate(list(DIRECTIONS.items())[:n_directions]):
            hidden = explanation.states[member, layer, direction, QUANTITIES.index("hidden")]
            ordered = hidden[:, explanation.unit_order[member, layer, direction]]
            rows.append(_row(f"Layer {layer + 1} {arrow}", _cells(explanation, ordered), f"lstm {name}"))
    rows.append(_row("word vector", _cells(explanation, explanation.vectors[member]), "lstm"))
    rows.append(_word_row(explanation))
    sheet = _sheet(explanation, f"Network {member + 1}, rolled out", rows)
    return f'<figure class="network" data-member="{member}">{sheet}</figure>'


def render_gates(explanation: "Explanation", member: int, layer: int, direction: int) -> str:
    """Render gates and states of one LSTM as heat maps."""
    order = explanation.unit_order[member, layer, direction]
    arrow, name = list(DIRECTIONS.items())[direction]
    network = f"Network {member + 1}, layer" if len(explanation.states) > 1 else "Layer"
    title = f"{network} {layer + 1}, {arrow} {name}"
    rows = [_word_row(explanation)]
    for quantity, values in zip(QUANTITIES, explanation.states[member, layer, direction]):
        shown = SHOWN[quantity]
        # What is bounded by 1 is shown on that scale, what is not, on its own.
        largest = float(numpy.abs(values).max()) if quantity in ("cell", "hidden") else 1.0
        sizes = zip(map(html.escape, explanation.words), numpy.abs(values).mean(axis=1))
        description = f"{shown.name}, {len(order)} units by {len(values)} words. Average size by word: " + ", ".join(
            f"{word} {size:.2f}" for word, size in sizes
        )
        scale = (
            f'<small class="scale signed">&minus;{largest:.2g}<span></span>{largest:.2g}</small>'
            if shown.is_signed
            else '<small class="scale">0<span></span>1</small>'
        )
        label = f"<var>{shown.symbol}</var> <b>{shown.name}</b><small>{shown.meaning}</small>{scale}"
        picture = draw(values[:, order].T, largest, signed=shown.is_signed)
        rows.append(_row(label, f'<div class="map"><img alt="{description}" src="{picture}"></div>', "heat"))
    rows.append(_word_row(explanation))
    return f"<h3>{title}</h3>{_sheet(explanation, f'Heat maps of {title}', rows)}"


def render_reasons(explanation: "Explanation") -> str:
    """Render for each head the places for what the picked word's label leans on; the script draws them."""
    empty = '<span class="bar"><em></em></span>' * len(explanation.words)
    sheets = []
    for number, head in enumerate(heads_of(explanation)):
        rows = [_word_row(explanation)]
        for kind, name, meaning in (
            ("leftOut", "Change if left out", "of the log-probability of"),
            ("adds", "Adds", "to the log-probability of"),
        ):
            label = f'<b>{name}</b><small>{meaning} {NAMES[head]} <span data-label="{head}"></span></small>'
            rows.append(_row(label, f'<div class="bars" data-bars="{kind} {head}">{empty}</div>', "reason"))
        title = f"What each word does to the {NAMES[head]} label of the picked word"
        sheets.append(f'<div data-head="{number}">{_sheet(explanation, title, rows)}</div>')
    return "".join(sheets)


def render_matrices(explanation: "Explanation") -> str:
    """Render which word leans on which, for all words at once."""
    names = "".join(f'<span dir="auto">{html.escape(word)}</span>' for word in explanation.words)
    figures = []
    for number, head in enumerate(heads_of(explanation)):
        for kind, table in (
            ("change if left out", explanation.left_out[head].T),
            ("adds, by integrated gradients", explanation.attributions[head]),
        ):
            title = f"{NAMES[head]}: {kind}"
            largest = float(numpy.abs(numpy.nan_to_num(table)).max())
            picture = draw(table, largest, signed=True)
            description = f"{title}. A row for each word that is labelled, a column for each word that it may lean on."
            image = f'<div class="map matrix"><img alt="{description}" src="{picture}"></div>'
            rows = [_word_row(explanation), _row(f'<div class="down">{names}</div>', image)]
            figures.append(
                f'<figure data-head="{number}"><figcaption>{title} (full colour: {largest:.2f})</figcaption>'
                f"{_sheet(explanation, title, rows)}</figure>"
            )
    return "".join(figures)


def heads_of(explanation: "Explanation") -> List[str]:
    """RETURNS (List[str]): The heads in the order in which they are shown."""
    return [head for head in HEADS if head in explanation.probabilities]


def format_percent(share: float) -> str:
    """RETURNS (str): A probability in percent."""
    return f"{percent(share, 1)}%"


def format_signed(value: float, digits: int = 2) -> str:
    """RETURNS (str): A number with its sign."""
    return f"{value:+.{digits}f}".replace("-", "\N{MINUS SIGN}")


def _sheet(explanation: "Explanation", title: str, rows: Iterable[str]) -> str:
    """Rows under one another, with a mark on the picked word and one between sentences."""
    starts = numpy.flatnonzero(numpy.diff(explanation.sentence)) + 1
    marks = '<b class="pick"></b>' + "".join(f'<s style="--i:{start}"></s>' for start in starts)
    return (
        f'<div class="scroller" tabindex="0" role="region" aria-label="{title}">'
        f'<div class="sheet">{"".join(rows)}{marks}</div></div>'
    )


def _row(label: str, columns: str, kind: str = "") -> str:
    return f'<div class="row {kind}"><div class="name">{label}</div><div class="cols">{columns}</div></div>'


def _word_row(explanation: "Explanation") -> str:
    cells = [
        f'<span dir="auto"{"" if known.frequency else " class=unknown"}>{html.escape(word)}</span>'
        for word, known in zip(explanation.words, explanation.lexicon)
    ]
    return _row("", "".join(cells), "words")


def _cells(explanation: "Explanation", values: numpy.ndarray) -> str:
    """A box for each word, filled with its row of numbers."""
    picture = draw(values.T, float(numpy.abs(values).max()), signed=True)
    is_edge = numpy.diff(explanation.sentence, prepend=-1, append=-1) != 0
    boxes = []
    for i in range(len(values)):
        kinds = [kind for kind, holds in (("first", is_edge[i]), ("last", is_edge[i + 1])) if holds]
        boxes.append(f'<i style="--i:{i}" class="{" ".join(kinds)}"></i>')
    return f'<div class="cells" aria-hidden="true" style="--map:url({picture})">{"".join(boxes)}</div>'


def _shorten(label: str) -> str:
    """A bundle of features is too long for a column, and its values tell most of it."""
    features = [feature.partition("=") for feature in label.split("|")]
    return " ".join(name if value in ("", "Yes") else value for name, _, value in features)
