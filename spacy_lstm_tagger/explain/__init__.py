"""How a tagger comes to its labels: the forward pass, the attributions and the page that shows them.

>>> import spacy_lstm_tagger as lt
>>> explanation = lt.explain(lt.load_pipeline("en"), "She reads.")
>>> explanation.words
['She', 'reads', '.']
>>> explanation.left_out["pos"].shape  # by how much each label changes when each word is left out
(3, 3)
>>> page = explanation.to_html()
"""

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
