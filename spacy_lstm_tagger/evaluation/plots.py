"""Plots as SVG for an HTML page: text stays text, and colours are those of the page.

The only file that needs matplotlib, which the extra `plot` installs.
"""

import io
import re
from contextlib import contextmanager
from html import escape
from typing import Any, Iterator, Mapping, Sequence, Tuple

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

# matplotlib draws with these placeholders; the SVG has the page's colours for light and dark in their place.
INK, MUTED, GRID, *SERIES = (f"#0{i}0{i}0{i}" for i in range(1, 7))
COLORS = {INK: "--ink", MUTED: "--muted", GRID: "--grid", **{c: f"--series-{i}" for i, c in enumerate(SERIES, 1)}}
MARKERS = ("o", "s", "^")

# In points. A phone shows them as pixels, a larger screen shows plots in twice the size.
WIDTH = 360
FONT_SIZE = 11
SETTINGS: Any = {
    "svg.fonttype": "none",
    "text.parse_math": False,  # "$" is a tag
    "font.size": FONT_SIZE,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": MUTED,
    "axes.grid": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "legend.frameon": False,
    "lines.linewidth": 1.5,
    "lines.markersize": 4,
}

# Bins with fewer words are left out, if there are others.
MIN_COUNT = 20
# The share of dots that the axis of a dot plot must have room for.
MOST = 0.75


class Plot:
    """A plot that is being drawn, and then its SVG."""

    def __init__(self, figure: Figure) -> None:
        """Set up a plot.

        figure (Figure): What is drawn on.
        """
        self.figure = figure
        self.svg = ""


@contextmanager
def draw(name: str, title: str, description: str, height: float) -> Iterator[Plot]:
    """Draw a plot.

    name (str): An id that no other plot of the page has.
    title (str): Its name for screen readers.
    description (str): Its description for screen readers.
    height (float): Its height in points.
    YIELDS (Plot): The plot. Its `svg` is set when the block ends.
    """
    with mpl.rc_context({**mpl.rcParamsDefault, **SETTINGS, "svg.hashsalt": name}):
        plot = Plot(Figure(figsize=(WIDTH / 72, height / 72), layout="constrained"))
        yield plot
        buffer = io.StringIO()
        no_metadata = dict.fromkeys(["Creator", "Date", "Format", "Type"])
        plot.figure.savefig(buffer, format="svg", transparent=True, metadata=no_metadata)
    plot.svg = _adapt_svg(buffer.getvalue(), name, title, description)


def plot_curves(
    name: str,
    title: str,
    description: str,
    steps: Sequence[float],
    accuracies: Mapping[str, Sequence[float]],
    losses: Sequence[float],
    best: int,
) -> str:
    """Plot the learning curve.

    steps (Sequence[float]): The steps of the evaluations.
    accuracies (Mapping[str, Sequence[float]]): The accuracy of each layer at these steps, in percent.
    losses (Sequence[float]): The losses at these steps.
    best (int): The index of the best evaluation.
    RETURNS (str): SVG.
    """
    with draw(name, title, description, height=330) as plot:
        upper, lower = plot.figure.subplots(2, 1, sharex=True, height_ratios=[2, 1])
        for (layer, values), color, marker in zip(accuracies.items(), SERIES, MARKERS):
            upper.plot(steps, values, color=color, marker=marker, label=layer, clip_on=False)
        upper.set_ylim(top=100)
        upper.axvline(steps[best], color=MUTED, linestyle=":", linewidth=1)
        upper.annotate(
            "best ", (steps[best], 0.02), xycoords=("data", "axes fraction"), ha="right", va="bottom", color=MUTED
        )
        upper.set_ylabel("accuracy, %")
        upper.legend(loc="lower right" if best < len(steps) / 2 else "lower center")
        lower.plot(steps, losses, color=INK)
        lower.set_ylim(bottom=0)
        lower.set_ylabel("loss per batch")
        lower.set_xlabel("step")
    return plot.svg


