"""Who and what is behind a pretrained tagger, for the `meta.json` of every pipeline that holds it."""

from importlib.metadata import metadata
from typing import Any, Dict, List

import srsly
from spacy.language import Language

from ..shipped import pretrained_directory


def add_credits(nlp: Language, pretrained: str) -> None:
    """Add license, author and sources of a pretrained tagger to those of a pipeline, unless they are there already.

    nlp (Language): The pipeline, whose `meta` is changed.
    pretrained (str): The tagger's name.
    """
    with pretrained_directory(pretrained) as directory:
        if not (directory / "meta.json").exists():
            return
        card: Dict[str, Any] = srsly.read_json(directory / "meta.json")
    meta = nlp.meta
    credits = {"license": card["license"], "author": metadata("spacy-lstm-tagger")["Author"]}
    for field, value in credits.items():
        names = [name for name in (meta.get(field) or "").split(", ") if name]
        meta[field] = ", ".join(dict.fromkeys([*names, value]))
    named = [card["sources"][name] for name in ("treebank", "encoder") if name in card["sources"]]
    sources: List[Any] = [*named, *card["sources"]["raw_text"]]
    known = list(meta.get("sources") or [])
    meta["sources"] = [*known, *(source for source in sources if source not in known)]
