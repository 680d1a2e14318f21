"""Measure a tagger on annotated sentences."""

from pathlib import Path
from typing import Dict, Optional

import typer
from wasabi import msg

from ..component import load_pipeline
from ..evaluation import LayerScores, accuracy, evaluate_layers
from ..labels import NAMES
from ..treebank import create_treebank_v1
from .cli import clean_exit, lstm_tagger_cli

N_CONFUSIONS = 15


@lstm_tagger_cli.command("evaluate")
def evaluate_cli(
    model: str = typer.Argument(..., help="Directory or package of a pipeline"),
    data_path: Path = typer.Argument(..., metavar="DATA", help="Annotated sentences", exists=True),
    format: Optional[str] = typer.Option(None, "--format", "-f", help="Form of the sentences. Default: by content"),
) -> None:
    """
    Compare a tagger's labels with those of annotated sentences, on the words and sentences that these have.
    """
    with clean_exit():
        print_scores(evaluate(model, data_path, format=format))


def evaluate(model: str, data_path: Path, *, format: Optional[str] = None) -> Dict[str, LayerScores]:
    """Compare a tagger's labels with those of annotated sentences.

    model (str): Directory or package of a pipeline with an LSTM tagger.
    data_path (Path): Annotated sentences.
    format (Optional[str]): The form of the sentences. None: told by their content.
    RETURNS (Dict[str, LayerScores]): Scores of each annotated layer: "pos", "tag", "morph".
    """
    nlp = load_pipeline(model)
    return evaluate_layers(nlp, create_treebank_v1(data_path, format, gold_preproc=True)(nlp))


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
        title="Accuracy in percent, on given words and sentences",
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
            msg.table(rows, header=["right", "given", "times"], divider=True, aligns=tuple("llr"), title=title)
