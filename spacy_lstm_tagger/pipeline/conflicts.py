"""What can be checked only when a tagger runs in its pipeline, such as whether its labels reach the user."""

import inspect
import warnings
from typing import Any, List, Optional, Sequence

from spacy.language import Language
from spacy.pipeline import AttributeRuler
from spacy.pipeline.trainable_pipe import TrainablePipe
from spacy.tokens import Doc

from ..annotation_layers import LAYERS, NAMES, TAG_LAYERS
from ..model_packages import read_pretrained_meta
from .credits import add_credits
from .token_attributes import get_attributes

ADVICE = "spacy_lstm_tagger.replace_taggers(nlp) makes a pipeline use the LSTM tagger."


def check_pipeline(tagger: Any, docs: Sequence[Doc]) -> bool:
    """Warn if labels are overwritten that should not be, if all are kept, if the language differs, or if the lexicon is
    missing. A pipeline that
    has its pretrained tagger from another one (`source`) gets the credits.

    tagger (LSTMTaggerPipe): The component, before it sets labels.
    docs (Sequence[Doc]): The first docs that it tags, at least one.
    RETURNS (bool): Whether there was a word, so that all could be checked.
    """
    if not any(not token.is_space for doc in docs for token in doc):
        return False
    nlp = find_running_pipeline(tagger)
    if nlp is not None:
        _warn_of_later_components(nlp, tagger)
        _warn_of_language(nlp, tagger)
        if tagger.cfg["pretrained"] is not None:
            add_credits(nlp, tagger.cfg["pretrained"])
    _warn_of_labels_set_before(tagger, docs)
    if tagger.cfg["lexicon"] is not None and tagger.lexicon is None:
        warnings.warn(
            f"'{tagger.name}' has no lexicon, though its setting is {tagger.cfg['lexicon']!s:.80}: the file was not "
            "there, or says nothing of labels. Use set_lexicon().",
            stacklevel=2,
        )
    return True


def find_running_pipeline(component: Any) -> Optional[Language]:
    """Find the pipeline that is calling a component. spaCy tells components nothing about it, so it is looked for among
    the callers.

    component (Callable[[Doc], Doc]): The component.
    RETURNS (Optional[Language]): The pipeline; None if there is none, as when the component is called directly.
    """
    frame = inspect.currentframe()
    while frame is not None:
        caller = frame.f_locals.get("self")
        if isinstance(caller, Language) and any(pipe is component for _, pipe in caller.pipeline):
            return caller
        frame = frame.f_back
    return None


def _warn_of_later_components(nlp: Language, tagger: Any) -> None:
    pipes = [pipe for _, pipe in nlp.pipeline]
    for name, pipe in nlp.pipeline[pipes.index(tagger) + 1 :]:
        if isinstance(pipe, AttributeRuler):
            # The lemmas that a ruler sets are those of few words.
            overwritten = {attribute for attrs in pipe.attrs for attribute in attrs} & set(TAG_LAYERS.values())
        elif isinstance(pipe, TrainablePipe) and pipe.cfg.get("overwrite"):
            assigned = nlp.get_pipe_meta(name).assigns
            overwritten = {attribute for layer, attribute in LAYERS.items() if f"token.{layer}" in assigned}
        else:
            continue
        layers = [NAMES[layer] for layer in LAYERS if LAYERS[layer] in overwritten and layer in tagger.set_layers]
        if layers:
            warnings.warn(
                f"The component '{name}' comes after '{tagger.name}' and overwrites its {_join(layers)}. Remove it, "
                f"or put it before '{tagger.name}'. {ADVICE}",
                stacklevel=2,
            )


def _warn_of_language(nlp: Language, tagger: Any) -> None:
    language = tagger.vocab.lang
    if tagger.cfg["pretrained"] is not None:
        language = read_pretrained_meta(tagger.cfg["pretrained"]).get("lang", language)
    if language and "xx" not in (language, nlp.lang) and language != nlp.lang:
        warnings.warn(
            f"'{tagger.name}' is a tagger for the language '{language}' in a pipeline for '{nlp.lang}'. Use "
            f"spacy.blank('{language}'), or a tagger that was trained on '{nlp.lang}'.",
            stacklevel=2,
        )


def _warn_of_labels_set_before(tagger: Any, docs: Sequence[Doc]) -> None:
    is_set = get_attributes(docs, [LAYERS[layer] for layer in tagger.set_layers]) != 0
    names = [NAMES[layer] for layer in tagger.set_layers]
    if not tagger.cfg["overwrite"] and not tagger.cfg["extend"] and is_set.all():
        warnings.warn(
            f"'{tagger.name}' changes nothing: all words have {_join(names)} already, and "
            f"overwrite = false keeps them. Set overwrite = true in [components.{tagger.name}]. {ADVICE}",
            stacklevel=2,
        )


def _join(names: List[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else names[0]
