"""Loading a pipeline, and finding the LSTM tagger in it."""

from pathlib import Path
from typing import Union

from spacy import util
from spacy.language import Language
from spacy.training.loop import DIR_MODEL_BEST

from ..model_packages import find_pipeline, load_package
from ..shipped import PRETRAINED
from .component import LSTMTaggerPipe


def load_pipeline(model: Union[str, Path], *, store_confidence: bool = False) -> Language:
    """Load a pipeline that has an LSTM tagger.

    model (Union[str, Path]): Its directory or package, or the name of a tagger that ships with this package or that a
        model package offers.
    store_confidence (bool): Whether the tagger stores its labels' probabilities in docs.
    RETURNS (Language): The pipeline. Raises a ValueError if it has no LSTM tagger, or for the output directory of
        `train`, which names the pipeline in it.

        >>> from spacy_lstm_tagger import load_pipeline
        >>> nlp = load_pipeline("en")
        >>> [token.pos_ for token in nlp("She reads.")]
        ['PRON', 'VERB', 'PUNCT']
    """
    if model in PRETRAINED and not Path(model).exists():
        nlp = util.get_lang_class(str(model).split("_")[0])()
        nlp.add_pipe("lstm_tagger", config={"pretrained": model})
    elif not (Path(model) / "meta.json").exists() and (best := Path(model) / DIR_MODEL_BEST).is_dir():
        raise ValueError(f"{model} is the directory of a training. Use the pipeline in {best}.")
    elif str(model) != (found := find_pipeline(model)):
        nlp = load_package(found)
    else:
        nlp = util.load_model(model)
    find_tagger(nlp).store_confidence = store_confidence
    return nlp


def find_tagger(nlp: Language) -> LSTMTaggerPipe:
    """RETURNS (LSTMTaggerPipe): The pipeline's LSTM tagger. Raises a ValueError if there is none."""
    for _, pipe in nlp.pipeline:
        if isinstance(pipe, LSTMTaggerPipe):
            return pipe
    raise ValueError(f"The pipeline has no component of the factory 'lstm_tagger', only: {nlp.pipe_names}.")
