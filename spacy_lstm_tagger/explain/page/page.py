"""An explanation as a page that is complete in itself: no network, no build step, readable without JavaScript.

All that is shown is in the HTML, but for the numbers of a unit that the reader picks and the bars of a single word,
which the script on the page works and draws. Otherwise the script only picks what is seen.
"""

import base64
from importlib.resources import files
from typing import Any, Dict, List, NamedTuple, Optional

import numpy
from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from ...annotation_layers import NAMES
from ..decisions import Decisions
from ..forward_pass import ForwardPass
from ..lexicon import KnownWord
from ..reasons import Reasons
from ..recurrence import QUANTITIES
from .sentence_figures import DIRECTIONS, SHOWN, draw_gates, draw_matrices, draw_network, heads_of, shorten
from .word_panels import divide_word, draw_spelling, find_likeliest, list_neighbours, sum_up

# A head of more labels has no table of all its probabilities before and after training.
MOST_COLUMNS = 12
# So many units are shown at first.
N_TOP_UNITS = 8
# What the script works the states from.
GATES = ("forget", "input", "candidate", "output")


class Picked(NamedTuple):
    """What the page shows when it opens: a word, and a unit of a layer of the first network, rightwards."""

    word: int
    layer: int
    unit: int


def render_page(decisions: Decisions, forward_pass: ForwardPass, reasons: Reasons, lexicon: List[KnownWord]) -> str:
    """Render an explanation.

    decisions (Decisions): The words and their labels.
    forward_pass (ForwardPass): What the network computes.
    reasons (Reasons): Which words the labels depend on.
    lexicon (List[KnownWord]): How frequent each word is, and its neighbours.
    RETURNS (str): The page, HTML.
    """
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined)
    environment.filters.update(percent=format_percent, signed=format_signed, shorten=shorten)
    directory = files(__package__)
    template, style, script = (directory.joinpath(f"page.{kind}").read_text("utf8") for kind in ("html", "css", "js"))
    n_members, depth, n_directions, _, n_words, n_units = forward_pass.states.shape
    places = [(m, n, d) for m in range(n_members) for n in range(depth) for d in range(n_directions)]
    heads = heads_of(decisions)
    picked = pick(decisions, forward_pass, reasons)
    numbers = _numbers(decisions, forward_pass, reasons, picked)
    return environment.from_string(template).render(
        style=Markup(style),
        script=Markup(script),
        numbers=numbers,
        text=decisions.text.strip(),
        size={"word": n_words, "network": n_members, "layer": depth, "direction": n_directions, "unit": n_units},
        picked=picked,
        words=decisions.words,
        unknown=[not known.frequency for known in lexicon],
        is_first=(numpy.diff(decisions.sentence, prepend=-1) != 0).tolist(),
        is_last=(numpy.diff(decisions.sentence, append=-1) != 0).tolist(),
        heads=heads,
        names=NAMES,
        head_names=[NAMES[head] for head in heads],
        chosen=decisions.chosen,
        shares={head: table.max(axis=1) for head, table in decisions.probabilities.items()},
        directions=[f"{arrow} {name}" for arrow, name in DIRECTIONS.items()][:n_directions],
        networks=[draw_network(forward_pass, member) for member in range(n_members)],
        likeliest=[{head: find_likeliest(decisions, word, head) for head in heads} for word in range(n_words)],
        lstms=[draw_gates(decisions, forward_pass, *place) for place in places],
        quantities=SHOWN,
        n_top_units=N_TOP_UNITS,
        summaries=[{head: sum_up(decisions, reasons, word, head) for head in heads} for word in range(n_words)],
        parts=[{head: divide_word(reasons, word, head) for head in heads} for word in range(n_words)],
        spellings=[draw_spelling(decisions, forward_pass, reasons, word) for word in range(n_words)],
        matrices={head: draw_matrices(reasons, head) for head in heads},
        lexicon=lexicon,
        neighbours=[list_neighbours(known) for known in lexicon],
        training=_compare_training(decisions),
    )


def pick(decisions: Decisions, forward_pass: ForwardPass, reasons: Reasons) -> Picked:
    """Pick the word whose label of the first head depends most on another word, and the unit of the last layer that
    adds most to that label."""
    head = heads_of(decisions)[0]
    word = int(numpy.nan_to_num(reasons.left_out[head]).min(axis=0).argmin())
    effects = reasons.unit_effects[head][0, 0, word]
    return Picked(word, forward_pass.states.shape[1] - 1, int(numpy.abs(effects).argmax()))


def format_percent(share: float) -> str:
    """RETURNS (str): A probability in percent."""
    return f"{100 * share:.1f}%"


def format_signed(value: float, digits: int = 2) -> str:
    """RETURNS (str): A number with its sign."""
    return f"{value:+.{digits}f}".replace("-", "\N{MINUS SIGN}")


def _numbers(decisions: Decisions, forward_pass: ForwardPass, reasons: Reasons, picked: Picked) -> Dict[str, Any]:
    """What the script computes with."""
    gates = forward_pass.states[:, :, :, [QUANTITIES.index(name) for name in GATES]]
    bars = {}
    for head in heads_of(decisions):
        bars[f"leftOut {head}"] = _round(reasons.left_out[head].T)
        bars[f"adds {head}"] = _round(reasons.attributions[head])
    return {
        "words": decisions.words,
        "sentence": decisions.sentence.tolist(),
        "shape": gates.shape,
        "gates": base64.b64encode(gates.astype("<f4").tobytes()).decode("ascii"),
        "order": forward_pass.unit_order.tolist(),
        "labels": {head: decisions.chosen[head] for head in heads_of(decisions)},
        "bars": bars,
        "top": _find_top_units(reasons, heads_of(decisions)),
        "picked": picked._asdict(),
    }


def _find_top_units(reasons: Reasons, heads: List[str]) -> List[Any]:
    """RETURNS (List[Any]): For each head, network, direction and word the units of the last layer that add most to the
    label, in absolute terms, or nothing if the layer is as small as a reader can take in."""
    effects = numpy.stack([numpy.abs(reasons.unit_effects[head]) for head in heads])
    if effects.shape[-1] <= 2 * N_TOP_UNITS:
        return []
    top: List[Any] = numpy.argsort(-effects, axis=-1, kind="stable")[..., :N_TOP_UNITS].tolist()
    return top


def _round(table: numpy.ndarray) -> List[List[Optional[float]]]:
    return [[None if numpy.isnan(value) else round(value, 4) for value in row] for row in table.tolist()]


def _compare_training(decisions: Decisions) -> List[Dict[str, Any]]:
    """RETURNS (List[Dict[str, Any]]): The probabilities before and after training, of heads with few labels."""
    if decisions.before is None:
        return []
    return [
        {
            "name": NAMES[head],
            "labels": decisions.labels[head],
            "rows": numpy.concatenate([decisions.before[head], decisions.probabilities[head]], axis=1).tolist(),
        }
        for head in heads_of(decisions)
        if len(decisions.labels[head]) <= MOST_COLUMNS
    ]
