"""The LSTM tagger in the place of a pipeline's own taggers."""

from pathlib import Path
from typing import Any, Union

from spacy.attrs import intify_attr
from spacy.language import Language
from spacy.pipeline import AttributeRuler

from ..annotation_layers import TAG_LAYERS
from ..model.features import get_settings
from ..model.shared_encoder import is_listening
from .loading import find_tagger, load_pipeline

TAGGERS = ("tagger", "morphologizer", "lstm_tagger")
# What other components may set, that the tagger sets too.
OTHERS = {
    "lemma": {"lemmatizer", "trainable_lemmatizer"},
    "sents": {"parser", "senter", "sentencizer"},
}
# These may use labels: the tagger comes before them.
USERS = ("attribute_ruler", "lemmatizer", "entity_ruler", "span_ruler")


def replace_taggers(nlp: Language, model: Union[str, Path, Language] = "en") -> Language:
    """Make a pipeline use an LSTM tagger in the place of its `tagger` and `morphologizer`. The `attribute_ruler` keeps
    what it sets besides tags, UPOS and features, such as lemmas. Other components stay as they are.

    nlp (Language): The pipeline; it is changed.
    model (Union[str, Path, Language]): A pipeline with an LSTM tagger: itself, its directory or package, or the name
        of a pretrained one.
    RETURNS (Language): The pipeline. Raises a ValueError, and changes nothing, if the model has no LSTM tagger, or one
        that needs other word vectors than the pipeline has, or that listens to another component.

        >>> import spacy, spacy_lstm_tagger
        >>> nlp = spacy_lstm_tagger.replace_taggers(spacy.blank("en"), model="en")
        >>> [token.pos_ for token in nlp("She reads.")]
        ['PRON', 'VERB', 'PUNCT']
    """
    source = model if isinstance(model, Language) else load_pipeline(model)
    tagger = find_tagger(source)
    if get_settings(tagger.model).include_static_vectors and nlp.vocab.vectors != source.vocab.vectors:
        raise ValueError(
            f"The tagger of {source.meta['lang']}_{source.meta['name']} uses word vectors that this pipeline does not "
            "have. Set nlp.vocab.vectors to that pipeline's, or use a tagger with include_static_vectors = false."
        )
    name = next(name for name, pipe in source.pipeline if pipe is tagger)
    if is_listening(tagger.model):
        raise ValueError(
            f"'{name}' listens to another component of {source.meta['lang']}_{source.meta['name']}. Call its "
            f"replace_listeners(UPSTREAM, '{name}', ['model.tok2vec']) first, so that the tagger has a copy of its own."
        )
    config = {**source.get_pipe_config(name), "overwrite": True}
    factories = {name: nlp.get_pipe_meta(name).factory for name in nlp.component_names}
    # What other components set stays theirs.
    set_by_others = {head for head, others in OTHERS.items() if others & set(factories.values())}
    config["heads"] = [head for head in tagger.cfg["heads"] if head not in set_by_others]
    data = tagger.to_bytes(exclude=["vocab"])

    place = min([len(factories), *(i for i, factory in enumerate(factories.values()) if factory in TAGGERS + USERS)])
    for name, factory in factories.items():
        if factory in TAGGERS:
            nlp.remove_pipe(name)
        elif factory == "attribute_ruler":
            _remove_layers(nlp, name)
    where: Any = {"before": place} if place < len(nlp.component_names) else {"last": True}
    replacement: Any = nlp.add_pipe(config.pop("factory"), config=config, **where)
    replacement.from_bytes(data, exclude=["vocab"])
    return nlp


def _remove_layers(nlp: Language, name: str) -> None:
    """Remove tags, UPOS and features from what an attribute ruler sets, and the ruler if nothing is left."""
    ruler: Any = nlp.get_pipe(name)
    if not isinstance(ruler, AttributeRuler):
        return
    patterns = []
    for pattern in ruler.patterns:
        attrs: Any = pattern["attrs"]
        others = {attr: value for attr, value in attrs.items() if intify_attr(attr) not in TAG_LAYERS.values()}
        if others:
            patterns.append({**pattern, "attrs": others})
    ruler.clear()
    if patterns:
        ruler.add_patterns(patterns)
    else:
        nlp.remove_pipe(name)
