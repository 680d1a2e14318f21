"""What the commands share: their group, their progress bars and their exit codes."""

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
    """End the command with the exit codes that a shell uses.

    Errors that the user can mend end with a message instead of a traceback, and with 1; Ctrl-C with 130; a reader of
    the output that stops early with 141. Exit code 2 is typer's, for wrong use of the command.
    """
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError as error:
        # Discard what is still buffered: Python would report an error when it flushes it at exit.
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
    items: Optional[Iterable[Any]] = None,
    *,
    unit: str,
    unit_scale: bool = True,
    total: Optional[int] = None,
    disable: Optional[bool] = None,
) -> Any:
    """Show a progress bar on standard error after two seconds, if that is a terminal.

    items (Optional[Iterable]): The items. None: the caller updates the bar.
    unit (str): What is counted.
    unit_scale (bool): Whether counts are shortened, as in "12.3k".
    total (Optional[int]): The number of items, if it is known.
    disable (Optional[bool]): Whether to show nothing. None: if standard error is not a terminal.
    RETURNS (tqdm): An iterable of the items.
    """
    return tqdm(items, unit=unit, total=total, unit_scale=unit_scale, delay=2, leave=False, disable=disable)
