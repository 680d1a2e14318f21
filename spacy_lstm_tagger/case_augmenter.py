"""Sentences in lower case and in capitals for training, so that the tagger does not depend on case."""

import random
from typing import Callable, Iterator

from spacy.attrs import SENT_START, SPACY
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example

from .labels import LAYERS


def create_case_augmenter_v1(lower: float, upper: float) -> Callable[[Language, Example], Iterator[Example]]:
    """Add copies of some sentences in lower case and of some in capitals. Words stay the words they are.

    The sentences themselves stay, too: `spacy train` augments its data once, before the first epoch, so what an
    augmenter replaces is never seen as it was.

    lower (float): Share of sentences that are copied in lower case, from 0 to 1.
    upper (float): Share of sentences that are copied in capitals, from 0 to 1.
    RETURNS (Callable[[Language, Example], Iterator[Example]]): The augmenter. Raises a ValueError for impossible
        shares.
    """
    if not (0 <= lower <= 1 and 0 <= upper <= 1):
        raise ValueError(f"lower and upper must be shares from 0 to 1, not {lower} and {upper}.")

    def augment(nlp: Language, eg: Example) -> Iterator[Example]:
        yield eg
        if random.random() < lower:
            yield _change_case(eg, str.lower)
        if random.random() < upper:
            yield _change_case(eg, str.upper)

    return augment


def _change_case(eg: Example, change: Callable[[str], str]) -> Example:
    reference = _copy(eg.reference, change)
    attributes = [SENT_START, *LAYERS.values()]
    reference.from_array(attributes, eg.reference.to_array(attributes))  # type: ignore[arg-type]
    return Example(_copy(eg.predicted, change), reference)


def _copy(doc: Doc, change: Callable[[str], str]) -> Doc:
    spaces = doc.to_array(SPACY).astype(bool).tolist()
    return Doc(doc.vocab, words=[change(token.text) for token in doc], spaces=spaces)
