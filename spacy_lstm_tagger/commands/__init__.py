"""The commands `python -m spacy lstm-tagger ...`."""

from spacy.cli import app

from .annotate import annotate_cli
from .cli import lstm_tagger_cli
from .evaluate import evaluate_cli
from .explain import explain_cli
from .init_config import init_config_cli
from .serve import serve_cli
from .suggest import suggest_cli
from .tag import tag_cli
from .train import train_cli

app.add_typer(lstm_tagger_cli)

__all__ = [
    "annotate_cli",
    "evaluate_cli",
    "explain_cli",
    "init_config_cli",
    "lstm_tagger_cli",
    "serve_cli",
    "suggest_cli",
    "tag_cli",
    "train_cli",
]
