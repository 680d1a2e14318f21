"""The figures of a report: each is a plot and a table of the same numbers."""

from bisect import bisect_right
from collections import Counter
from importlib.util import find_spec
from math import isnan, nan
from typing import Any, Callable, Dict, Iterable, List, Mapping, NamedTuple, Sequence, Tuple

from ..annotation_layers import NAMES
from ..pipeline.calibration import expected_calibration_error, reliability
from .judgements import Judgement, LayerScores

# Plots show labels that are longer than this in another way: above the bars, and beside the rows of a heat map alone.
LONG_LABEL = 12
# How many labels heat maps and bars show, if they are short and if they are long.
N_CONFUSED, N_CONFUSED_LONG = 20, 15
N_BARS, N_BARS_LONG = 50, 30
N_CONFUSIONS = 100

# The lowest values of the groups of words: by counts in the training data, and by words in the sentence.
FREQUENCIES = (0, 1, 2, 5, 10, 30, 100, 1000)
LENGTHS = (1, 5, 10, 15, 20, 25, 30, 40)

Judgements = Mapping[str, Sequence[Judgement]]


class Figure(NamedTuple):
    """A part of the report: a plot, and the same as a table.

    name (str): Its id in the page.
    title (str): Its heading.
    caption (str): What it shows.
    header (Sequence[str]): The table's header.
    rows (Sequence[Sequence[str]]): The table's rows.
    plot (str): The function of `plots` that draws it.
    data (Sequence[Any]): What the function draws.
    n_text (int): How many of the table's columns are text; the others are numbers.
    is_wide (bool): Whether the plot scrolls where it would be too small.
    """

    name: str
    title: str
    caption: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    plot: str
    data: Sequence[Any]
    n_text: int = 1
    is_wide: bool = False


def can_plot() -> bool:
    """RETURNS (bool): Whether reports have plots: matplotlib is an extra."""
    return find_spec("matplotlib") is not None


def draw_figure(figure: Figure) -> str:
    """RETURNS (str): The figure's plot as SVG; "" without matplotlib."""
    if not can_plot() or not figure.data:
        return ""
    from . import plots  # noqa: PLC0415 -- an extra, and half a second that other commands need not wait

    return str(getattr(plots, figure.plot)(figure.name, figure.title, figure.caption, *figure.data))


def make_training_figure(log: Sequence[Mapping[str, Any]], layers: Sequence[str]) -> Figure:
    """Show the learning curve. The first evaluation, of the untrained network, is left out: it would hide the others.

    log (Sequence[Mapping[str, Any]]): The rows that spaCy's console logger writes, at least one.
    layers (Sequence[str]): The layers to show: "pos", "tag", "morph".
    RETURNS (Figure): The figure.
    """
    log = log[1:] if len(log) > 2 else log
    best = max(range(len(log)), key=lambda i: float(log[i]["score"]))
    names = [layer for layer in layers if all(f"{layer}_acc" in row["scores"] for row in log)]
    accuracies = {NAMES[layer]: [row["scores"][f"{layer}_acc"] for row in log] for layer in names}
    losses = [sum(row["losses"].values()) for row in log]
    return Figure(
        "training",
        "Learning curve",
        f"Accuracy on the development data, and the loss on the training data, in each evaluation during training. "
        f"The best one was at step {log[best]['step']:,}, in epoch {log[best]['epoch']}.",
        ["step", "epoch", *accuracies, "loss"],
        [
            [
                f"{row['step']:,}",
                str(row["epoch"]),
                *(f"{values[i]:.2f}" for values in accuracies.values()),
                f"{loss:.2f}",
            ]
            for i, (row, loss) in enumerate(zip(log, losses))
        ],
        "plot_curves",
        ([row["step"] for row in log], accuracies, losses, best),
        n_text=0,
    )


def make_reliability_figure(judgements: Judgements) -> Figure:
    """Show accuracy by confidence.

    judgements (Mapping[str, Sequence[Judgement]]): The judgements in each layer.
    RETURNS (Figure): The figure.
    """
    bins: Dict[str, List[Tuple[float, float, int]]] = {}
    rows, errors = [], []
    for layer, layer_judgements in judgements.items():
        sure = with_probability(layer_judgements)
        if not sure[0]:
            continue
        counts, confidences, accuracies = reliability(*sure)
        errors.append(f"{NAMES[layer]} {percent(expected_calibration_error(*sure))}")
        bins[NAMES[layer]] = []
        for i, (count, confidence, share) in enumerate(zip(counts, confidences, accuracies)):
            if count:
                bins[NAMES[layer]].append((100 * confidence, 100 * share, int(count)))
                low, high = 100 * i // len(counts), 100 * (i + 1) // len(counts)
                rows.append([NAMES[layer], f"{low}\u2013{high}%", f"{count:,}", percent(confidence), percent(share)])
    return Figure(
        "reliability",
        "Reliability",
        "How often the tagger is right when it is so sure, in percent. Above the line it is more often right than it "
        "says. Larger dots stand for more words; those of very few are left out. "
        f"Expected calibration error, in percentage points: {', '.join(errors)}.",
        ["", "confidence", "words", "mean confidence", "accuracy"],
        rows,
        "plot_reliability",
        (bins,) if bins else (),
    )


