"""The registered architecture: a thinc model that reads docs and scores labels with the network."""

from typing import Any, Callable, List, Optional, Tuple

import numpy
from spacy.tokens import Doc
from thinc.api import Model
from thinc.types import Floats2d

from ..ragged import split
from .features import TaggerModel, get_settings
from .settings import ModelSettings
from .shim import ModuleShim, get_network
from .tagging_pass import LATE, FastPath, score_tokens
from .training_pass import begin_update
from .vocabulary import Vocabulary


def build_lstm_tagger_v1(
    vocabulary: Callable[[], Vocabulary],
    *,
    word_width: int,
    affix_width: int = 0,
    character_width: int = 0,
    mix_width: int = 0,
    convolution_width: int = 0,
    hidden_width: int,
    depth: int = 1,
    bidirectional: bool = False,
    skip: bool = False,
    n_members: int = 1,
    compose_labels: bool = False,
    word_dropout: float = 0.0,
    embedding_dropout: float = 0.0,
    dropout_samples: int = 1,
    lower_case: float = 0.0,
    upper_case: float = 0.0,
    title_case: float = 0.0,
    include_static_vectors: bool = False,
    tune_static_vectors: bool = False,
    window_size: int = 128,
    window_overlap: int = 32,
    cache_size: int = 16_384,
    mixed_precision: bool = True,
    device: Optional[str] = None,
    tok2vec: Optional[Model[List[Doc], List[Floats2d]]] = None,
) -> TaggerModel:
    """Build an LSTM tagger: word types -> embeddings -> LSTM layers -> one linear head per layer of annotation.

    With sizes for word embedding and hidden state alone, it is the textbook's LSTM tagger.

    vocabulary (Callable[[], Vocabulary]): What is read of a word.
    word_width (int): Width of a known word's embedding.
    affix_width (int): Width of each embedding of a prefix, a suffix or the shape.
    character_width (int): Width of the vector that an LSTM in both directions makes of a word's characters.
    mix_width (int): Width of a word's vector, mixed from all its embeddings. 0: they are concatenated.
    convolution_width (int): Width of a convolution over each word and its two neighbours, which the heads see beside
        the LSTM's states. 0: there is none.
    hidden_width (int): Units of the LSTM, in each layer and direction.
    depth (int): Number of LSTM layers.
    bidirectional (bool): Whether each layer reads a sentence in both directions.
    skip (bool): Whether layers of equal width are residual, and the heads also see the word's own vector.
    n_members (int): How many networks read the word vectors, each with a mix, layers and heads of its own. They are
        trained together, on the same embeddings, and their logits are averaged.
    compose_labels (bool): Whether bundles of features share weights in training: those of a bundle are the sum of those
        of its features, of its part of speech and of its own. What is stored and used in tagging is the sum.
    word_dropout (float): In training, a word that occurs n times is unknown at a rate of a / (a + n). This is a.
    embedding_dropout (float): In training, the rate of dropout on what a word's vector is mixed from.
    dropout_samples (int): How often the LSTM reads each training batch before the weights change, each time with other
        masks of dropout.
    lower_case (float): In training, the share of sentences that are read in lower case, others each time, so that the
        tagger does not depend on case.
    upper_case (float): The share of sentences that are read in capitals.
    title_case (float): The share of sentences that are read with a capital at the beginning of each word.
    include_static_vectors (bool): Whether the vectors of the pipeline's vocab are part of a word's vector: with
        `mix_width` projected together with its embeddings. They stay in the vocab, and are not stored a second time.
    tune_static_vectors (bool): Whether training learns a correction for the static vector of each word that it sees.
    window_size (int): Longest sequence that is read as one, in words. What is longer is cut into windows.
    window_overlap (int): How many words two neighbouring windows share.
    cache_size (int): How many words' vectors are kept between batches, so that they need not be computed again.
    mixed_precision (bool): Whether the LSTM computes in bfloat16 on hardware that can, in training and in tagging, and
        in tagging also the products of its states with the weights of the heads. Weights and logits stay in float32.
    device (Optional[str]): A torch device, such as "cuda:0", for where spaCy is not set to use a GPU (that takes
        CuPy, this does not). Without such a device the network stays on the CPU, with a warning.
    tok2vec (Optional[Model[List[Doc], List[Floats2d]]]): A model whose vector for each token is part of the word's
        vector, beside its embeddings (in their place if all their widths are 0): spaCy's layers that listen to a
        `tok2vec` or a transformer, or any other. It is trained too.
    RETURNS (Model[List[Doc], List[numpy.ndarray]]): Its output has a row of logits for each token, those of all heads
        in the order of `NetworkSizes.n_labels`; rows of whitespace tokens are 0. In training, each row has the
        logits of all members, one member after the other, and that once for each sample.
    """
    if not 0 <= window_overlap < window_size:
        raise ValueError(
            f"window_overlap must be at least 0 and below window_size ({window_size}), not {window_overlap}."
        )
    shares = (lower_case, upper_case, title_case)
    if min(shares) < 0 or sum(shares) > 1:
        raise ValueError(
            f"lower_case, upper_case and title_case must be shares that add up to at most 1, not {shares}."
        )
    if depth < 1:
        raise ValueError(f"depth must be at least 1, not {depth}.")
    if n_members < 1 or (n_members > 1 and not mix_width):
        raise ValueError(f"n_members must be at least 1, and 1 where mix_width is 0, not {n_members}.")
    if dropout_samples < 1:
        raise ValueError(f"dropout_samples must be at least 1, not {dropout_samples}.")
    if character_width % 2:
        raise ValueError(f"character_width must be even, half of it for each direction, not {character_width}.")
    return Model(
        "lstm_tagger",
        forward,
        layers=[] if tok2vec is None else [tok2vec],
        shims=[ModuleShim(None)],
        dims={"nO": None},
        attrs={
            "vocabulary": vocabulary(),
            "settings": ModelSettings(
                sizes={
                    "word_width": word_width,
                    "affix_width": affix_width,
                    "character_width": character_width,
                    "tune_vectors": tune_static_vectors,
                    "mix_width": mix_width,
                    "hidden_width": hidden_width,
                    "depth": depth,
                    "bidirectional": bidirectional,
                    "skip": skip,
                    "n_members": n_members,
                    "convolution_width": convolution_width,
                },
                compose_labels=compose_labels,
                word_dropout=word_dropout,
                embedding_dropout=embedding_dropout,
                dropout_samples=dropout_samples,
                changed_case=shares,
                include_static_vectors=include_static_vectors,
                window_size=window_size,
                window_overlap=window_overlap,
                mixed_precision=mixed_precision,
                device=device,
            ),
            "word_mask": None,
            "dropout_rate": 0.0,  # under this name thinc sets it
            "fast_path": FastPath(cache_size),
            # What `nlp.replace_listeners` looks for where other components listen to the tagger.
            "replace_listener_cfg": refuse_replacement,
        },
    )


