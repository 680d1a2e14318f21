"""An evaluation report as one HTML page that needs no network. Only the sorting of its tables needs JavaScript."""

from collections import Counter
from importlib.metadata import version
from importlib.resources import files
from math import isnan
from pathlib import Path
from typing import Any, Callable, Dict, Iterable, List, Mapping, Optional, Sequence, Tuple

import srsly
from jinja2 import Environment
from spacy.language import Language
from spacy.scorer import PRFScore

from ..annotation_layers import NAMES
from ..pipeline.calibration import expected_calibration_error
from .figures import (
    Figure,
    Judgements,
    can_plot,
    draw_figure,
    make_confusion_figure,
    make_f_score_figure,
    make_feature_confusion_figure,
    make_feature_figure,
    make_frequency_figure,
    make_length_figure,
    make_reliability_figure,
    make_training_figure,
    percent,
    with_probability,
)
from .judgements import Judgement, LayerScores, accuracy, count_confusions
from .scores import differences

REPORT_FILE = "report.html"

# How many mistakes a layer shows, and how many of them without unfolding the others.
N_MISTAKES, N_OPEN = 50, 10
# Words on each side of a mistake.
CONTEXT = 25


def write_report(
    directory: Path,
    nlp: Language,
    data: Any,
    judgements: Judgements,
    raw: Mapping[str, PRFScore] = {},
    training_log: Optional[Path] = None,
    training_run: Mapping[str, Any] = {},
    show_progress: Callable[[Sequence[Figure]], Iterable[Figure]] = iter,
    baseline: Mapping[str, Any] = {},
) -> Path:
    """Write the report on a pipeline. Without matplotlib, it has tables in the place of plots.

    directory (Path): Where to write it. It is created if it does not exist.
    nlp (Language): The pipeline.
    data (Any): The name of the annotated sentences.
    judgements (Mapping[str, Sequence[Judgement]]): What `judge_words` returned for them.
    raw (Mapping[str, PRFScore]): The scores of each layer on raw text, see `score_raw_text`.
    training_log (Optional[Path]): What spaCy's console logger wrote as JSON lines in training, if it is there.
    training_run (Mapping[str, Any]): What `train` recorded of the training, if that is known.
    show_progress (Callable[[Sequence[Figure]], Iterable[Figure]]): Iterates over the figures, which are drawn one by
        one.
    baseline (Mapping[str, Any]): The scores of another tagger on the same data, see `read_scores`.
    RETURNS (Path): The report's file. Raises a ValueError if there are no judgements.
    """
    if not any(judgements.values()):
        raise ValueError(f"{data} has no annotation to report on: its words have no tag, no UPOS and no FEATS.")
    scores = count_confusions(judgements, raw)
    page = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(
        files(__package__).joinpath("report.html").read_text("utf8")
    )
    log = list(srsly.read_jsonl(training_log)) if training_log is not None and training_log.is_file() else []
    overview = [
        *([make_training_figure(log, list(judgements))] if log else []),
        make_reliability_figure(judgements),
        make_frequency_figure(judgements),
        make_length_figure(judgements),
    ]
    layers: List[Dict[str, Any]] = [
        {
            "id": layer,
            "name": NAMES[layer],
            "accuracy": percent(accuracy(scores[layer].all)),
            "raw": percent(raw[layer].fscore) if layer in raw else None,
            "figures": _make_layer_figures(layer, scores[layer]),
            "mistakes": _describe_mistakes(find_surest_mistakes(judgements[layer])),
        }
        for layer in judgements
    ]
    figures = [*overview, *(figure for layer in layers for figure in layer["figures"])]
    html = page.render(
        title=f"Tagging report: {nlp.meta['lang']}_{nlp.meta['name']} on {Path(data).name}",
        facts=_state_facts(nlp, data, judgements, training_run, log),
        whole=_summarize_whole(judgements),
        n_open=N_OPEN,
        lang=nlp.lang,
        layers=layers,
        has_plots=can_plot(),
        overview=overview,
        svgs={figure.name: draw_figure(figure) for figure in show_progress(figures)},
        scores_header=[
            "",
            "raw text, F",
            "accuracy",
            "known words",
            "unknown words",
            "words",
            "unknown",
            "calibration error",
        ],
        scores=[row for layer in judgements for row in _summarize(layer, judgements[layer], scores[layer], baseline)],
    )
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / REPORT_FILE
    path.write_text(html, encoding="utf8")
    return path


def find_surest_mistakes(judgements: Sequence[Judgement], n_mistakes: int = N_MISTAKES) -> List[Judgement]:
    """Find the wrong labels with the highest probability.

    judgements (Sequence[Judgement]): The judgements in one layer.
    n_mistakes (int): How many to find.
    RETURNS (List[Judgement]): The most probable first.
    """
    wrong = [judgement for judgement in judgements if not judgement.is_right and not isnan(judgement.probability)]
    return sorted(wrong, key=lambda judgement: -judgement.probability)[:n_mistakes]


