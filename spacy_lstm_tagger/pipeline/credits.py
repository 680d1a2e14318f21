"""Who and what is behind a tagger, for the `meta.json` of every pipeline that holds it."""

from importlib.metadata import metadata
from typing import Any, Dict, Sequence

from spacy.language import Language

from ..model_packages import read_pretrained_meta
from ..shipped import PRETRAINED


def add_credits(nlp: Language, pretrained: str) -> None:
    """Add license, author and sources of a pretrained tagger to those of a pipeline, unless they are there already.

    nlp (Language): The pipeline, whose `meta` is changed.
    pretrained (str): The tagger's name.
    """
    card = read_pretrained_meta(pretrained)
    if not card:
        return
    sources: Any = card.get("sources") or []
    author = card.get("author", "")
    if pretrained in PRETRAINED:
        named = [sources[name] for name in ("treebank", "encoder") if name in sources]
        sources = [*named, *sources["raw_text"]]
        author = metadata("spacy-lstm-tagger")["Author"]
    credit(nlp.meta, card["license"], sources, author)


def credit(meta: Dict[str, Any], license: str, sources: Sequence[Any], author: str = "") -> None:
    """Add license, author and sources to those of a pipeline, unless they are there already.

    meta (Dict[str, Any]): The pipeline's `meta`, which is changed.
    license (str): A licence; "" if it is not known.
    sources (Sequence[Any]): What the pipeline has learned from, in spaCy's form.
    author (str): Who made it.
    """
    for field, value in (("license", license), ("author", author)):
        names = [name for name in (meta.get(field) or "").split(", ") if name]
        meta[field] = ", ".join(dict.fromkeys([*names, *filter(None, [value])]))
    known = list(meta.get("sources") or [])
    meta["sources"] = [*known, *(source for source in sources if source not in known)]
