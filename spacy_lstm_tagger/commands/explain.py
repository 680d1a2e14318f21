"""Explain a decision."""

from pathlib import Path
from typing import List, Optional

import typer
from spacy.errors import Errors
from spacy.language import Language
from spacy.training.initialize import init_nlp
from wasabi import msg

from ..explain.explanation import MAX_WORDS, explain
from ..pipeline.loading import load_pipeline
from .cli import clean_exit, lstm_tagger_cli, show_progress


@lstm_tagger_cli.command("explain")
def explain_cli(
    text: str = typer.Argument(..., help="A text of a sentence or a few"),
    output_path: Path = typer.Option(..., "--output", "-o", help="Where the page goes, a file of HTML"),
    model: str = typer.Option("en", "--model", "-m", help="Directory or package of a pipeline, or a name such as 'en'"),
    before: bool = typer.Option(
        False,
        "--before",
        help="Show probabilities before training too: initialize anew, with the config's data and seed",
    ),
    words_path: Optional[Path] = typer.Option(
        None,
        "--words",
        help="File with a word a line, to find neighbours among. Default: the known words whose text the pipeline has",
    ),
    max_words: int = typer.Option(MAX_WORDS, "--max-words", help="The most words that are explained"),
) -> None:
    """
    Write a page that shows how the tagger comes to its labels for a text: which words each label depends on, and every
    gate and state of the LSTM.
    """
    with clean_exit():
        candidates = None if words_path is None else words_path.read_text("utf8").split()
        page = render_explanation(text, model, before=before, candidates=candidates, max_words=max_words)
        output_path.write_text(page, encoding="utf8")
        msg.good(f"Open {output_path} in a browser.")


def render_explanation(
    text: str,
    model: str,
    *,
    before: bool = False,
    candidates: Optional[List[str]] = None,
    max_words: int = MAX_WORDS,
) -> str:
    """Render the page that explains how a tagger comes to its labels.

    text (str): The text.
    model (str): Directory or package of a pipeline with an LSTM tagger.
    before (bool): Whether to compare with the pipeline before training. It is initialized anew from the data and the
        seed that its config names, as `spacy train` began.
    candidates (Optional[List[str]]): Words to look for neighbours among.
    max_words (int): The most words that are explained.
    RETURNS (str): The page, HTML. Raises a ValueError if it is to be compared and its config names no data.
    """
    nlp = load_pipeline(model)
    untrained = _initialize_anew(nlp, model) if before else None
    with show_progress(unit="%", total=100) as progress:
        explanation = explain(
            nlp,
            text,
            before=untrained,
            candidates=candidates,
            max_words=max_words,
            on_progress=lambda share: progress.update(100 * share),
        )
    return explanation.to_html()


def _initialize_anew(nlp: Language, model: str) -> Language:
    try:
        return init_nlp(nlp.config)
    except ValueError as error:
        if str(error) != Errors.E913:
            raise
        raise ValueError(
            f"--before needs the data that the pipeline was trained on, and the config of '{model}' names none "
            "(paths.train). Give --model a pipeline that `lstm-tagger train` made, or leave out --before."
        ) from error
