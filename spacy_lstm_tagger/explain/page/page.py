"""An explanation as a page that is complete in itself: no network, no build step, readable without JavaScript.

All that is shown is in the HTML that is written here, but for the numbers of a unit that the reader picks and the bars
of a single word, which the script on the page works and draws. Otherwise it only picks what is seen.
"""

import base64
import html
import json
from importlib.resources import files
from string import Template
from typing import TYPE_CHECKING, Any, Dict, List, NamedTuple, Optional, Sequence

import numpy

from ...annotation_layers import NAMES
from ..recurrence import QUANTITIES
from .equations import cells_before, render_equations
from .sentence_figures import DIRECTIONS, SHOWN, heads_of, render_gates, render_matrices, render_network, render_reasons
from .word_panels import render_decision, render_knowledge, render_parts

if TYPE_CHECKING:
    from ..explanation import Explanation

# A head of more labels has no table of all its probabilities before and after training.
MOST_COLUMNS = 12
# What the script works the states from.
GATES = ("forget", "input", "candidate", "output")
LEGENDS = {"word": "Word", "member": "Network", "layer": "Layer", "direction": "Direction", "head": "Label"}


class Picked(NamedTuple):
    """What the page shows when it opens: a word, and a unit of a layer of the first network, rightwards."""

    word: int
    layer: int
    unit: int


def render_page(explanation: "Explanation") -> str:
    """Render an explanation.

    explanation (Explanation): The explanation.
    RETURNS (str): The page, HTML.
    """
    directory = files(__package__)
    template, style, script = (directory.joinpath(f"page.{kind}").read_text("utf8") for kind in ("html", "css", "js"))
    picked = pick(explanation)
    n_members, depth, n_directions, _, n_words, n_units = explanation.states.shape
    places = [(m, n, d) for m in range(n_members) for n in range(depth) for d in range(n_directions)]
    directions = [f"{arrow} {name}" for arrow, name in DIRECTIONS.items()][:n_directions]
    return Template(template).substitute(
        style=style,
        script=script,
        numbers=json.dumps(_numbers(explanation, picked)).replace("<", "\\u003c"),
        text=html.escape(explanation.text.strip()),
        size=_describe_size(explanation),
        n_words=n_words,
        n_units=n_units,
        word=picked.word,
        row=explanation.unit_order[0, picked.layer, 0].tolist().index(picked.unit),
        unit=picked.unit,
        word_choice=_choice("word", explanation.words, picked.word, explanation.chosen[heads_of(explanation)[0]]),
        member_choice=_choice("member", [str(i + 1) for i in range(n_members)]),
        layer_choice=_choice("layer", [str(i + 1) for i in range(depth)], picked.layer),
        direction_choice=_choice("direction", directions),
        networks="".join(render_network(explanation, member) for member in range(n_members)),
        decisions=_render_words(explanation, ": the likeliest labels", render_decision),
        gates="".join(_render_lstm(explanation, *place) for place in places),
        unit_table=_unit_table(explanation),
        head_choice=_choice("head", [NAMES[head] for head in heads_of(explanation)]),
        reasons=render_reasons(explanation),
        parts=_render_words(explanation, ": what its labels lean on", render_parts),
        matrices=render_matrices(explanation),
        knowledge=_render_words(explanation, "", render_knowledge),
        training=_render_training(explanation),
    )


def pick(explanation: "Explanation") -> Picked:
    """Pick the word whose labels lean most on another word, and the unit of the last layer whose memory it
    changes most."""
    changes = numpy.sum([numpy.nan_to_num(change) for change in explanation.left_out.values()], axis=0)
    word = int(changes.min(axis=0).argmin())
    layer = explanation.states.shape[1] - 1
    cell = explanation.states[0, layer, 0, QUANTITIES.index("cell"), word]
    change = numpy.abs(cell - cells_before(explanation, 0, layer, 0)[word])
    return Picked(word, layer, int(change.argmax()))


def _numbers(explanation: "Explanation", picked: Picked) -> Dict[str, Any]:
    """What the script computes with."""
    gates = explanation.states[:, :, :, [QUANTITIES.index(name) for name in GATES]]
    return {
        "words": explanation.words,
        "sentence": explanation.sentence.tolist(),
        "shape": gates.shape,
        "gates": base64.b64encode(gates.astype("<f4").tobytes()).decode("ascii"),
        "order": explanation.unit_order.tolist(),
        "labels": {head: explanation.chosen[head] for head in heads_of(explanation)},
        "bars": {
            **{f"leftOut {head}": _round(explanation.left_out[head].T) for head in heads_of(explanation)},
            **{f"adds {head}": _round(explanation.attributions[head]) for head in heads_of(explanation)},
        },
        "picked": picked._asdict(),
    }