def _make_layer_figures(layer: str, scores: LayerScores) -> List[Figure]:
    if layer == "lemma":  # which has as many labels as there are words
        return []
    if layer == "morph":
        return [make_feature_figure(scores), *([make_feature_confusion_figure(scores)] if scores.errors else [])]
    return [
        make_f_score_figure(layer, scores),
        *([make_confusion_figure(layer, scores)] if scores.errors else []),
    ]


def _state_facts(
    nlp: Language, data: Any, judgements: Judgements, training_run: Mapping[str, Any], log: Sequence[Mapping[str, Any]]
) -> List[Tuple[str, str]]:
    docs = {id(judgement.token.doc) for layer in judgements.values() for judgement in layer}
    n_words = max(map(len, judgements.values()))
    meta = nlp.meta
    return [
        ("Data", f"{data}, {len(docs):,} sentences, {n_words:,} words"),
        ("Pipeline", f"{meta['lang']}_{meta['name']} {meta['version']} ({', '.join(nlp.pipe_names)})"),
        ("Versions", ", ".join(f"{name} {version(name)}" for name in ("spacy-lstm-tagger", "spacy", "torch"))),
        *((str(name), str(fact)) for name, fact in training_run.items()),
        *([("Steps", f"{log[-1]['step']:,} in {log[-1]['epoch'] + 1} epochs")] if log else []),
    ]


def _summarize_whole(judgements: Judgements) -> str:
    """Accuracy where all layers must be right, of words and of sentences."""
    are_right: Dict[int, Dict[int, bool]] = {}
    for layer in judgements.values():
        for judgement in layer:
            words = are_right.setdefault(id(judgement.token.doc), {})
            words[judgement.token.i] = words.get(judgement.token.i, True) and judgement.is_right
    n_words = sum(map(len, are_right.values()))
    n_right = sum(sum(words.values()) for words in are_right.values())
    n_whole = sum(all(words.values()) for words in are_right.values())
    return (
        f"{percent(n_right / n_words)} % of words have the gold label in every layer, and "
        f"{percent(n_whole / len(are_right))} % of sentences have no mistake."
    )


def _summarize(
    layer: str, judgements: Sequence[Judgement], scores: LayerScores, baseline: Mapping[str, Any]
) -> List[List[str]]:
    """A layer's row in the table of scores, and one of differences if there is something to compare with."""
    n_unknown = sum(scores.unknown.values())
    sure = with_probability(judgements)
    row = [
        NAMES[layer],
        percent(scores.raw.fscore) if scores.raw else "-",
        percent(accuracy(scores.all)),
        percent(accuracy(scores.known)) if scores.known else "-",
        percent(accuracy(scores.unknown)) if n_unknown else "-",
        f"{len(judgements):,}",
        f"{n_unknown:,}",
        percent(expected_calibration_error(*sure)) if sure[0] else "-",
    ]
    changes = differences(layer, scores, baseline)
    return [row, [f"{NAMES[layer]}, difference", *changes, "", "", ""]] if changes else [row]


def _describe_mistakes(judgements: Sequence[Judgement]) -> List[Dict[str, Any]]:
    """What the page shows of each mistake. The same mistake in the same sentence is shown once, with its count."""
    counts: Counter[Tuple[Tuple[str, str], ...]] = Counter()
    shown: Dict[Tuple[Tuple[str, str], ...], Dict[str, Any]] = {}
    for judgement in judgements:
        mistake = _describe_mistake(judgement)
        key = tuple((name, mistake[name]) for name in ("before", "word", "after", "predicted", "gold"))
        counts[key] += 1
        shown.setdefault(key, mistake)
    return [{**mistake, "count": counts[key]} for key, mistake in shown.items()]


def _describe_mistake(judgement: Judgement) -> Dict[str, str]:
    token, doc = judgement.token, judgement.token.doc
    start, end = max(0, token.i - CONTEXT), min(len(doc), token.i + 1 + CONTEXT)
    seen = {0: "not", 1: "once"}.get(judgement.n_seen, f"{judgement.n_seen:,} times")
    return {
        "before": ("… " if start else "") + doc[start : token.i].text_with_ws,
        "word": token.text,
        "after": token.whitespace_ + doc[token.i + 1 : end].text + (" …" if end < len(doc) else ""),
        "predicted": judgement.predicted,
        "gold": judgement.gold,
        "probability": f"{100 * judgement.probability:.1f}%",
        "seen": f"{seen} in the training data",
    }
