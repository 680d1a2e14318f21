"""The figures of a report: each is a plot and a table of the same numbers."""

from bisect import bisect_right
from collections import Counter
from importlib.util import find_spec
from math import isnan, nan
from typing import Any, Callable, Dict, Iterable, List, Mapping, NamedTuple, Sequence, Tuple

from spacy.scorer import PRFScore

from ..annotation_layers import NAMES
from ..pipeline.calibration import expected_calibration_error
from .judgements import Judgement, LayerScores
from .scores import count_feature_confusions, count_words, score_features

# Heat maps have numbers in the place of longer labels beside their columns.
LONG_LABEL = 12
# How many labels plots show; heat maps fewer of those that are long.
N_CONFUSED, N_CONFUSED_LONG = 20, 15
N_DOTS = 50
N_CONFUSIONS = 100

# The lowest values of the groups of words: by counts in the training data, and by words in the sentence.
FREQUENCIES = (0, 1, 2, 5, 10, 30, 100, 1000)
LENGTHS = (1, 5, 10, 15, 20, 25, 30, 40)
# Lowest values of the bands of confidence, in percent. Most words are in the last ones.
CONFIDENCES = (0, 50, 60, 70, 80, 90, 95, 98)

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
    losses = _mean_losses(log)
    if len(log) > 2:
        log, losses = log[1:], losses[1:]
    best = max(range(len(log)), key=lambda i: float(log[i]["score"]))
    names = [layer for layer in layers if all(f"{layer}_acc" in row["scores"] for row in log)]
    accuracies = {NAMES[layer]: [row["scores"][f"{layer}_acc"] for row in log] for layer in names}
    return Figure(
        "training",
        "Learning curve",
        f"Accuracy on the development data, and the mean loss per batch of training data since the evaluation before. "
        f"The best evaluation was at step {log[best]['step']:,}, in epoch {log[best]['epoch']}.",
        ["step", "epoch", *accuracies, "loss"],
        [
            [
                f"{row['step']:,}",
                str(row["epoch"]),
                *(f"{values[i]:.2f}" for values in accuracies.values()),
                f"{loss:.3g}",
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
    bands: Dict[str, List[Tuple[float, float, int]]] = {}
    rows, errors = [], []
    for layer, layer_judgements in judgements.items():
        probabilities, are_right = with_probability(layer_judgements)
        if not probabilities:
            continue
        errors.append(f"{NAMES[layer]} {percent(expected_calibration_error(probabilities, are_right))}")
        members: List[List[Tuple[float, bool]]] = [[] for _ in CONFIDENCES]
        for probability, is_right in zip(probabilities, are_right):
            members[bisect_right(CONFIDENCES, round(100 * probability, 6)) - 1].append((probability, is_right))
        bands[NAMES[layer]] = []
        for low, high, band in zip(CONFIDENCES, (*CONFIDENCES[1:], 100), members):
            mean = sum(probability for probability, _ in band) / len(band) if band else nan
            share = sum(is_right for _, is_right in band) / len(band) if band else nan
            bands[NAMES[layer]].append((100 * mean, 100 * share, len(band)))
            if band:
                rows.append([NAMES[layer], f"{low}\u2013{high}%", f"{len(band):,}", percent(mean), percent(share)])
    return Figure(
        "reliability",
        "Accuracy by confidence",
        "Accuracy and mean confidence of the words in each band of confidence, in percent, and below it the share of "
        "all words in each band. Dots above the line are labels that are right more often than their confidence; bands "
        f"of few words have none. Expected calibration error, in percentage points: {', '.join(errors)}.",
        ["", "confidence", "words", "mean confidence", "accuracy"],
        rows,
        "plot_reliability",
        ([str(low) for low in CONFIDENCES], bands) if bands else (),
    )


def make_frequency_figure(judgements: Judgements) -> Figure:
    """Show accuracy by how often a word is in the training data.

    judgements (Mapping[str, Sequence[Judgement]]): The judgements in each layer.
    RETURNS (Figure): The figure.
    """
    return _make_groups_figure(
        "frequency",
        "Accuracy by word frequency",
        "count in the training data",
        judgements,
        FREQUENCIES,
        lambda judgement: judgement.n_seen,
        "Words that are too rare for the tagger's vocabulary count as 0.",
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
        "",
    )


def make_f_score_figure(layer: str, scores: LayerScores) -> Figure:
    """Show the F-score of each label.

    layer (str): "pos" or "tag".
    scores (LayerScores): Its scores.
    RETURNS (Figure): The figure.
    """
    return _make_f_score_figure(f"{layer}-labels", "label", scores.per_label)


def make_feature_figure(scores: LayerScores) -> Figure:
    """Show the F-score of each morphological feature.

    scores (LayerScores): The scores of the layer "morph".
    RETURNS (Figure): The figure.
    """
    return _make_f_score_figure("morph-features", "feature", score_features(scores.all))


def make_feature_confusion_figure(scores: LayerScores) -> Figure:
    """Show which values of morphological features are confused, as a table alone.

    scores (LayerScores): The scores of the layer "morph", with at least one mistake.
    RETURNS (Figure): The figure.
    """
    confusions = count_feature_confusions(scores.all)
    return Figure(
        "morph-confusions",
        "Confusions of features",
        'How many words have a wrong value of a feature. A value that is not there is "_".',
        ["feature", "gold", "predicted", "words"],
        [[*values, f"{count:,}"] for *values, count in confusions[:N_CONFUSIONS]],
        "",
        (),
        n_text=3,
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
    note: str,
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
        f"Accuracy in percent by {group_by}. {note}".strip(),
        [group_by, "words", *shares],
        [[names[i], f"{counts[i]:,}", *map(percent, row)] for i, row in zip(used, zip(*shares.values()))],
        "plot_groups",
        (
            [names[i] for i in used],
            {layer: [100 * share for share in values] for layer, values in shares.items()},
            group_by,
        ),
    )


def _make_f_score_figure(name: str, kind: str, scores: Mapping[str, PRFScore]) -> Figure:
    ordered = sorted(scores.items(), key=lambda item: -count_words(item[1]))
    rows = [
        [label, *(percent(rate) for rate in (score.precision, score.recall, score.fscore)), f"{count_words(score):,}"]
        for label, score in ordered
    ]
    shown = ordered[:N_DOTS]
    which = "" if len(shown) == len(ordered) else f" {len(shown)} most frequent"
    return Figure(
        name,
        f"F-score by {kind}",
        f"The F-scores of the{which} {kind}s in percent, and how many words have them. The most frequent are first.",
        [kind, "precision", "recall", "F", "words"],
        rows,
        "plot_dots",
        ({label: (100 * score.fscore, count_words(score)) for label, score in shown},) if shown else (),
    )


def _mean_losses(log: Sequence[Mapping[str, Any]]) -> List[float]:
    """Mean losses per step. The log has sums since the evaluation before; the first one is of a single step."""
    steps = [row["step"] for row in log]
    n_steps = [max(1, step - before) for step, before in zip(steps, [steps[0] - 1, *steps])]
    return [sum(row["losses"].values()) / n for row, n in zip(log, n_steps)]


def _are_long(labels: Iterable[str]) -> bool:
    return max(map(len, labels)) > LONG_LABEL
