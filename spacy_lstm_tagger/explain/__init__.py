"""Why a tagger decides as it does: the forward pass, the reasons and the page that shows them."""

import sys
from types import ModuleType
from typing import Any, Union

from spacy.language import Language
from spacy.tokens import Doc

from .explanation import Explanation, explain

__all__ = ["Explanation", "explain"]


class CallableModule(ModuleType):
    """Makes `spacy_lstm_tagger.explain(nlp, text)` work: that name is this package's, and its function's."""

    def __call__(self, nlp: Language, text: Union[str, Doc], **options: Any) -> Explanation:
        return explain(nlp, text, **options)


sys.modules[__name__].__class__ = CallableModule
