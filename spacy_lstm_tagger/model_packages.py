"""Taggers of other packages. A model package offers its pipeline under a short name, by an entry point:

    [project.entry-points.spacy_lstm_tagger_models]
    fr = "fr_lstm_ud"

Nothing of a package is imported before its name is used.
"""

from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Dict, List, Set, Union

import srsly
from spacy.errors import Errors
from spacy.language import Language
from spacy.util import is_package, load_model

from .shipped import PRETRAINED, pretrained_directory

GROUP = "spacy_lstm_tagger_models"


def pretrained_names() -> List[str]:
    """RETURNS (List[str]): The names of the taggers that are here: those that ship with this package, and those that
    model packages offer."""
    return [*PRETRAINED, *sorted(set(_find_packages()) - set(PRETRAINED))]


def find_package(name: str) -> str:
    """Find the model package that offers a tagger under a name. The names of those that ship with this package stay
    theirs.

    name (str): The name.
    RETURNS (str): The package; "" if there is none. Raises a ValueError if two packages offer the name.
    """
    packages = sorted(_find_packages().get(name, ())) if name not in PRETRAINED else []
    if len(packages) > 1:
        raise ValueError(
            f"The model packages {' and '.join(packages)} both offer a tagger '{name}'. Uninstall one of them, or use "
            "the name of a package."
        )
    return packages[0] if packages else ""


def require_package(name: str) -> str:
    """RETURNS (str): What `find_package` finds. Raises a ValueError that lists the names that there are if it is
    nothing."""
    package = find_package(name)
    if not package:
        raise ValueError(f"There is no pretrained tagger '{name}'. Use one of: {', '.join(pretrained_names())}.")
    return package


def find_pipeline(model: Union[str, Path]) -> str:
    """Find a pipeline outside this package.

    model (Union[str, Path]): Its directory or package, or a name that a model package offers; a path that exists and
        the name of a package come first.
    RETURNS (str): Its directory or package. Raises an OSError that lists the names that there are if it is none.
    """
    model = str(model)
    if Path(model).exists() or is_package(model):
        return model
    package = find_package(model)
    if not package:
        names = ", ".join(pretrained_names())
        raise OSError(f"{Errors.E050.format(name=model)} The pretrained taggers that are here are: {names}.")
    return package


def load_package(package: str) -> Language:
    """RETURNS (Language): The pipeline of a model package. Raises a ValueError that names it if that fails."""
    try:
        return load_model(package)
    except Exception as error:  # whatever its code does
        raise ValueError(f"The model package {package} cannot be loaded: {error}") from error


def read_pretrained_meta(name: str) -> Dict[str, Any]:
    """Read what a pretrained tagger says of itself.

    name (str): Its name.
    RETURNS (Dict[str, Any]): Its `meta.json`; nothing if it is not here any more.
    """
    if name in PRETRAINED:
        with pretrained_directory(name) as directory:
            return _read_meta(directory)
    package = find_package(name)
    spec = find_spec(package) if package else None
    return _read_meta(Path(spec.origin).parent) if spec is not None and spec.origin else {}


def _read_meta(directory: Path) -> Dict[str, Any]:
    path = directory / "meta.json"
    meta: Dict[str, Any] = srsly.read_json(path) if path.exists() else {}
    return meta


def _find_packages() -> Dict[str, Set[str]]:
    """The packages that offer each name."""
    packages: Dict[str, Set[str]] = {}
    for point in entry_points(group=GROUP):
        packages.setdefault(point.name, set()).add(point.value)
    return packages