# From the gradient of the loss with respect to each doc's logits. Leaves that of the weights in the network.
Backprop = Callable[[List[numpy.ndarray]], List[Doc]]


def forward(model: TaggerModel, docs: List[Doc], is_train: bool) -> Tuple[List[numpy.ndarray], Backprop]:
    """Score every label for every token of the docs.

    model (Model[List[Doc], List[numpy.ndarray]]): The model.
    docs (List[Doc]): The docs.
    is_train (bool): Whether dropout is applied and the gradient can be asked for.
    RETURNS (Tuple[List[numpy.ndarray], Callable]): Logits, for each doc of shape (n_tokens, n_labels), in training
        (n_tokens, n_samples * n_members * n_labels), and a function that takes the gradient of the loss with respect
        to them and leaves that of the weights in the network.
    """
    n_labels = get_network(model).sizes.n_labels
    n_members = get_network(model).sizes.n_members if is_train else 1
    # Without dropout all samples would be the same.
    n_samples = get_settings(model).dropout_samples if is_train and model.attrs["dropout_rate"] else 1
    scores = numpy.zeros((sum(map(len, docs)), model.get_dim("nO") * n_members * n_samples), dtype="float32")
    backprop: Backprop = no_gradient
    if is_train and docs:
        backprop = begin_update(model, docs, n_samples, scores)
    else:
        is_late = numpy.repeat([name == LATE for name in n_labels], list(n_labels.values()))
        for tokens, logits, score_late in score_tokens(model, docs):
            scores[numpy.ix_(tokens, ~is_late)] = logits
            if is_late.any():
                scores[numpy.ix_(tokens, is_late)] = score_late(numpy.arange(len(tokens)))
    return split(scores, map(len, docs)), backprop


def no_gradient(d_scores: List[numpy.ndarray]) -> List[Doc]:
    return []


def refuse_replacement(*configs: Any) -> Any:
    """Raise a ValueError: what `nlp.replace_listeners` calls where others are to get a copy of the LSTM."""
    raise ValueError(
        "An LSTM tagger cannot be copied into the components that listen to it. Keep it in the pipeline: to use such a "
        "component elsewhere, source the tagger too."
    )
