"""A shared encoder: another model, such as a listener to a transformer, that gives the network a vector for each token.

It is the only layer of the tagger's thinc model, where `nlp.replace_listeners` finds it. Its output is read beside the
word's own embeddings.
"""

import warnings
from typing import Any, Callable, NamedTuple, Optional, Sequence

import numpy
import torch
from spacy.pipeline.tok2vec import Tok2VecListener
from spacy.tokens import Doc

from ..network.hardware import to_tensor
from ..ragged import split
from .features import TaggerModel
from .shim import get_network


def initialize_shared_encoder(model: TaggerModel, docs: Sequence[Doc]) -> int:
    """Let the encoder infer its sizes from some docs.

    model (Model[List[Doc], List[numpy.ndarray]]): The model.
    docs (Sequence[Doc]): The docs.
    RETURNS (int): The width of its vectors; 0 if there is no encoder.
    """
    for encoder in model.layers:
        encoder.initialize(X=list(docs))
        return int(encoder.predict(list(docs))[0].shape[1])
    return 0


def check_shared_encoder(model: TaggerModel, shared_width: int) -> None:
    """Raise a ValueError if a network that reads an encoder's vectors of this width gets none, or those of another."""
    if shared_width and not model.layers:
        raise ValueError(
            f"This tagger reads vectors of width {shared_width} of a shared encoder, but its model has no tok2vec. "
            "Keep [components.lstm_tagger.model.tok2vec] of the config that it was trained with."
        )
    if model.layers and not shared_width:
        raise ValueError(
            "The config has [components.lstm_tagger.model.tok2vec], but this tagger was trained without a shared "
            "encoder. Remove that section, or train the tagger anew."
        )


def is_listening(model: TaggerModel) -> bool:
    """RETURNS (bool): Whether the encoder is another component's, to which a layer of this model listens. Such layers
    of spaCy, spacy-transformers and spacy-curated-transformers are named so; the last of these puts a transformer that
    it copies beside its listener."""
    names = [node.name for encoder in model.layers for node in encoder.walk()]
    return any(name.endswith("listener") for name in names) and "transformer_model" not in names


def listens_to_tensors(model: TaggerModel) -> bool:
    """RETURNS (bool): Whether the encoder's vectors are read from `doc.tensor`."""
    return any(isinstance(node, Tok2VecListener) for node in model.walk())


class Shared(NamedTuple):
    """What an encoder gave.

    vectors (torch.Tensor): Each token's vector, on the network's device. float32, shape (n_tokens, shared_width).
    backprop (Callable): In training, passes the gradient that the vectors have by then on to the encoder.
    """

    vectors: torch.Tensor
    backprop: Callable[[], None]


def encode_tokens(model: TaggerModel, docs: Sequence[Doc], is_train: bool) -> Optional[Shared]:
    """Let the encoder, if there is one, find the tokens' vectors.

    model (Model[List[Doc], List[numpy.ndarray]]): The model.
    docs (Sequence[Doc]): The docs, at least one.
    is_train (bool): Whether the vectors need a gradient.
    RETURNS (Optional[Shared]): The vectors. Raises a ValueError if the encoder is not that of the training.
    """
    if not model.layers:
        return None
    (encoder,) = model.layers
    vectors, backprop_vectors = encoder(list(docs), is_train)
    rows = numpy.concatenate([encoder.ops.to_numpy(of_doc) for of_doc in vectors]).astype("float32", copy=False)
    expected = get_network(model).sizes.shared_width
    if rows.shape[1] != expected:
        raise ValueError(
            f"The tagger was trained with vectors of width {expected} from its tok2vec, but gets some of width "
            f"{rows.shape[1]}. It needs the encoder that it was trained with."
        )
    if len(rows) and not rows.any():
        warnings.warn(
            "The tok2vec of the LSTM tagger gives no vectors for these docs. If it listens to another component, that "
            "one must process them before: it must come first in the pipeline, and not be disabled.",
            stacklevel=2,
        )
    shared = to_tensor(rows, get_network(model).encoder.word.weight).requires_grad_(is_train)

    def backprop() -> None:
        gradient = torch.zeros_like(shared) if shared.grad is None else shared.grad
        of_docs: Any = split(gradient.cpu().numpy(), map(len, vectors))
        backprop_vectors([encoder.ops.asarray(of_doc) for of_doc in of_docs])

    return Shared(shared, backprop)
