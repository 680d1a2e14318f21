"""A logger that prints the probabilities of every word before and after training."""

import sys
from pathlib import Path
from typing import IO, Any, Callable, Dict, List, Literal, Optional, Tuple, Union

from spacy.language import Language
from spacy.training.loggers import console_logger_v3
from spacy.util import resolve_dot_names
from wasabi import table

from ..pipeline.loading import find_tagger

LogStep = Callable[[Optional[Dict[str, Any]]], None]


def create_probability_logger_v1(
    output_file: Optional[Union[str, Path]] = None,
) -> Callable[..., Tuple[LogStep, Callable[[], None]]]:
    """Log like spaCy's console logger, and print the tag probabilities of the dev data before and after training.

    output_file (Optional[Union[str, Path]]): A file for the log as JSON lines.
    RETURNS (Callable): Sets the logger up, as spaCy's training loop expects.
    """
    set_up_console = console_logger_v3(output_file=output_file)

    def set_up(
        nlp: Language, stdout: IO[str] = sys.stdout, stderr: IO[str] = sys.stderr
    ) -> Tuple[LogStep, Callable[[], None]]:
        stdout.write(format_probabilities(nlp, "Probabilities before training"))
        log_step, finish = set_up_console(nlp, stdout, stderr)

        def finalize() -> None:
            finish()
            stdout.write(format_probabilities(nlp, "Probabilities after training"))

        return log_step, finalize

    return set_up


def format_probabilities(nlp: Language, title: str) -> str:
    """Make a table of the probability of each tag for each word of the dev data.

    nlp (Language): A pipeline with an LSTM tagger.
    title (str): A title.
    RETURNS (str): The table.
    """
    config = nlp.config.interpolate()
    (dev_corpus,) = resolve_dot_names(config, [config["training"]["dev_corpus"]])
    tagger = find_tagger(nlp)
    docs = [eg.predicted for eg in dev_corpus(nlp)]
    rows = []
    for doc, probabilities in zip(docs, tagger.predict_proba(docs)):
        rows += [[token.text, *(f"{p:.3f}" for p in row)] for token, row in zip(doc, probabilities["tag"])]
        rows.append([""] * (1 + len(tagger.labels)))
    aligns: List[Literal["l", "r"]] = ["l" if column == 0 else "r" for column in range(1 + len(tagger.labels))]
    text = table(rows[:-1], header=["word", *tagger.labels], divider=True, aligns=aligns)
    return f"\n{title}\n{text}\n"
