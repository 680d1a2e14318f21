"""The equations of an LSTM, worked in the numbers of a forward pass, as HTML."""

import html
from typing import TYPE_CHECKING

import numpy

from ..recurrence import QUANTITIES
from .sentence_figures import format_signed

if TYPE_CHECKING:
    from ..explanation import Explanation

DIGITS = 4


def render_equations(explanation: "Explanation", member: int, layer: int, direction: int) -> str:
    """Render the equations of one LSTM at each word, for the unit whose cell moves most there."""
    states = dict(zip(QUANTITIES, explanation.states[member, layer, direction]))
    before = cells_before(explanation, member, layer, direction)
    rows = []
    for word, unit in enumerate(numpy.abs(states["cell"] - before).argmax(axis=1).tolist()):
        f, i, g, c, o, h = (_format(states[name][word, unit]) for name in QUANTITIES)
        rows.append(
            f'<tr><th scope="row" dir="auto">{html.escape(explanation.words[word])}</th><td>{unit}</td>'
            f"<td>{c} = {f} · {_format(before[word, unit])} + {i} · {g}</td><td>{h} = {o} · tanh {c}</td></tr>"
        )
    header = (
        '<tr><th scope="col">word</th><th scope="col">unit</th>'
        '<th scope="col"><var>c</var> = <var>f</var> · <var>c</var> before + <var>i</var> · <var>g</var></th>'
        '<th scope="col"><var>h</var> = <var>o</var> · tanh <var>c</var></th></tr>'
    )
    return (
        "<details><summary>At each word the unit whose memory changes most, worked</summary>"
        f'<div class="scroller" tabindex="0" role="region" aria-label="Worked equations"><table class="equations">'
        f"<thead>{header}</thead><tbody>{''.join(rows)}</tbody></table></div></details>"
    )


def cells_before(explanation: "Explanation", member: int, layer: int, direction: int) -> numpy.ndarray:
    """Find the cell state that an LSTM comes with to each word: zeros where a sentence begins for it.

    RETURNS (numpy.ndarray): float32, shape (n_words, hidden_width).
    """
    cell = explanation.states[member, layer, direction, QUANTITIES.index("cell")]
    nothing = numpy.zeros_like(cell[:1])
    is_edge = numpy.diff(explanation.sentence, prepend=-1, append=-1) != 0
    if direction == 0:
        before, begins = numpy.concatenate([nothing, cell[:-1]]), is_edge[:-1]
    else:
        before, begins = numpy.concatenate([cell[1:], nothing]), is_edge[1:]
    return numpy.where(begins[:, None], 0.0, before)


def _format(value: float) -> str:
    return format_signed(value, DIGITS).lstrip("+")