def plot_confusions(
    name: str,
    title: str,
    description: str,
    labels: Sequence[str],
    confusions: Mapping[Tuple[str, str], int],
    are_long: bool,
) -> str:
    """Plot a heat map of confusions.

    labels (Sequence[str]): Labels for rows and columns.
    confusions (Mapping[Tuple[str, str], int]): Counts of gold label (first) and predicted label (second).
    are_long (bool): Whether the labels are too long for the columns, which then have numbers.
    RETURNS (str): SVG.
    """
    place = {label: i for i, label in enumerate(labels)}
    most = max(confusions.values())
    with draw(name, title, description, height=(12 if are_long else 17) * len(labels) + 60) as plot:
        axes = plot.figure.subplots()
        axes.grid(False)
        for i in range(len(labels)):
            axes.add_patch(Rectangle((i - 0.5, i - 0.5), 1, 1, facecolor=GRID, linewidth=0))
        for (gold, predicted), count in confusions.items():
            x, y = place[predicted], place[gold]
            strength = 0.1 + 0.55 * (count / most) ** 0.5
            axes.add_patch(Rectangle((x - 0.5, y - 0.5), 1, 1, facecolor=SERIES[0], alpha=strength, linewidth=0))
            axes.text(x, y, str(count), ha="center", va="center", fontsize=0.65 * FONT_SIZE).set_in_layout(False)
        numbers = [str(i) for i in range(1, len(labels) + 1)]
        rows = [f"{label}  {number}" for label, number in zip(labels, numbers)] if are_long else labels
        font_size = (0.6 if are_long else 0.8) * FONT_SIZE
        axes.set_yticks(range(len(labels)), rows, fontsize=font_size)
        axes.set_xticks(range(len(labels)), numbers if are_long else labels, fontsize=font_size)
        axes.tick_params(axis="x", rotation=0 if are_long else 90)
        axes.tick_params(length=0)
        axes.set(xlim=(-0.5, len(labels) - 0.5), ylim=(len(labels) - 0.5, -0.5), xlabel="predicted", ylabel="gold")
        axes.xaxis.label.set_fontsize(font_size)
        axes.yaxis.label.set_fontsize(font_size)
        axes.spines[:].set_visible(False)
    return plot.svg


def plot_dots(name: str, title: str, description: str, values: Mapping[str, Tuple[float, int]]) -> str:
    """Plot one dot per label. The axis begins where most dots are; those below are arrows at its left end.

    values (Mapping[str, Tuple[float, int]]): The labels' values in percent, and their numbers of words.
    RETURNS (str): SVG.
    """
    scores = [score for score, _ in values.values()]
    start = next(low for low in (90, 80, 60, 0) if sum(score >= low for score in scores) >= MOST * len(scores))
    with draw(name, title, description, height=15 * len(values) + 45) as plot:
        axes = plot.figure.subplots()
        places = range(len(values))
        for is_below, marker in ((False, "o"), (True, "<")):
            dots = [(max(score, start), i) for i, score in enumerate(scores) if (score < start) == is_below]
            if dots:
                axes.plot(*zip(*dots), color=SERIES[0], marker=marker, linestyle="", clip_on=False)
        for place, (score, n_words) in enumerate(values.values()):
            text = f"{score:.1f} \u00b7 {n_words:,}"
            axes.text(1.03, place, text, transform=axes.get_yaxis_transform(), va="center", fontsize=0.75 * FONT_SIZE)
        axes.set_yticks(places, list(values), fontsize=0.8 * FONT_SIZE)
        axes.tick_params(axis="y", length=0)
        axes.set(xlim=(start, 100), ylim=(len(values) - 0.4, -0.6), xlabel="F-score, % \u00b7 words")
    return plot.svg


