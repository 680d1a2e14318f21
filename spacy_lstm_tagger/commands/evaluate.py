"""Measure a tagger on annotated sentences."""

from collections import Counter
from functools import partial
from itertools import zip_longest
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple, Union

import srsly
import typer
from spacy.language import Language
from spacy.scorer import PRFScore
from wasabi import msg, table

from ..annotation_layers import NAMES, TAG_LAYERS
from ..evaluation.judgements import LayerScores, accuracy, count_confusions, judge_words, tag_examples
from ..evaluation.report import REPORT_FILE, can_plot, write_report
from ..evaluation.scores import (
    count_words,
    describe_unknown_labels,
    differences,
    find_worst_labels,
    read_scores,
    score_features,
    scores_as_json,
)
from ..formats.raw_text import is_raw_text
from ..formats.treebank import create_treebank_v1, find_part
from ..pipeline.loading import find_tagger, load_pipeline
from ..pipeline.scorer import score_raw_text
from .cli import clean_exit, lstm_tagger_cli, show_progress

# What `train` leaves beside the pipelines: spaCy's log, and facts about the run that the report shows.
TRAINING_LOG, TRAINING_RUN = "training-log.jsonl", "training-run.json"
N_WORST = 10
# For a tagger that finds sentences, raw text is read in documents of up to so many words, else by sentence.
WORDS_OF_DOCUMENT = 1000
DIFFERENCE = "  difference"


@lstm_tagger_cli.command("evaluate")
def evaluate_cli(
    model: str = typer.Argument(..., help="Directory or package of a pipeline, or a name such as 'en'"),
    data_path: Path = typer.Argument(
        ...,
        metavar="DATA",
        help="Annotated sentences: a file, or the directory of a treebank, for its dev part",
        exists=True,
    ),
    format: Optional[str] = typer.Option(None, "--format", "-f", help="Format of the sentences. Default: by content"),
    ambiguous: bool = typer.Option(
        False, "--ambiguous", help="'NN|VB' in DATA are two tags that a word may have; it is not scored"
    ),
    report: Optional[Path] = typer.Option(
        None,
        "--report",
        "-r",
        metavar="DIR",
        help="Directory for a report with plots, as one HTML page",
        file_okay=False,
    ),
    output: Optional[Path] = typer.Option(
        None, "--output", "-o", metavar="FILE", help="File for all scores, as JSON", dir_okay=False
    ),
    compare: Optional[Path] = typer.Option(
        None,
        "--compare",
        metavar="FILE",
        help="What --output wrote for another tagger on the same data, to show the differences",
        exists=True,
        dir_okay=False,
    ),
) -> None:
    """
    Compare a tagger's labels with those of annotated sentences, on the words and sentences that these have, and on
    their text.
    """
    with clean_exit():
        baseline = {} if compare is None else read_scores(compare)
        layers = evaluate(model, data_path, format=format, ambiguous=ambiguous, report=report, baseline=baseline)
        print_scores(layers, baseline)
        if output is not None:
            output.parent.mkdir(parents=True, exist_ok=True)
            srsly.write_json(output, scores_as_json(layers))
            msg.good(f"Scores: {output}")
        if report is not None:
            announce_report(report / REPORT_FILE)


def evaluate(
    model: Union[str, Path],
    data_path: Path,
    *,
    format: Optional[str] = None,
    ambiguous: bool = False,
    report: Optional[Path] = None,
    baseline: Mapping[str, Any] = {},
) -> Dict[str, LayerScores]:
    """Compare a tagger's labels with those of annotated sentences.

    model (Union[str, Path]): Directory or package of a pipeline with an LSTM tagger.
    data_path (Path): Annotated sentences: a file, a directory of files, or a treebank's directory, of which the
        development part is taken.
    format (Optional[str]): The format of the sentences. None: detected from their content.
    ambiguous (bool): Whether "NN|VB" in the data are two tags that a word may have. It is not scored then.
    report (Optional[Path]): A directory for an HTML report. It has the learning curve if the pipeline is where `train`
        wrote it.
    baseline (Mapping[str, Any]): The scores of another tagger on the same data, as `read_scores` returns them; the
        report shows the differences.
    RETURNS (Dict[str, LayerScores]): Scores of each annotated layer: "pos", "tag", "morph", "lemma". Those of "sents"
        are on raw text alone.
    """
    nlp = load_pipeline(model)
    data_path = find_part(data_path, "dev")
    finds_sentences = "sents" in find_tagger(nlp).label_data
    read = create_treebank_v1(
        data_path,
        format,
        multiword="split",
        raw_text=True,
        documents=WORDS_OF_DOCUMENT if finds_sentences else 0,
        gold_preproc=True,
        ambiguous=ambiguous,
    )
    examples = list(show_progress(read(nlp), unit=" sentences"))
    on_given_words = [eg for eg in examples if not is_raw_text(eg)]
    judgements = judge_words(nlp, show_progress(on_given_words, unit=" sentences"))
    raw = score_raw_text(tag_examples(nlp, filter(is_raw_text, examples)))
    if report is not None:
        log, run = Path(model).parent / TRAINING_LOG, Path(model).parent / TRAINING_RUN
        facts = srsly.read_json(run) if run.is_file() else {}
        draw = partial(show_progress, unit=" plots", unit_scale=False)
        write_report(report, nlp, data_path, judgements, raw, log, facts, draw, baseline)
    layers = count_confusions(judgements, raw)
    if "sents" in raw:
        layers["sents"] = LayerScores(Counter(), Counter(), raw["sents"])
    _warn_of_unknown_labels(nlp, layers)
    return layers


