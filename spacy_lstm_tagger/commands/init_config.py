"""Write a config that ships with the package."""

from pathlib import Path

import typer

from ..shipped import find_config
from .cli import clean_exit, lstm_tagger_cli


@lstm_tagger_cli.command("init-config")
def init_config_cli(
    config: str = typer.Argument("fast", help="fast, accurate or tutorial"),
    output_path: Path = typer.Option("-", "--output", "-o", help="File for the config; - is standard output"),
) -> None:
    """
    Write a config that ships with the package, to be changed and given to `train` or `spacy train`.
    """
    with clean_exit():
        text = find_config(config).read_text("utf8")
        if str(output_path) == "-":
            typer.echo(text, nl=False)
        else:
            output_path.write_text(text, encoding="utf8")
