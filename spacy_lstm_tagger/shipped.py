"""What ships with the package: configs, and trained taggers.

A trained tagger is a directory, as `LSTMTaggerPipe.to_disk` writes it, with a card `meta.json` that says what it was
trained on and how well it does.
"""

from contextlib import AbstractContextManager
from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING, Dict, Union

from thinc.api import Config

if TYPE_CHECKING:
    from importlib.abc import Traversable

# The names of the trained taggers. Each begins with the code of its language.
PRETRAINED = ("en", "en_fast")


def configs_directory() -> "Traversable":
    """RETURNS (Traversable): The directory of the configs. A wheel has it inside the package, a clone beside it."""
    inside = files("spacy_lstm_tagger") / "configs"
    return inside if inside.is_dir() else Path(__file__).parents[1] / "configs"


def shipped_configs() -> "Dict[str, Traversable]":
    """RETURNS (Dict[str, Traversable]): The files of the configs that ship with the package, by their names."""
    files = configs_directory().iterdir()
    return {file.name[: -len(".cfg")]: file for file in files if file.name.endswith(".cfg")}


def find_config(config: str) -> "Union[Traversable, Path]":
    """Find a config.

    config (str): The name of one that ships with the package, or the path of a file.
    RETURNS (Union[Traversable, Path]): The file. Raises a ValueError if there is none.
    """
    shipped = shipped_configs()
    if config in shipped:
        return shipped[config]
    if not Path(config).is_file():
        raise ValueError(f"There is no config '{config}'. Use {', '.join(sorted(shipped))}, or the path of a file.")
    return Path(config)


def pretrained_directory(name: str) -> AbstractContextManager[Path]:
    """Find a tagger that ships with the package.

    name (str): Its name.
    RETURNS (ContextManager[Path]): Its directory. Raises a ValueError if there is none of this name.
    """
    if name not in PRETRAINED:
        raise ValueError(f"There is no pretrained tagger '{name}'. Use one of: {', '.join(PRETRAINED)}.")
    return as_file(files("spacy_lstm_tagger") / "pretrained" / name)


# The component's default is what the config `fast` trains.
FAST = Config().from_str((configs_directory() / "fast.cfg").read_text("utf8"), interpolate=False)
DEFAULT_MODEL = FAST["components"]["lstm_tagger"]["model"]
