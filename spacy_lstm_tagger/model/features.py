"""What both passes read of docs: windows of words, and the embedding rows of distinct words."""

from typing import Callable, List, Optional, Sequence

import numpy
import torch
from spacy.tokens import Doc
from spacy.vocab import Vocab
from thinc.api import Model

from ..network.word_encoder import WordTypes
from .quotation_marks import unpoint
from .settings import ModelSettings
from .shim import get_network, get_shim
from .windows import Windows, cut_windows

# Docs in, and for each doc a row of logits for each token out.
TaggerModel = Model[List[Doc], List[numpy.ndarray]]


def get_settings(model: TaggerModel) -> ModelSettings:
    """RETURNS (ModelSettings): The model's settings. Other than sizes, they can be changed at any time."""
    settings: ModelSettings = model.attrs["settings"]
    return settings


def states_width(model: TaggerModel) -> int:
    """RETURNS (int): The number of hidden states of the last layer, in all directions and members."""
    sizes = get_network(model).sizes
    return sizes.n_members * (2 if sizes.bidirectional else 1) * sizes.hidden_width


def set_word_mask(model: TaggerModel, mask: Optional[Callable[[Sequence[str]], numpy.ndarray]]) -> None:
    """Let something be added to the logits of words in tagging.

    model (Model): The model.
    mask (Optional[Callable[[Sequence[str]], numpy.ndarray]]): Gives it for words and all heads but that of
        lemmas: float32, shape (n_words, n_labels). None: nothing is added.
    """
    model.attrs["word_mask"] = mask
    get_shim(model).version += 1


def windows_of(model: TaggerModel, docs: Sequence[Doc]) -> Windows:
    """RETURNS (Windows): The docs in windows of the model's size."""
    settings = get_settings(model)
    return cut_windows(docs, settings.window_size, settings.window_overlap, model.attrs["vocabulary"].points_marks)


def read_words(model: TaggerModel, doc: Doc) -> List[str]:
    """RETURNS (List[str]): The words of a doc of one window, as they are looked up: quotation marks may show which way
    they point."""
    return [doc.vocab.strings[orth] for orth in windows_of(model, [doc]).orths.tolist()]


def look_up_types(model: TaggerModel, vocab: Vocab, words: List[str], device: Optional[str] = None) -> WordTypes:
    """Find the rows, and the static vectors, of words.

    model (Model): The model, whose vocabulary has the rows.
    vocab (Vocab): Has the static vectors.
    words (List[str]): The words, in which quotation marks may show which way they point.
    device (Optional[str]): The torch device that gets the result. None: the one that has the model's network.
    RETURNS (WordTypes): A row for each word.
    """
    network = get_network(model)
    place = device or next(network.parameters()).device
    types = WordTypes(*(torch.from_numpy(rows).to(place) for rows in model.attrs["vocabulary"].look_up(words)))
    if not network.sizes.vector_width:
        return types
    words = list(map(unpoint, words))
    spellings = map(model.attrs["vocabulary"].spell, words)
    known = [spelling if vocab.has_vector(spelling) else word for word, spelling in zip(words, spellings)]
    vectors = numpy.asarray([vocab.get_vector(word) for word in known], dtype="float32")
    return types._replace(vectors=torch.from_numpy(vectors).to(place))
