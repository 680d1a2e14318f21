"""Trained taggers that ship with the package: a directory each, as `LSTMTaggerPipe.to_disk` writes it, with a card
`meta.json` that says what it was trained on and how well it does.
"""

from contextlib import AbstractContextManager
from importlib.resources import as_file, files
from pathlib import Path

# Their names, which are the codes of their languages.
PRETRAINED = ("en",)


def pretrained_directory(name: str) -> AbstractContextManager[Path]:
    """Find a tagger that ships with the package.

    name (str): Its name.
    RETURNS (ContextManager[Path]): Its directory. Raises a ValueError if there is none of this name.
    """
    if name not in PRETRAINED:
        raise ValueError(f"There is no pretrained tagger '{name}'. Use one of: {', '.join(PRETRAINED)}.")
    return as_file(files(__name__) / name)