def _round(table: numpy.ndarray) -> List[List[Optional[float]]]:
    return [[None if numpy.isnan(value) else round(value, 4) for value in row] for row in table.tolist()]


def _describe_size(explanation: "Explanation") -> str:
    n_members, depth, n_directions, _, n_words, n_units = explanation.states.shape
    counted = {"network": n_members, "layer": depth, "direction": n_directions, "unit": n_units}
    words, *sizes = [f"{n} {name}{'s' if n != 1 else ''}" for name, n in {"word": n_words, **counted}.items()]
    return f"{words} · {' &times; '.join(sizes)}"


def _choice(name: str, options: Sequence[str], picked: int = 0, notes: Sequence[str] = ()) -> str:
    """Radio buttons; none if there is nothing to choose."""
    if len(options) < 2 and name != "word":
        return ""
    radios = []
    for i, option in enumerate(options):
        checked = " checked" if i == picked else ""
        note = f"<small>{html.escape(notes[i])}</small>" if notes else ""
        radios.append(
            f'<label><input type="radio" name="{name}" value="{i}"{checked}>'
            f'<span dir="auto">{html.escape(option)}{note}</span></label>'
        )
    return f'<fieldset class="choice"><legend>{LEGENDS[name]}</legend><div>{"".join(radios)}</div></fieldset>'


def _render_words(explanation: "Explanation", title: str, render: Any) -> str:
    """Render a panel for each word; the script shows that of the picked one."""
    panels = []
    for i, word in enumerate(explanation.words):
        heading = f'<h3>“<span dir="auto">{html.escape(word)}</span>”{title}</h3>'
        panels.append(f'<div data-word="{i}">{heading}{render(explanation, i)}</div>')
    return "".join(panels)


def _render_lstm(explanation: "Explanation", member: int, layer: int, direction: int) -> str:
    """Render the gates and the equations of one LSTM; the script shows those of the picked one."""
    figures = [render(explanation, member, layer, direction) for render in (render_gates, render_equations)]
    place = f'data-member="{member}" data-layer="{layer}" data-direction="{direction}"'
    return f'<div class="gates" {place}>{"".join(figures)}</div>'


def _unit_table(explanation: "Explanation") -> str:
    """The places for a unit's numbers over the sentence; the script fills them."""
    header = "".join(f'<th scope="col" dir="auto">{html.escape(word)}</th>' for word in explanation.words)
    cells = "<td></td>" * len(explanation.words)
    rows = [
        f'<tr data-row="{name}"><th scope="row"><var>{shown.symbol}</var> {shown.name}</th>{cells}</tr>'
        for name, shown in SHOWN.items()
    ]
    return f'<thead><tr><th scope="col">Unit over the words</th>{header}</tr></thead><tbody>{"".join(rows)}</tbody>'


def _render_training(explanation: "Explanation") -> str:
    """The probabilities before and after training, side by side, of heads with few labels."""
    heads = [head for head in heads_of(explanation) if len(explanation.labels[head]) <= MOST_COLUMNS]
    if explanation.before is None or not heads:
        return ""
    tables = []
    for head in heads:
        labels = explanation.labels[head]
        groups = [f'<th scope="colgroup" colspan="{len(labels)}">{time} training</th>' for time in ("before", "after")]
        names = "".join(f'<th scope="col">{html.escape(label)}</th>' for label in labels)
        rows = []
        for word, *both in zip(explanation.words, explanation.before[head], explanation.probabilities[head]):
            cells = "".join(f'<td style="--v:{share:.3f}">{share:.3f}</td>' for share in numpy.concatenate(both))
            rows.append(f'<tr><th scope="row" dir="auto">{html.escape(word)}</th>{cells}</tr>')
        tables.append(
            f'<div class="scroller" tabindex="0" role="region" aria-label="{NAMES[head]} before and after training">'
            f'<table class="before"><caption>{NAMES[head]}</caption><thead><tr><td></td>{"".join(groups)}</tr><tr>'
            f'<th scope="col">word</th>{names * 2}</tr></thead><tbody>{"".join(rows)}</tbody></table></div>'
        )
    return (
        '<section aria-labelledby="before"><h2 id="before">Before and after training</h2>'
        "<p>The network began with random weights, which find no label much likelier than another. Training moved the "
        f"weights to those that are explained above.</p>{''.join(tables)}</section>"
    )
