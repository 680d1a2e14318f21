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
- `explain(nlp, text)`: why the tagger labels the words of a text as it does.
- `__version__`: the version that is installed.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any, List

if TYPE_CHECKING:
    from .explain import explain
    from .pipeline.loading import load_pipeline
    from .pipeline.replace_taggers import replace_taggers
    from .soft_labels import set_soft_labels

    __version__: str

__all__ = ["__version__", "explain", "load_pipeline", "replace_taggers", "set_soft_labels"]


def __getattr__(name: str) -> Any:
    """Import what is asked for when it is used: spaCy and torch take seconds."""
    if name == "__version__":
        return import_module("importlib.metadata").version("spacy-lstm-tagger")
    if name == "load_pipeline":
        return import_module(".pipeline.loading", __name__).load_pipeline
    if name == "replace_taggers":
        return import_module(".pipeline.replace_taggers", __name__).replace_taggers
    if name == "set_soft_labels":
        return import_module(".soft_labels", __name__).set_soft_labels
    if name == "explain":
        # The package, which can be called: Python sets the name to it whenever a module in it is imported.
        return import_module(".explain", __name__)
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")


def __dir__() -> List[str]:
    return __all__