def make_frequency_figure(judgements: Judgements) -> Figure:
    """Show accuracy by how often a word is in the training data.

    judgements (Mapping[str, Sequence[Judgement]]): The judgements in each layer.
    RETURNS (Figure): The figure.
    """
    group_by = "how often the word is in the training data"
    return _make_groups_figure(
        "frequency", "Accuracy by word frequency", group_by, judgements, FREQUENCIES, lambda judgement: judgement.n_seen
    )


def make_length_figure(judgements: Judgements) -> Figure:
    """Show accuracy by the length of a word's sentence.

    judgements (Mapping[str, Sequence[Judgement]]): The judgements in each layer.
    RETURNS (Figure): The figure.
    """
    return _make_groups_figure(
        "length",
        "Accuracy by sentence length",
        "words in the sentence",
        judgements,
        LENGTHS,
        lambda judgement: len(judgement.token.doc),
    )


def make_f_score_figure(layer: str, scores: LayerScores) -> Figure:
    """Show the F-score of each label.

    layer (str): "pos", "tag" or "morph".
    scores (LayerScores): Its scores.
    RETURNS (Figure): The figure.
    """
    per_label = sorted(scores.per_label.items(), key=lambda item: -(item[1].tp + item[1].fn))
    rows = [
        [label, *(percent(rate) for rate in (score.precision, score.recall, score.fscore)), f"{score.tp + score.fn:,}"]
        for label, score in per_label
    ]
    are_long = _are_long(scores.per_label)
    shown = per_label[: N_BARS_LONG if are_long else N_BARS]
    which = "" if len(shown) == len(per_label) else f" {len(shown)} most frequent"
    return Figure(
        f"{layer}-labels",
        "F-score by label",
        f"The F-scores of the{which} labels in percent, in the order of how frequent they are.",
        ["label", "precision", "recall", "F", "words"],
        rows,
        "plot_bars",
        ({label: 100 * score.fscore for label, score in shown}, are_long),
    )


def make_confusion_figure(layer: str, scores: LayerScores) -> Figure:
    """Show which labels are confused.

    layer (str): "pos", "tag" or "morph".
    scores (LayerScores): Its scores, with at least one mistake.
    RETURNS (Figure): The figure.
    """
    involved: Counter[str] = Counter()
    for gold, predicted, count in scores.errors:
        involved.update({gold: count, predicted: count})
    n_labels = N_CONFUSED_LONG if _are_long(involved) else N_CONFUSED
    labels = sorted(label for label, _ in involved.most_common(n_labels))
    shown = {(gold, predicted): count for gold, predicted, count in scores.errors if {gold, predicted} <= set(labels)}
    which = f", among the {len(labels)} labels most often confused" if len(labels) < len(involved) else ""
    return Figure(
        f"{layer}-confusions",
        "Confusions",
        f"How many words with the gold label of the row were predicted to have that of the column{which}: "
        f"{sum(shown.values()):,} of {sum(count for *_, count in scores.errors):,} mistakes. "
        f"The numbers are those of the {len(scores.errors[:N_CONFUSIONS])} most frequent confusions.",
        ["gold", "predicted", "words"],
        [[gold, predicted, f"{count:,}"] for gold, predicted, count in scores.errors[:N_CONFUSIONS]],
        "plot_confusions",
        (labels, shown, _are_long(labels)) if shown else (),
        n_text=2,
        is_wide=True,
    )


def with_probability(judgements: Sequence[Judgement]) -> Tuple[List[float], List[bool]]:
    """RETURNS (Tuple[List[float], List[bool]]): Probabilities of the tagger's labels, and whether they are right."""
    sure = [(judgement.probability, judgement.is_right) for judgement in judgements if not isnan(judgement.probability)]
    return [probability for probability, _ in sure], [is_right for _, is_right in sure]


def percent(share: float, digits: int = 2) -> str:
    """RETURNS (str): A share in percent; "-" if there is none."""
    return "-" if isnan(share) else f"{100 * share:.{digits}f}"


def _make_groups_figure(
    name: str,
    title: str,
    group_by: str,
    judgements: Judgements,
    starts: Sequence[int],
    measure: Callable[[Judgement], int],
) -> Figure:
    """Show accuracy by groups of words. `starts` are the lowest values of `measure` in each group."""
    is_right: Dict[str, List[List[bool]]] = {}
    for layer, layer_judgements in judgements.items():
        groups = is_right[NAMES[layer]] = [[] for _ in starts]
        for judgement in layer_judgements:
            groups[bisect_right(starts, measure(judgement)) - 1].append(judgement.is_right)
    counts = [max(map(len, groups)) for groups in zip(*is_right.values())]
    used = [i for i, count in enumerate(counts) if count]
    lasts = [start - 1 for start in starts[1:]]
    names = [str(a) if a == b else f"{a}\u2013{b}" for a, b in zip(starts, lasts)] + [f"{starts[-1]}+"]
    shares = {
        layer: [sum(groups[i]) / len(groups[i]) if groups[i] else nan for i in used]
        for layer, groups in is_right.items()
    }
    return Figure(
        name,
        title,
        f"Accuracy in percent by {group_by}.",
        [group_by, "words", *shares],
        [[names[i], f"{counts[i]:,}", *map(percent, row)] for i, row in zip(used, zip(*shares.values()))],
        "plot_groups",
        (
            [names[i] for i in used],
            {layer: [100 * share for share in values] for layer, values in shares.items()},
            group_by,
        ),
    )


def _are_long(labels: Iterable[str]) -> bool:
    return max(map(len, labels)) > LONG_LABEL
