"""A lexicon: which labels words may have, in a file."""

import re
from pathlib import Path
from typing import Any, Dict, Iterator, List, Mapping, Tuple, Union

import srsly

from ..annotation_layers import TAG_LAYERS, UPOS
from .conllu import COLUMNS
from .sentence import OR, decode, lines

# For each word the labels that it may have in some layers, and in "lemma" its lemma.
Entries = Dict[str, Dict[str, List[str]]]
LAYERS = (*TAG_LAYERS, "lemma")


def read_lexicon(source: Union[str, Path, Mapping[str, Any]]) -> Entries:
    """Read a lexicon.

    It can be JSON, `{"fish": {"pos": ["NOUN", "VERB"], "lemma": "fish"}, "grep": ["NN", "VB"]}`; CoNLL-U, of which the
    columns FORM, LEMMA, UPOS and XPOS count, and the lines of a word all together; or columns separated by tabs: words
    and their tags with "|" between them, or any columns of which the first line gives the names: `word`, `tag`, `pos`,
    `morph`, `lemma`. Where only tags are given they are UPOS tags if all are.

    source (Union[str, Path, Mapping[str, Any]]): The file, or what the JSON has.
    RETURNS (Dict[str, Dict[str, List[str]]]): For each word its labels by layer. Raises a ValueError that names file
        and line.
    """
    if isinstance(source, Mapping):
        found = list(_read_mapping(source, "the lexicon"))
    else:
        path = Path(source)
        text = decode(path.read_bytes(), path)
        if text.lstrip().startswith("{"):
            found = list(_read_mapping(srsly.json_loads(text), str(path)))
        else:
            found = list(_read_lines(text, path))
    tags = {name for _, layer, names in found if layer == "" for name in names}
    default = "pos" if tags <= set(UPOS) else "tag"
    entries: Entries = {}
    for word, layer, names in found:
        labels = entries.setdefault(word, {}).setdefault(layer or default, [])
        labels += [name for name in names if name not in labels]
    return entries


def _read_mapping(mapping: Any, place: str) -> Iterator[Tuple[str, str, List[str]]]:
    """Yield words, layers and labels; the layer is "" where it is not said."""
    if not isinstance(mapping, Mapping):
        raise ValueError(f'{place} must be an object such as {{"grep": ["NN", "VB"]}}, not {mapping!r:.60}.')
    for word, value in mapping.items():
        for layer, names in (value if isinstance(value, Mapping) else {"": value}).items():
            listed = [names] if isinstance(names, str) else names
            is_strings = isinstance(listed, (list, tuple, set)) and all(isinstance(name, str) for name in listed)
            if layer not in ("", *LAYERS) or not is_strings:
                raise ValueError(
                    f"{place}: {word!r:.40} has {layer!r}: {names!r:.60}. Lists of labels in {', '.join(LAYERS)} were "
                    "expected."
                )
            yield word, layer, list(listed)


def _read_lines(text: str, file: Path) -> Iterator[Tuple[str, str, List[str]]]:
    names: List[str] = []
    for number, line in enumerate(lines(text), 1):
        columns = line.split("\t")
        if not line.strip() or (line.startswith("#") and len(columns) == 1):
            continue
        if len(columns) == COLUMNS:
            if re.fullmatch(r"\d+", columns[0]):
                for layer, value in zip(("lemma", "pos", "tag"), columns[2:5]):
                    if value != "_":
                        yield columns[1], layer, [value]
            continue
        if not names:
            is_header = columns[0] in ("word", "form") and set(columns[1:]) <= set(LAYERS)
            names = columns[1:] if is_header else [""]
            if is_header:
                continue
        if len(columns) != 1 + len(names) or not columns[0]:
            expected = ", ".join(["word", *(name or "tags" for name in names)])
            raise ValueError(
                f"{file}, line {number}: columns separated by tabs ({expected}) were expected, not {line!r:.60}."
            )
        for layer, value in zip(names, columns[1:]):
            if value not in ("", "_"):
                yield columns[0], layer, [value] if layer in ("morph", "lemma") else value.split(OR)
