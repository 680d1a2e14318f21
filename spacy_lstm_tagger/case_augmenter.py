"""Sentences in lower case and in capitals for training, so that the tagger does not depend on case."""

import random
from typing import Callable, Iterator

from spacy.attrs import SENT_START, SPACY
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example

from .labels import LAYERS


def create_case_augmenter_v1(lower: float, upper: float) -> Callable[[Language, Example], Iterator[Example]]:
    """Put a share of the sentences into lower case, and another into capitals. Words stay the words they are.

    lower (float): Share of sentences in lower case, from 0 to 1.
    upper (float): Share of sentences in capitals, from 0 to 1.
    RETURNS (Callable[[Language, Example], Iterator[Example]]): The augmenter. Raises a ValueError for impossible
        shares.
    """
    if min(lower, upper) < 0 or lower + upper > 1:
        raise ValueError(f"lower and upper must be shares that add up to at most 1, not {lower} and {upper}.")

    def augment(nlp: Language, eg: Example) -> Iterator[Example]:
        draw = random.random()
        if draw < lower:
            yield _change_case(eg, str.lower)
        elif draw < lower + upper:
            yield _change_case(eg, str.upper)
        else:
            yield eg

    return augment


def _change_case(eg: Example, change: Callable[[str], str]) -> Example:
    reference = _copy(eg.reference, change)
    attributes = [SENT_START, *LAYERS.values()]
    reference.from_array(attributes, eg.reference.to_array(attributes))  # type: ignore[arg-type]
    return Example(_copy(eg.predicted, change), reference)


def _copy(doc: Doc, change: Callable[[str], str]) -> Doc:
    spaces = doc.to_array(SPACY).astype(bool).tolist()
    return Doc(doc.vocab, words=[change(token.text) for token in doc], spaces=spaces)