def plot_reliability(
    name: str,
    title: str,
    description: str,
    starts: Sequence[str],
    layers: Mapping[str, Sequence[Tuple[float, float, int]]],
) -> str:
    """Plot accuracy by confidence, and a histogram of confidences.

    starts (Sequence[str]): The lowest confidences of the bands, in percent.
    layers (Mapping[str, Sequence[Tuple[float, float, int]]]): For each layer the bands' mean confidence and accuracy in
        percent, and number of words.
    RETURNS (str): SVG.
    """
    with draw(name, title, description, height=400) as plot:
        upper, lower = plot.figure.subplots(2, 1, height_ratios=[5, 2])
        upper.plot([0, 100], [0, 100], color=MUTED, linestyle="--", linewidth=1, label="perfectly calibrated")
        width = 0.8 / len(layers)
        for i, ((layer, bands), color, marker) in enumerate(zip(layers.items(), SERIES, MARKERS)):
            shown = [band for band in bands if band[-1] >= MIN_COUNT] or [band for band in bands if band[-1]]
            confidences, accuracies, _ = zip(*shown)
            upper.plot(confidences, accuracies, color=color, marker=marker, label=layer, clip_on=False)
            n_words = sum(count for *_, count in bands)
            places = [place + (i - (len(layers) - 1) / 2) * width for place in range(len(starts))]
            lower.bar(places, [100 * count / n_words for *_, count in bands], width, color=color, alpha=0.7)
        lowest = min(min(line.get_ydata()) for line in upper.get_lines()[1:])
        low = 50 if lowest >= 50 else 0
        upper.set(xlim=(low, 100), ylim=(low, 100), xlabel="confidence, %", ylabel="accuracy, %")
        upper.legend(loc="upper left")
        names = [f"{a}\u2013{b}" for a, b in zip(starts, [*starts[1:], "100"])]
        lower.set_xticks(range(len(starts)), names, fontsize=0.75 * FONT_SIZE)
        lower.grid(axis="x", visible=False)
        lower.set(ylim=(0, 100), xlabel="confidence, %", ylabel="words, %")
    return plot.svg


def plot_groups(
    name: str, title: str, description: str, groups: Sequence[str], layers: Mapping[str, Sequence[float]], xlabel: str
) -> str:
    """Plot accuracy by groups of words.

    groups (Sequence[str]): The groups.
    layers (Mapping[str, Sequence[float]]): For each layer the groups' accuracies in percent.
    xlabel (str): What the groups are.
    RETURNS (str): SVG.
    """
    with draw(name, title, description, height=240) as plot:
        axes = plot.figure.subplots()
        for (layer, accuracies), color, marker in zip(layers.items(), SERIES, MARKERS):
            axes.plot(groups, accuracies, color=color, marker=marker, label=layer, clip_on=False)
        axes.tick_params(axis="x", labelsize=0.85 * FONT_SIZE)
        axes.set(xlabel=xlabel, ylabel="accuracy, %")
        axes.set_ylim(top=100)
        axes.legend(loc="best")
    return plot.svg


def _adapt_svg(svg: str, name: str, title: str, description: str) -> str:
    """Make matplotlib's SVG a part of a page: named for screen readers, in the page's font and colours, with no size of
    its own, and with no id that another plot has."""
    (view_box,) = re.findall(r'viewBox="[^"]*"', svg)
    body = svg[svg.index("</defs>") + len("</defs>") :]
    body = re.sub(r" font-family: [^;\"]*;?", "", body)
    used = set(re.findall(r'#([\w.-]+)[")]', body))
    body = re.sub(r' id="([^"]*)"', lambda m: f' id="{name}-{m[1]}"' if m[1] in used else "", body)
    body = re.sub(r'(url\(#|href="#)', rf"\g<1>{name}-", body).replace("xlink:href", "href")
    for color, variable in COLORS.items():
        body = body.replace(color, f"var({variable})")
    texts = f'<title id="{name}-title">{escape(title)}</title><desc id="{name}-text">{escape(description)}</desc>'
    return f'<svg {view_box} role="img" aria-labelledby="{name}-title {name}-text">{texts}{body}'
