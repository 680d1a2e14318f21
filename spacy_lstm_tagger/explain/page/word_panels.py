"""What the page shows of a single word, as data for the template."""

from typing import Any, Dict, List, NamedTuple, Sequence

import numpy

from ...annotation_layers import NAMES
from ..attribution import SMALLEST_DIFFERENCE, TOLERANCE
from ..decisions import Decisions
from ..forward_pass import ForwardPass
from ..lexicon import KnownWord
from ..reasons import Reasons
from ..recurrence import QUANTITIES
from .heat_map import draw
from .sentence_figures import DIRECTIONS, heads_of

N_LABELS = 5
N_REASONS = 3
# Of probabilities. What is below is not worth a sentence.
LEAST_CHANGE = 0.01
LEAST_SHARE = 0.005


class Bar(NamedTuple):
    """One row of a bar chart.

    name (str): What it stands for.
    share (float): The length of the bar, as a share of the longest. Negative on the other side.
    value (float): The number.
    """

    name: str
    share: float
    value: float


def find_likeliest(decisions: Decisions, word: int, head: str) -> List[Bar]:
    """RETURNS (List[Bar]): The likeliest labels of a word."""
    row = decisions.probabilities[head][word]
    likeliest = numpy.argsort(-row, kind="stable")[:N_LABELS].tolist()
    return [Bar(decisions.describe(head, word, label), float(row[label]), float(row[label])) for label in likeliest]


def sum_up(decisions: Decisions, reasons: Reasons, word: int, head: str) -> Dict[str, Any]:
    """RETURNS (Dict[str, Any]): A word's `label`, its probability (`share`), the `next` label and its probability, and
    the other words without which the probability changes most (`changes`: pairs of word and probability)."""
    table = decisions.probabilities[head][word]
    first, *others = numpy.argsort(-table, kind="stable")[:2].tolist()
    without = table[first] * numpy.exp(reasons.left_out[head][:, word])
    changes = numpy.abs(without - table[first])
    order = numpy.argsort(-changes, kind="stable")[:N_REASONS].tolist()  # NaN comes last
    return {
        "label": decisions.describe(head, word, first),
        "share": table[first],
        "next": [
            (decisions.describe(head, word, other), table[other]) for other in others if table[other] >= LEAST_SHARE
        ],
        "changes": [(decisions.words[other], without[other]) for other in order if changes[other] >= LEAST_CHANGE],
    }


def divide_word(reasons: Reasons, word: int, head: str) -> Dict[str, Any]:
    """RETURNS (Dict[str, Any]): What a word adds to its own label, part by part (`bars`), in all (`own`), what all
    words add (`total`), and by how much their sum is off that (`missing`), or None if it is within the tolerance."""
    own, total = reasons.parts[head][word], reasons.differences[head][word]
    missing = total - reasons.attributions[head][word].sum()
    is_off = abs(missing) > TOLERANCE * max(abs(total), SMALLEST_DIFFERENCE)
    return {
        "bars": _bars(reasons.part_names, own),
        "own": own.sum(),
        "total": total,
        "missing": missing if is_off else None,
    }


def draw_spelling(decisions: Decisions, forward_pass: ForwardPass, reasons: Reasons, word: int) -> Any:
    """RETURNS (Optional[Dict[str, Any]]): What each of a word's characters adds to its labels (`heads`), and pictures
    of the LSTMs that read them (`maps`). None if the network reads no characters."""
    letters = forward_pass.spelling[word]
    if not letters:
        return None
    maps = []
    for (arrow, name), states in zip(DIRECTIONS.items(), forward_pass.spellings[word]):
        hidden = states[QUANTITIES.index("hidden")]
        n_characters, n_units = hidden.shape
        order = numpy.argsort(hidden[-1 if name == "rightwards" else 0])
        description = f"Hidden state of the {name} character LSTM, {n_units} units by {n_characters} characters"
        maps.append({"arrow": arrow, "description": description, "picture": draw(hidden[:, order].T, 1.0, signed=True)})
    heads = [
        {"name": NAMES[head], "bars": _bars(letters, reasons.characters[head][word])} for head in heads_of(decisions)
    ]
    return {"heads": heads, "maps": maps, "n_characters": len(letters)}


def list_neighbours(known: KnownWord) -> List[Bar]:
    """RETURNS (List[Bar]): The words with the nearest vectors, and the cosines."""
    return [Bar(word, max(cosine, 0.0), cosine) for word, cosine in known.neighbours]


def _bars(names: Sequence[str], values: numpy.ndarray) -> List[Bar]:
    """Bars as shares of the largest value."""
    largest = max([float(numpy.abs(value)) for value in values], default=0.0) or 1.0
    return [Bar(name, float(value) / largest, float(value)) for name, value in zip(names, values)]
