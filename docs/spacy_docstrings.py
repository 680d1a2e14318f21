"""Lets mkdocstrings read docstrings in spaCy's style, by turning them into Google's.

name (type): text.              Args:
RETURNS (type): text.    ->     Returns:
"""

import re
from typing import Any, List

from griffe import Extension, Object

PARAMETER = re.compile(r"(\w+) (\(.*?\)): (.*)", re.DOTALL)
RESULTS = {"RETURNS": "Returns", "YIELDS": "Yields"}


class SpacyDocstrings(Extension):
    def on_object(self, *, obj: Object, **_: Any) -> None:
        """Rewrite an object's docstring before it is parsed."""
        if obj.docstring is not None:
            obj.docstring.value = to_google_style(obj.docstring.value)


def to_google_style(docstring: str) -> str:
    """Turn each line `name (type): text.` into an entry of a section, and examples into fenced blocks."""
    written: List[str] = []
    section = ""
    for entry in _entries(docstring):
        parameter = PARAMETER.match(entry)
        if parameter is None:
            section = ""
            written.append(_fence(entry) if entry.startswith("    >>> ") else entry)
            continue
        name, type_, text = parameter.groups()
        found = RESULTS.get(name, "Args")
        if found != section:
            written.append(f"\n{found}:")
            section = found
        begin = f"{name} {type_}: " if found == "Args" else f"{type_[1:-1]}: "
        written.append("\n".join(f"    {line}" for line in (begin + text).split("\n")))
    return "\n".join(written)


def _entries(docstring: str) -> List[str]:
    """The lines; those that continue a parameter, or an example, together."""
    entries: List[str] = []
    for line in docstring.split("\n"):
        is_example = bool(entries) and entries[-1].startswith("    >>> ")
        continues = is_example or (bool(entries) and PARAMETER.match(entries[-1]) is not None)
        if line.startswith("    ") and continues and not (line.startswith("    >>> ") and not is_example):
            entries[-1] += f"\n{line}"
        else:
            entries.append(line)
    return entries


def _fence(example: str) -> str:
    lines = "\n".join(line[4:] for line in example.split("\n"))
    return f"\n```pycon\n{lines}\n```\n"
