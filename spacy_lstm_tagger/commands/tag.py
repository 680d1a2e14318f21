"""Tag text."""

import sys
from typing import Iterable, Iterator, List, Optional

import typer

from ..component import load_pipeline
from ..output import render
from .cli import clean_exit, lstm_tagger_cli


@lstm_tagger_cli.command("tag")
def tag_cli(
    texts: Optional[List[str]] = typer.Argument(None, metavar="[TEXT]...", help="Texts"),
    input_file: Optional[typer.FileText] = typer.Option(
        None, "--input", "-i", help="File with a text a line; - is standard input", encoding="utf8"
    ),
    model: str = typer.Option(..., "--model", "-m", help="Directory or package of a pipeline"),
    format: str = typer.Option("table", "--format", "-f", help="table, conllu, json, tsv or html"),
    confidence: bool = typer.Option(False, "--confidence", help="Show how sure the tagger is of each word"),
) -> None:
    """
    Tag texts given as arguments, in a file or on standard input, and print them.
    """
    with clean_exit():
        if bool(texts) == (input_file is not None):
            raise ValueError("Give either texts, or a file of them with --input (- is standard input).")
        lines = texts or (line.rstrip("\r\n") for line in input_file or ())
        for piece in tag(lines, model, format=format, confidence=confidence):
            sys.stdout.write(piece)


def tag(texts: Iterable[str], model: str, *, format: str = "table", confidence: bool = False) -> Iterator[str]:
    """Tag texts.

    texts (Iterable[str]): The texts.
    model (str): Directory or package of a pipeline with an LSTM tagger.
    format (str): Form of the output: "table", "conllu", "json", "tsv" or "html".
    confidence (bool): Whether to show how sure the tagger is of each word.
    YIELDS (str): Pieces of the output.
    """
    nlp = load_pipeline(model, store_confidence=confidence)
    return render(nlp.pipe(texts), format, confidence=confidence)
