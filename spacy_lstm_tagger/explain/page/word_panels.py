"""What an explanation's page shows of a single word, as HTML."""

import html
from typing import TYPE_CHECKING, Iterable, Tuple

import numpy

from ...annotation_layers import NAMES
from ..attribution import SMALLEST_DIFFERENCE, TOLERANCE
from ..recurrence import QUANTITIES
from .heat_map import draw
from .sentence_figures import DIRECTIONS, format_percent, format_signed, heads_of

if TYPE_CHECKING:
    from ..explanation import Explanation

N_LABELS = 5
N_REASONS = 3
LEAST_CHANGE = 0.005  # what is shown as more than 0.00


def render_decision(explanation: "Explanation", word: int) -> str:
    """Render the likeliest labels of a word."""
    tables = []
    for head in heads_of(explanation):
        row = explanation.probabilities[head][word]
        likeliest = numpy.argsort(-row, kind="stable")[:N_LABELS].tolist()
        bars = [(explanation.labels[head][label], float(row[label]), format_percent(row[label])) for label in likeliest]
        tables.append(_bars(NAMES[head], bars))
    return f'<div class="tables">{"".join(tables)}</div>'


def render_parts(explanation: "Explanation", word: int) -> str:
    """Render in words what a word's labels lean on, and how its own part is made up, for each head."""
    reasons, shares = [], []
    name = html.escape(explanation.words[word])
    for number, head in enumerate(heads_of(explanation)):
        label = html.escape(explanation.chosen[head][word])
        changes = explanation.left_out[head][:, word]
        order = numpy.argsort(-numpy.abs(changes), kind="stable")[:N_REASONS]  # NaN comes last
        most = [
            f"“{html.escape(explanation.words[other])}” {format_signed(changes[other])}"
            for other in order.tolist()
            if abs(changes[other]) >= LEAST_CHANGE
        ]
        if most:
            reasons.append(
                f'<li data-head="{number}">{NAMES[head]} {label}: most change without {", ".join(most)}</li>'
            )
        own, total = explanation.parts[head][word], explanation.differences[head][word]
        bars = zip(explanation.part_names, _shares(own), map(format_signed, own))
        caption = f"“{name}” itself adds {format_signed(own.sum())} of {format_signed(total)} to {NAMES[head]} {label}"
        missing = total - explanation.attributions[head][word].sum()
        if abs(missing) > TOLERANCE * max(abs(total), SMALLEST_DIFFERENCE):
            caption += f" (in sum all words miss it by {format_signed(missing)})"
        shares.append(f'<div data-head="{number}">{_bars(caption, bars, "signed")}</div>')
    spelling = _spelling(explanation, word) if explanation.spelling[word] else ""
    return f'<ul>{"".join(reasons)}</ul><div class="tables">{"".join(shares)}{spelling}</div>'


def render_knowledge(explanation: "Explanation", word: int) -> str:
    """Render what is known of a word."""
    known = explanation.lexicon[word]
    name = f'<b dir="auto">{html.escape(explanation.words[word])}</b>'
    if known.frequency_class is None:
        fact = f"{name} is <strong>unknown</strong>: it is not in the training data, and the network goes by its parts."
    else:
        times = f"{known.frequency:,} time{'s' if known.frequency != 1 else ''} in the training data"
        fact = f"{name} is <strong>known</strong>: {times}, frequency class {known.frequency_class}."
    bars = [(neighbour, max(cosine, 0.0), f"{cosine:.2f}") for neighbour, cosine in known.neighbours]
    tables = f'<div class="tables">{_bars("Nearest word vectors, by cosine", bars)}</div>' if bars else ""
    return f"<p>{fact}</p>{tables}"


def _spelling(explanation: "Explanation", word: int) -> str:
    """What the character LSTMs read, and what each character adds."""
    rows = []
    for number, head in enumerate(heads_of(explanation)):
        scores = explanation.characters[head][word]
        letters = [
            f'<td style="--v:{share:.2f}" class="{_sign(share)}"><b>{html.escape(letter)}</b>'
            f"<small>{format_signed(value)}</small></td>"
            for letter, share, value in zip(explanation.spelling[word], _shares(scores), scores)
        ]
        name = f"adds to {NAMES[head]}"
        rows.append(f'<tr data-head="{number}"><th scope="row">{name}</th>{"".join(letters)}</tr>')
    for (arrow, name), states in zip(DIRECTIONS.items(), explanation.spellings[word]):
        hidden = states[QUANTITIES.index("hidden")]
        n_characters, n_units = hidden.shape
        last = -1 if name == "rightwards" else 0
        picture = draw(hidden[:, numpy.argsort(hidden[last])].T, 1.0, signed=True)
        description = f"Hidden state of the {name} character LSTM, {n_units} units by {n_characters} characters"
        rows.append(
            f'<tr><th scope="row"><var>h</var> {arrow}</th><td class="map" colspan="{n_characters}">'
            f'<img alt="{description}" src="{picture}"></td></tr>'
        )
    caption = "Its characters, as the network reads them"
    table = f'<table class="spelling"><caption>{caption}</caption>{"".join(rows)}</table>'
    return f'<div class="scroller" tabindex="0" role="region" aria-label="{caption}">{table}</div>'


def _bars(caption: str, bars: Iterable[Tuple[str, float, str]], kind: str = "") -> str:
    """A table of names, bars (as shares of the longest) and figures."""
    rows = []
    for name, share, figure in bars:
        label = html.escape(name).replace("|", "|<wbr>")
        bar = f'<td class="{_sign(share)}"><i style="width:{100 * abs(share):.1f}%"></i></td>'
        rows.append(f'<tr><th scope="row" dir="auto">{label}</th>{bar}<td>{figure}</td></tr>')
    return f'<table class="shares {kind}"><caption>{caption}</caption>{"".join(rows)}</table>'


def _sign(share: float) -> str:
    return "plus" if share >= 0 else "minus"


def _shares(values: numpy.ndarray) -> numpy.ndarray:
    """Values as shares of the largest."""
    return values / max(float(numpy.abs(values).max()), numpy.finfo("float32").tiny)
