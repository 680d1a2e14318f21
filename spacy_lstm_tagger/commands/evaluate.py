"""Measure a tagger on annotated sentences."""

from functools import partial
from pathlib import Path
from typing import Dict, Optional, Union

import typer
from wasabi import msg

from ..annotation_layers import NAMES
from ..evaluation.judgements import LayerScores, accuracy, count_confusions, judge_words
from ..evaluation.report import REPORT_FILE, can_plot, write_report
from ..formats.treebank import create_treebank_v1
from ..pipeline.loading import load_pipeline
from .cli import clean_exit, lstm_tagger_cli, show_progress

# What `train` leaves beside the pipelines.
TRAINING_LOG = "training-log.jsonl"
N_CONFUSIONS = 15


@lstm_tagger_cli.command("evaluate")
def evaluate_cli(
    model: str = typer.Argument(..., help="Directory or package of a pipeline, or 'en'"),
    data_path: Path = typer.Argument(..., metavar="DATA", help="Annotated sentences", exists=True),
    format: Optional[str] = typer.Option(None, "--format", "-f", help="Format of the sentences. Default: by content"),
    report: Optional[Path] = typer.Option(
        None,
        "--report",
        "-r",
        metavar="DIR",
        help="Directory for a report with plots, as one HTML page",
        file_okay=False,
    ),
) -> None:
    """
    Compare a tagger's labels with those of annotated sentences, on the words and sentences that these have.
    """
    with clean_exit():
        print_scores(evaluate(model, data_path, format=format, report=report))
        if report is not None:
            announce_report(report / REPORT_FILE)


def evaluate(
    model: Union[str, Path], data_path: Path, *, format: Optional[str] = None, report: Optional[Path] = None
) -> Dict[str, LayerScores]:
    """Compare a tagger's labels with those of annotated sentences.

    model (Union[str, Path]): Directory or package of a pipeline with an LSTM tagger.
    data_path (Path): Annotated sentences.
    format (Optional[str]): The format of the sentences. None: detected from their content.
    report (Optional[Path]): A directory for an HTML report. It has the learning curve if the pipeline is where `train`
        wrote it.
    RETURNS (Dict[str, LayerScores]): Scores of each annotated layer: "pos", "tag", "morph".
    """
    nlp = load_pipeline(model)
    read = create_treebank_v1(data_path, format, multiword="split", gold_preproc=True)
    examples = list(show_progress(read(nlp), unit=" sentences"))
    judgements = judge_words(nlp, show_progress(examples, unit=" sentences"))
    if report is not None:
        training_log = Path(model).parent / TRAINING_LOG
        draw = partial(show_progress, unit=" plots")
        write_report(report, nlp, data_path, judgements, training_log, draw)
    return count_confusions(judgements)


def announce_report(path: Path) -> None:
    """Print where a report is, and how to get plots if it has none.

    path (Path): The report's file.
    """
    if not can_plot():
        msg.warn("The report has no plots, since matplotlib is not installed.", 'pip install "spacy-lstm-tagger[plot]"')
    msg.good(f"Report: {path}")


def print_scores(layers: Dict[str, LayerScores]) -> None:
    """Print accuracy, precision, recall and F-score of each label, and the most frequent confusions.

    layers (Dict[str, LayerScores]): What `evaluate` returned.
    """
    rows = []
    for name, scores in layers.items():
        words, unknown = sum(scores.all.values()), sum(scores.unknown.values())
        shares = [accuracy(scores.all), accuracy(scores.known), accuracy(scores.unknown) if unknown else None]
        rows.append(
            [NAMES[name], *("-" if x is None else f"{100 * x:.2f}" for x in shares), f"{words:,}", f"{unknown:,}"]
        )
    header = ["", "accuracy", "known words", "unknown words", "words", "of them unknown"]
    msg.table(
        rows,
        header=header,
        divider=True,
        aligns=tuple("lrrrrr"),
        title="Accuracy in percent, on the words and sentences of the data",
    )
    for name, scores in layers.items():
        rows = []
        for label, score in scores.per_label.items():
            rates = [f"{100 * rate:.2f}" for rate in (score.precision, score.recall, score.fscore)]
            rows.append([label, *rates, f"{score.tp + score.fn:,}"])
        msg.table(
            rows,
            header=["", "P", "R", "F", "words"],
            divider=True,
            aligns=tuple("lrrrr"),
            title=f"{NAMES[name]} by label",
        )
    for name, scores in layers.items():
        if scores.errors:
            rows = [[gold, given, str(count)] for gold, given, count in scores.errors[:N_CONFUSIONS]]
            title = f"{NAMES[name]}: most frequent confusions"
            msg.table(rows, header=["gold", "predicted", "words"], divider=True, aligns=tuple("llr"), title=title)
