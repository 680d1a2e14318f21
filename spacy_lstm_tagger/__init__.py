"""Tag parts of speech and morphology with an LSTM, as a spaCy pipeline component.

    >>> import spacy
    >>> nlp = spacy.blank("en")
    >>> tagger = nlp.add_pipe("lstm_tagger", config={"pretrained": "en"})
    >>> [(token.text, token.pos_, token.tag_) for token in nlp("She reads.")]
    [('She', 'PRON', 'PRP'), ('reads', 'VERB', 'VBZ'), ('.', 'PUNCT', '.')]

spaCy finds the component, and the commands `python -m spacy lstm-tagger --help`, without an import of this package.
The package itself offers:

- `load_pipeline(model)`: load a pipeline that has an LSTM tagger, or the English one.
- `replace_taggers(nlp, model)`: make a spaCy pipeline use the LSTM tagger in the place of its own taggers.
- `set_soft_labels(doc, labels)`: give a doc the probabilities of labels, to train a small tagger with a large one.
- `set_allowed_labels(doc, labels)`: tell of which labels a token has one, where it is not known which.
- `set_weight(doc, weight)`: set how much the sentences of a doc count in training.
- `explain(nlp, text)`: why the tagger labels the words of a text as it does.
- `render(doc)`: draw a tagged doc in a notebook.
- `lstm_tagger_table(texts, model)`: a data frame with a row for each token of some texts.
- `Annotator(model)`: a function from a table with texts to the same table with their tokens and labels.
- `__version__`: the version that is installed.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any, List

if TYPE_CHECKING:
    from .allowed_labels import set_allowed_labels
    from .explain import explain
    from .formats.drawn_text import render
    from .pipeline.loading import load_pipeline
    from .pipeline.replace_taggers import replace_taggers
    from .sentence_weights import set_weight
    from .soft_labels import set_soft_labels
    from .tables.annotator import Annotator
    from .tables.token_table import lstm_tagger_table

    __version__: str

# The module of each name.
MODULES = {
    "Annotator": ".tables.annotator",
    "explain": ".explain",
    "load_pipeline": ".pipeline.loading",
    "lstm_tagger_table": ".tables.token_table",
    "render": ".formats.drawn_text",
    "replace_taggers": ".pipeline.replace_taggers",
    "set_allowed_labels": ".allowed_labels",
    "set_soft_labels": ".soft_labels",
    "set_weight": ".sentence_weights",
}
__all__ = [
    "Annotator",
    "__version__",
    "explain",
    "load_pipeline",
    "lstm_tagger_table",
    "render",
    "replace_taggers",
    "set_allowed_labels",
    "set_soft_labels",
    "set_weight",
]


def __getattr__(name: str) -> Any:
    """Import what is asked for when it is used: spaCy and torch take seconds."""
    if name == "__version__":
        return import_module("importlib.metadata").version("spacy-lstm-tagger")
    if name not in MODULES:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    module = import_module(MODULES[name], __name__)
    # `explain` is a package that can be called: Python sets the name to it whenever a module in it is imported.
    return module if name == "explain" else getattr(module, name)


def __dir__() -> List[str]:
    return __all__
