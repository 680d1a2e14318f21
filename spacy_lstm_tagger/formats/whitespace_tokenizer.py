"""A tokenizer that splits at spaces alone."""

from typing import Callable

from spacy.language import Language
from spacy.tokenizer import Tokenizer


def create_whitespace_tokenizer_v1() -> Callable[[Language], Tokenizer]:
    """Split text at spaces alone, as sentences are split that the training data gives as one string.

    RETURNS (Callable[[Language], Tokenizer]): Makes spaCy's tokenizer without any rules.
    """
    return lambda nlp: Tokenizer(nlp.vocab)
