"""The directory of a treebank, as Universal Dependencies releases it: its parts, and whose it is.

The names of files are `fr_sequoia-ud-train.conllu`; a large part is in several, `de_hdt-ud-train-a-1.conllu` and so on.
The README ends with "Machine-readable metadata", see https://universaldependencies.org/release_checklist.html.
"""

import re
from configparser import ConfigParser, Error
from pathlib import Path
from typing import Dict, List, NamedTuple, Optional
from urllib.parse import urlsplit

PART = re.compile(r"(?P<treebank>.+)-(?P<part>train|dev|test)(-[\w-]+)?\.conllu")
METADATA = "Machine-readable metadata"
# Where Universal Dependencies has its treebanks, by the names of their directories.
UNIVERSAL_DEPENDENCIES = "https://github.com/UniversalDependencies/"
# How licences are named in LICENSE.txt. Creative Commons' are put together of their elements.
ELEMENTS = {"attribution": "BY", "noncommercial": "NC", "sharealike": "SA", "noderiv": "ND"}
CREATIVE_COMMONS = (
    r"creativecommons\.org/licenses/(?P<code>by[a-z-]*)/(?P<code_version>\d\.\d)"
    r"|\bCC[ -](?P<short>BY(?:-(?:NC|SA|ND))*)[ -](?P<short_version>\d\.\d)"
    r"|(?P<long>Attribution(?:[\s-]+(?:Non-?Commercial|Share[\s-]?Alike|No[\s-]?Deriv(?:ative)?(?:s|\s?Works)))*)\s+(?P<long_version>\d\.\d)"
)
OTHERS = {
    "LGPL-LR": r"Lesser General Public Licen[sc]e For Linguistic Resources|\bLGPL-?LR\b",
    "CC0 1.0": r"creativecommons\.org/publicdomain/zero|\bCC0\b",
    "GPL 2.0": r"GNU General Public Licen[sc]e\W+Version 2",
    "GPL 3.0": r"GNU General Public Licen[sc]e\W+Version 3",
}


class Treebank(NamedTuple):
    """What the directory of a treebank says of it. "" is not known.

    name (str): The directory's name if it begins with UD_, or else what its files' names begin with.
    language (str): The language's code in the names of its files, if these have "-ud".
    license (str): Its licence, such as "CC BY-SA 4.0".
    url (str): Where it is from.
    author (str): Who made it.
    """

    name: str
    language: str
    license: str
    url: str
    author: str


def find_parts(path: Path, part: str) -> List[Path]:
    """Find the files of one part of a treebank in its directory.

    path (Path): The directory of a treebank, or any other path.
    part (str): "train", "dev" or "test".
    RETURNS (List[Path]): The files, in the order of their names; none if the treebank lacks the part; the path itself
        if it is not the directory of a treebank. Raises a ValueError if it has that part of several treebanks.
    """
    files = _name_parts(path)
    if not files:
        return [path]
    found = {file: match["treebank"] for file, match in files.items() if match["part"] == part}
    if len(set(found.values())) > 1:
        names = ", ".join(file.name for file in found)
        raise ValueError(f"{path} has several {part} files: {names}. Name one of them.")
    return list(found)


def list_parts(path: Path) -> List[str]:
    """RETURNS (List[str]): The parts that the directory of a treebank has; none if it is not one."""
    return list(dict.fromkeys(match["part"] for match in _name_parts(path).values()))


def lacks_part(path: Path, part: str) -> ValueError:
    """RETURNS (ValueError): What is wrong with the directory of a treebank that lacks a part."""
    parts = ", ".join(list_parts(path))
    return ValueError(f"{path} has no {part} part, only: {parts}. To use another one, name its file.")


def describe_treebank(path: Path) -> Optional[Treebank]:
    """Read what a treebank's directory says of it.

    path (Path): The directory of a treebank, or any other path.
    RETURNS (Optional[Treebank]): What it says; None if it is not the directory of one treebank.
    """
    prefixes = {match["treebank"] for match in _name_parts(path).values()}
    if len(prefixes) != 1:
        return None
    (prefix,) = prefixes
    directory = path.absolute().name
    name = directory if directory.startswith("UD_") else prefix.removesuffix("-ud")
    language = re.match(r"([a-z]{2,3})_.*-ud$", prefix)
    metadata = _read_metadata(path)
    url = _read_remote(path)
    if not url and metadata and name.startswith("UD_"):
        url = UNIVERSAL_DEPENDENCIES + name
    return Treebank(
        name,
        language[1] if language else "",
        metadata.get("License", "") or _find_license(path),
        url,
        metadata.get("Contributors", ""),
    )


def name_license(text: str) -> str:
    """Find which licence a text is, or names.

    text (str): The content of LICENSE.txt.
    RETURNS (str): The first licence in it, such as "CC BY-SA 4.0" or "LGPL-LR"; "" if it is none that is known.
    """
    found = {}
    if match := re.search(CREATIVE_COMMONS, text, flags=re.IGNORECASE):
        code = match["code"] or match["short"] or _abbreviate(match["long"])
        version = match["code_version"] or match["short_version"] or match["long_version"]
        found[match.start()] = f"CC {code.upper()} {version}"
    for name, pattern in OTHERS.items():
        if match := re.search(pattern, text, flags=re.IGNORECASE):
            found[match.start()] = name
    return found[min(found)] if found else ""


def _name_parts(path: Path) -> Dict[Path, re.Match[str]]:
    """The .conllu files of a directory that are named as a part, with their names in pieces."""
    files = sorted(path.glob("*.conllu")) if path.is_dir() else []
    return {file: match for file in files if (match := PART.fullmatch(file.name))}


def _read_metadata(path: Path) -> Dict[str, str]:
    """The lines `Key: value` after the README's mark."""
    for name in ("README.md", "README.txt"):
        if (path / name).is_file():
            text = (path / name).read_text("utf8", errors="replace")
            lines = text.partition(METADATA)[2].splitlines()
            return {
                key.strip(): value.strip() for key, colon, value in (line.partition(":") for line in lines) if colon
            }
    return {}


def _find_license(path: Path) -> str:
    for name in ("LICENSE.txt", "LICENSE", "LICENSE.md"):
        if (path / name).is_file():
            return name_license((path / name).read_text("utf8", errors="replace"))
    return ""


def _abbreviate(name: str) -> str:
    letters = re.sub("[^a-z]", "", name.lower())
    return "-".join(code for element, code in ELEMENTS.items() if element in letters)


def _read_remote(path: Path) -> str:
    """The address that a git clone is from, without a user's name and password."""
    config = ConfigParser(strict=False, interpolation=None)
    try:
        config.read(path / ".git" / "config", encoding="utf8")
    except (Error, UnicodeDecodeError):
        return ""
    address = urlsplit(config.get('remote "origin"', "url", fallback=""))
    if address.scheme not in ("http", "https") or not address.hostname:
        return ""
    return f"https://{address.hostname}{address.path.rstrip('/').removesuffix('.git')}"
