"""The page's figures that have a column for each word, as data for the template."""

from typing import Any, Dict, List, NamedTuple

import numpy

from ...annotation_layers import NAMES
from ..decisions import Decisions
from ..forward_pass import ForwardPass, cells_before
from ..reasons import Reasons
from ..recurrence import QUANTITIES
from .heat_map import draw

# The order in which heads are shown, the most general labels first.
HEADS = ("pos", "tag", "morph", "lemma", "sents")
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


def draw_network(forward_pass: ForwardPass, member: int) -> List[Dict[str, str]]:
    """RETURNS (List[Dict[str, str]]): The rows of the unrolled network, from the labels down to the word vectors: the
    `name` of each, a `note`, its `kind`, and its `picture` with a pixel column for each word."""
    rows = []
    if forward_pass.convolved.size:
        note = "of a word and its neighbours, for the labels alone"
        rows.append(_boxes("convolution", forward_pass.convolved[member], note=note))
    _, depth, n_directions, *_ = forward_pass.states.shape
    for layer in reversed(range(depth)):
        for direction, (arrow, kind) in enumerate(list(DIRECTIONS.items())[:n_directions]):
            hidden = forward_pass.states[member, layer, direction, QUANTITIES.index("hidden")]
            ordered = hidden[:, forward_pass.unit_order[member, layer, direction]]
            rows.append(_boxes(f"Layer {layer + 1} {arrow}", ordered, kind=kind))
    return [*rows, _boxes("word vector", forward_pass.vectors[member])]


def draw_gates(decisions: Decisions, forward_pass: ForwardPass, member: int, layer: int, direction: int) -> Any:
    """RETURNS (Dict[str, Any]): One LSTM: its place, its `title`, and the heat `maps` of its gates and states."""
    states = forward_pass.states[member, layer, direction]
    order = forward_pass.unit_order[member, layer, direction]
    arrow, name = list(DIRECTIONS.items())[direction]
    network = f"Network {member + 1}, layer" if len(forward_pass.states) > 1 else "Layer"
    maps = []
    for quantity, values in zip(QUANTITIES, states):
        shown = SHOWN[quantity]
        # What is bounded by 1 is shown on that scale, what is not, on its own.
        largest = float(numpy.abs(values).max()) if quantity in ("cell", "hidden") else 1.0
        sizes = zip(decisions.words, numpy.abs(values).mean(axis=1))
        description = f"{shown.name}, {len(order)} units by {len(values)} words. Average size by word: " + ", ".join(
            f"{word} {size:.2f}" for word, size in sizes
        )
        picture = draw(values[:, order].T, largest, signed=shown.is_signed)
        maps.append({"shown": shown, "largest": largest, "description": description, "picture": picture})
    return {
        "place": {"member": member, "layer": layer, "direction": direction},
        "title": f"{network} {layer + 1}, {arrow} {name}",
        "maps": maps,
        "equations": work_equations(states, decisions.sentence, direction),
    }


def work_equations(states: numpy.ndarray, sentence: numpy.ndarray, direction: int) -> List[Dict[str, Any]]:
    """Work the equations of one LSTM at each word, for the unit whose cell changes most there.

    states (numpy.ndarray): Its gates and states. float32, shape (6, n_words, hidden_width).
    sentence (numpy.ndarray): For each word the number of its sentence. int64, shape (n_words,).
    direction (int): 0 if it reads rightwards, 1 if leftwards.
    RETURNS (List[Dict[str, Any]]): For each word the `unit`, its cell `before`, and its value of each quantity.
    """
    cells = states[QUANTITIES.index("cell")]
    before = cells_before(cells, sentence, direction)
    units = numpy.abs(cells - before).argmax(axis=1).tolist()
    return [
        {"unit": unit, "before": before[word, unit], **dict(zip(QUANTITIES, states[:, word, unit]))}
        for word, unit in enumerate(units)
    ]


def draw_matrices(reasons: Reasons, head: str) -> List[Dict[str, Any]]:
    """RETURNS (List[Dict[str, Any]]): How the label of each word (row) depends on each word (column), by both
    measures: a `title`, the `largest` number, a `description` and a `picture`."""
    figures = []
    for kind, table in (
        ("change if left out", reasons.left_out[head].T),
        ("adds, by integrated gradients", reasons.attributions[head]),
    ):
        title = f"{NAMES[head]}: {kind}"
        largest = float(numpy.abs(numpy.nan_to_num(table)).max())
        description = f"{title}. A row for each word that is labelled, a column for each word that it may depend on."
        picture = draw(table, largest, signed=True)
        figures.append({"title": title, "largest": largest, "description": description, "picture": picture})
    return figures


def heads_of(decisions: Decisions) -> List[str]:
    """RETURNS (List[str]): The heads in the order in which they are shown."""
    return [head for head in HEADS if head in decisions.probabilities]


def shorten(label: str) -> str:
    """RETURNS (str): A label that fits in a column: of a bundle of features only the values."""
    features = [feature.partition("=") for feature in label.split("|")]
    return " ".join(name if value in ("", "Yes") else value for name, _, value in features)


def _boxes(name: str, values: numpy.ndarray, kind: str = "", note: str = "") -> Dict[str, str]:
    """A box for each word, filled with its row of numbers."""
    picture = draw(values.T, float(numpy.abs(values).max()), signed=True)
    return {"name": name, "note": note, "kind": kind, "picture": picture}
