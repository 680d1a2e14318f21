"""What the commands share: the group they belong to, how they show progress, and how they end."""

import os
import sys
from contextlib import contextmanager
from typing import Any, Iterable, Iterator, Optional

import typer
from tqdm import tqdm

from .. import __version__

INTERRUPTED = 130
PIPE_BROKEN = 141

lstm_tagger_cli = typer.Typer(
    name="lstm-tagger",
    no_args_is_help=True,
    rich_markup_mode=None,
)


def show_version(asked: bool) -> None:
    if asked:
        typer.echo(f"spacy-lstm-tagger {__version__}")
        raise typer.Exit


@lstm_tagger_cli.callback()
def options(
    version: bool = typer.Option(False, "--version", callback=show_version, is_eager=True, help="Show the version."),
) -> None:
    """Train, use and evaluate the LSTM tagger."""


@contextmanager
def clean_exit() -> Iterator[None]:
    """End the command as a script and a person expect it.

    Where the user can mend the cause, with a message instead of a traceback and exit code 1. After Ctrl-C with 130, and
    when who reads the output has had enough with 141: what a shell gives for these signals. Exit code 2 is typer's, for
    a wrong use of the command.
    """
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError as error:
        # What is still to be written goes nowhere, or Python would complain at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(PIPE_BROKEN) from error
    except KeyboardInterrupt as error:
        if str(error):
            typer.secho(f"✘ Stopped. {error}", fg=typer.colors.RED, err=True)
        raise typer.Exit(INTERRUPTED) from error
    except (ValueError, OSError, ImportError) as error:
        typer.secho(f"✘ {error}", fg=typer.colors.RED, err=True)
        raise typer.Exit(1) from error


def show_progress(
    items: Optional[Iterable[Any]] = None, *, unit: str, total: Optional[int] = None, disable: Optional[bool] = None
) -> Any:
    """Show on standard error how far the command is, once it has taken two seconds and if a terminal shows it.

    items (Optional[Iterable]): What is worked through. None: the caller says how far it is.
    unit (str): What is counted.
    total (Optional[int]): How many there are, if it is known.
    disable (Optional[bool]): Whether to show nothing. None: unless standard error is a terminal.
    RETURNS (tqdm): Goes through the items.
    """
    return tqdm(items, unit=unit, total=total, unit_scale=True, delay=2, leave=False, disable=disable)
