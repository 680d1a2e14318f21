"""Serve a tagger on the web."""

import sys

import typer
from wasabi import msg

from ..extras import import_extra
from ..serving.limits import Limits
from .cli import clean_exit, lstm_tagger_cli

LIMITS = Limits()


@lstm_tagger_cli.command("serve")
def serve_cli(
    model: str = typer.Option("en", "--model", "-m", help="Directory or package of a pipeline, or a name such as 'en'"),
    host: str = typer.Option("127.0.0.1", "--host", help="The address to listen at; 0.0.0.0 for all networks"),
    port: int = typer.Option(8000, "--port", "-p", min=0, max=65535, help="The port; 0 for any that is free"),
    max_bytes: int = typer.Option(
        LIMITS.max_bytes, "--max-bytes", min=1, help="How many bytes the body of a request may have"
    ),
    max_texts: int = typer.Option(LIMITS.max_texts, "--max-texts", min=1, help="How many texts a request may have"),
    max_characters: int = typer.Option(
        LIMITS.max_characters, "--max-characters", min=1, help="How many characters a text may have"
    ),
    max_requests: int = typer.Option(
        LIMITS.max_requests, "--max-requests", min=1, help="How many requests are answered at the same time"
    ),
) -> None:
    """
    Serve a page to try the tagger in a browser, and a JSON API, until Ctrl-C or SIGTERM.
    """
    with clean_exit():
        import_extra("starlette", "serve")
        import_extra("uvicorn", "serve")
        from ..serving.server import serve  # noqa: PLC0415

        limits = Limits(
            max_bytes=max_bytes, max_texts=max_texts, max_characters=max_characters, max_requests=max_requests
        )
        serve(model, host, port, limits=limits, on_start=lambda url: _tell(url, model))


def _tell(url: str, model: str) -> None:
    msg.good(f"{model} is at {url}. Ctrl-C ends it.")
    sys.stdout.flush()