def announce_report(path: Path) -> None:
    """Print where a report is, and how to get plots if it has none.

    path (Path): The report's file.
    """
    if not can_plot():
        msg.warn("The report has no plots, since matplotlib is not installed.", "pip install matplotlib")
    msg.good(f"Report: {path}")


def print_scores(layers: Dict[str, LayerScores], baseline: Mapping[str, Any] = {}) -> None:
    """Print accuracies, the labels with the lowest F-scores, and the F-score of each feature.

    layers (Dict[str, LayerScores]): What `evaluate` returned.
    baseline (Mapping[str, Any]): The scores of another tagger, to print the differences.
    """
    rows = []
    for name, scores in layers.items():
        words, unknown = sum(scores.all.values()), sum(scores.unknown.values())
        shares = [
            scores.raw.fscore if scores.raw else None,
            *(accuracy(part) if part else None for part in (scores.all, scores.known, scores.unknown)),
        ]
        counts = [f"{words:,}", f"{unknown:,}"] if words else ["", ""]
        rows.append([NAMES[name], *("-" if x is None else _percent(x) for x in shares), *counts])
        if changes := differences(name, scores, baseline):
            rows.append([DIFFERENCE, *changes, "", ""])
    msg.table(
        rows,
        header=["", "raw text, F", "given words", "known", "unknown", "words", "of them unknown"],
        divider=True,
        aligns=tuple("lrrrrrr"),
        title="Accuracy in percent",
    )
    tables = [
        _prf_table(f"{NAMES[name]}: lowest F-scores", find_worst_labels(layers[name], N_WORST))
        for name in ("pos", "tag")
        if name in layers
    ]
    if len(tables) == 1:
        tables.append([])
    if "morph" in layers:
        features = list(score_features(layers["morph"].all).items())
        half = (len(features) + 1) // 2
        tables += [_prf_table("FEATS: each feature", features[:half]), _prf_table("", features[half:])]
    for left, right in zip(tables[::2], tables[1::2]):
        typer.echo("\n".join(_side_by_side(left, right)))


def _prf_table(title: str, scores: Sequence[Tuple[str, PRFScore]]) -> List[str]:
    """The lines of a table of precision, recall and F-score in percent, and the number of words."""
    if not scores:
        return []
    rows = [
        [label, *map(_percent, (score.precision, score.recall, score.fscore)), f"{count_words(score):,}"]
        for label, score in scores
    ]
    text = table(rows, header=["", "P", "R", "F", "words"], divider=True, aligns=("l", "r", "r", "r", "r"), spacing=2)
    return [title, *text.strip("\n").split("\n"), ""]


def _side_by_side(left: List[str], right: List[str]) -> List[str]:
    width = max(map(len, left), default=0)
    return [f"{a:{width}}   {b}".rstrip() for a, b in zip_longest(left, right, fillvalue="")]


def _percent(share: float) -> str:
    return f"{100 * share:.2f}"


def _warn_of_unknown_labels(nlp: Language, layers: Dict[str, LayerScores]) -> None:
    """Warn if many words have labels that the tagger cannot give, such as those of another tag set."""
    label_data = find_tagger(nlp).label_data
    for name in TAG_LAYERS:
        if name not in layers or name not in label_data:
            continue
        counts = {label: count_words(score) for label, score in layers[name].per_label.items()}
        if text := describe_unknown_labels(name, counts, label_data[name], "the tagger does not have"):
            msg.warn(text)
