"""Packages that only some parts of this one need, which an extra installs."""

from importlib import import_module
from typing import Any


def import_extra(name: str, extra: str) -> Any:
    """Import a module that may not be installed.

    name (str): The module.
    extra (str): The extra of this package that installs it.
    RETURNS (ModuleType): The module. Raises an ImportError that names the extra.
    """
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        package = name.partition(".")[0]
        if error.name is None or error.name.partition(".")[0] != package:
            raise
        raise ImportError(f"This needs {package}: pip install 'spacy-lstm-tagger[{extra}]'.") from error
