"""What the commands share: the group they belong to, and how they fail."""

from contextlib import contextmanager
from typing import Iterator

import typer

lstm_tagger_cli = typer.Typer(
    name="lstm-tagger",
    help="Train, use and evaluate the LSTM tagger.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@contextmanager
def clean_exit() -> Iterator[None]:
    """End the command with a message and exit code 1, instead of a traceback, where the user can mend the cause."""
    try:
        yield
    except BrokenPipeError:
        raise  # who reads the output has had enough: click ends quietly
    except (ValueError, OSError, ImportError) as error:
        typer.secho(f"✘ {error}", fg=typer.colors.RED, err=True)
        raise typer.Exit(1) from error
    except KeyboardInterrupt as error:
        typer.secho(f"✘ Stopped. {error}".rstrip(), fg=typer.colors.RED, err=True)
        raise typer.Exit(130) from error
