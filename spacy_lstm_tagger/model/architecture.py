"""The border between spaCy and torch: a thinc model that reads docs and scores labels with the network."""

import warnings
from typing import Any, Callable, Dict, List, Mapping, Optional, Tuple

import numpy
import torch
from safetensors.torch import load
from spacy.errors import Errors
from spacy.tokens import Doc
from spacy.vocab import Vocab
from thinc.api import Model, get_torch_default_device
from torch import nn
from torch.overrides import TorchFunctionMode

from ..inference.tagging_network import to_tensor
from ..network.hardware import choose_precision
from ..network.lstm_tagger import LSTMTagger, NetworkSizes, WordTypes, weight_shapes
from ..ragged import split
from .shim import ModuleShim, get_network, get_shim
from .tagging_pass import FastPath, look_up_types, score_tokens, windows_of
from .vocabulary import Vocabulary
from .windows import Windows

InT = List[Doc]
OutT = List[numpy.ndarray]


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
) -> Model[InT, OutT]:
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
        in tagging also what its states say to the heads. Weights and the sums that are scores stay in float32.
    device (Optional[str]): A torch device, such as "cuda:0", for where spaCy is not set to use a GPU (that takes
        CuPy, this does not). Without such a device the network stays on the CPU, with a warning.
    RETURNS (Model[List[Doc], List[numpy.ndarray]]): Its output has a row of logits for each token, the heads side by
        side in the order of `NetworkSizes.n_labels`; rows of whitespace tokens are 0. In training, each row has the
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
        shims=[ModuleShim(None)],
        dims={"nO": None},
        attrs={
            "vocabulary": vocabulary(),
            "sizes": {
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
            "word_dropout": word_dropout,
            "embedding_dropout": embedding_dropout,
            "dropout_samples": dropout_samples,
            "changed_case": shares,
            "dropout_rate": 0.0,
            "include_static_vectors": include_static_vectors,
            "window_size": window_size,
            "window_overlap": window_overlap,
            "mixed_precision": mixed_precision,
            "device": device,
            "fast_path": FastPath(cache_size),
        },
    )


def create_network(model: Model[InT, OutT], n_labels: Dict[str, int], vocab: Vocab) -> None:
    """Give the model a new network of the sizes that its vocabulary and its labels need.

    model (Model[List[Doc], List[numpy.ndarray]]): The model.
    n_labels (Dict[str, int]): Number of labels of each head.
    vocab (Vocab): Its vectors are the static vectors.
    """
    vector_width = 0
    if model.attrs["include_static_vectors"]:
        vector_width = vocab.vectors_length
        if not vector_width:
            raise ValueError(Errors.E896)
    widths = model.attrs["sizes"]
    tables = _table_sizes(model.attrs["vocabulary"], widths["affix_width"], widths["character_width"])
    set_network(model, LSTMTagger(NetworkSizes(n_labels=n_labels, vector_width=vector_width, **tables, **widths)))


def read_network(sizes: Mapping[str, Any], vocabulary: Vocabulary, weights: bytes) -> LSTMTagger:
    """Make a network of the given sizes and weights. Sizes are compared with the weights before memory is taken.

    sizes (Mapping[str, Any]): The fields of `NetworkSizes`.
    vocabulary (Vocabulary): What the network's tables must have rows for.
    weights (bytes): The network's weights, in the format safetensors.
    RETURNS (LSTMTagger): The network. Raises a ValueError if the weights are others, or not all finite.
    """
    network_sizes = NetworkSizes(**sizes)
    tables = _table_sizes(vocabulary, network_sizes.affix_width, network_sizes.character_width)
    for name, n_rows in tables.items():
        if sizes[name] != n_rows:
            raise ValueError(f"the vocabulary needs {name} = {n_rows!s:.80}, not {sizes[name]!s:.80}")
    tensors = load(weights)
    for name, shape in weight_shapes(network_sizes):
        found = tuple(tensors[name].shape) if name in tensors else None
        if found != shape:
            raise ValueError(f"weight '{name}' should have shape {shape}, but has {found}")
        # A sum is finite if all its parts are, and takes a tenth of the time of looking at each.
        if not tensors[name].sum(dtype=torch.float32).isfinite():
            raise ValueError(f"weight '{name}' is not finite")
    with _Uninitialized():
        network = LSTMTagger(network_sizes)
    network.load_state_dict(tensors)
    return network


class _Uninitialized(TorchFunctionMode):
    """Leaves out the random values that new weights get: they take half of the time of loading, and the caller's random
    numbers would be others afterwards."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in (nn.init.normal_, nn.init.uniform_, nn.init.kaiming_uniform_):
            return args[0] if args else kwargs["tensor"]
        return func(*args, **(kwargs or {}))


def _table_sizes(vocabulary: Vocabulary, affix_width: int, character_width: int) -> Dict[str, Any]:
    """Rows of the tables that a network reads: those of width 0 it leaves out."""
    tables = vocabulary.table_sizes
    if not affix_width:
        tables["n_affixes"] = []
    if not character_width:
        tables["n_characters"] = 0
    return tables


def set_network(model: Model[InT, OutT], network: Optional[LSTMTagger]) -> None:
    """Give the model a network.

    model (Model[List[Doc], List[numpy.ndarray]]): The model.
    network (Optional[LSTMTagger]): The network. None: the one that a model without labels has.
    """
    get_shim(model).module = network and network.to(_find_device(model.attrs["device"]))
    n_labels = network and sum(network.sizes.n_labels.values())
    model.set_dim("nO", n_labels, force=True)  # type: ignore[arg-type]


def _find_device(configured: Optional[str]) -> torch.device:
    """What spaCy is set to use, if that is a GPU; else what the config says, if it is there."""
    device = torch.device(get_torch_default_device())
    if configured is None or device.type != "cpu":
        return device
    wanted = torch.device(configured)
    if wanted.type == "cuda" and (wanted.index or 0) >= torch.cuda.device_count():
        warnings.warn(f"There is no device '{configured}' here, so the LSTM tagger computes on the CPU.", stacklevel=2)
        return device
    return wanted


def forward(model: Model[InT, OutT], docs: InT, is_train: bool) -> Tuple[OutT, Callable[[OutT], InT]]:
    """Score every label for every token of the docs.

    model (Model[List[Doc], List[numpy.ndarray]]): The model.
    docs (List[Doc]): The docs.
    is_train (bool): Whether dropout is applied and the gradient can be asked for.
    RETURNS (Tuple[List[numpy.ndarray], Callable]): Logits, for each doc of shape (n_tokens, n_labels), in training
        (n_tokens, n_samples * n_members * n_labels), and a function that takes the gradient of the loss with respect
        to them and leaves that of the weights in the network.
    """
    n_members = get_network(model).sizes.n_members if is_train else 1
    # Without dropout all samples would be the same.
    n_samples = model.attrs["dropout_samples"] if is_train and model.attrs["dropout_rate"] else 1
    scores = numpy.zeros((sum(map(len, docs)), model.get_dim("nO") * n_members * n_samples), dtype="float32")
    backprop: Callable[[OutT], InT] = _no_gradient
    if is_train:
        windows = windows_of(model, docs)
        if len(windows.lengths):
            backprop = _begin_update(model, docs[0].vocab, windows, n_samples, scores)
    else:
        for tokens, logits in score_tokens(model, docs):
            scores[tokens] = logits
    return split(scores, map(len, docs)), backprop


def _begin_update(
    model: Model[InT, OutT], vocab: Vocab, windows: Windows, n_samples: int, scores: numpy.ndarray
) -> Callable[[OutT], InT]:
    """Score all windows at once, fill `scores` and return how to backpropagate."""
    network = get_network(model)
    orths, types = numpy.unique(windows.orths, return_inverse=True)
    words = [vocab.strings[orth] for orth in orths.tolist()]
    dropout = model.attrs["dropout_rate"]
    if dropout:
        words, types = _change_case(model, words, types, windows.lengths)
    word_types = look_up_types(model, vocab, words)
    if model.attrs["word_dropout"] and dropout:
        word_types = _forget_words(model, word_types)
    rows = word_types.words
    logits = network(
        word_types,
        to_tensor(types, rows),
        to_tensor(windows.lengths, rows),
        dropout,
        model.attrs["embedding_dropout"] if dropout else 0.0,
        n_samples,
        choose_precision(model.attrs["mixed_precision"], rows.device),
    ).flatten(1)
    taken = windows.targets >= 0
    targets = windows.targets[taken]
    scores[targets] = logits.detach().cpu().numpy()[taken]

    def backprop(d_scores: OutT) -> InT:
        d_logits = numpy.zeros(logits.shape, dtype="float32")
        d_logits[taken] = numpy.concatenate(d_scores)[targets]
        logits.backward(to_tensor(d_logits, logits))
        return []

    return backprop


def _no_gradient(d_scores: OutT) -> InT:
    return []


def _change_case(
    model: Model[InT, OutT], words: List[str], types: numpy.ndarray, lengths: numpy.ndarray
) -> Tuple[List[str], numpy.ndarray]:
    """Read some sentences in lower case, some in capitals, and some with a capital at the beginning of each word.

    words (List[str]): Distinct words.
    types (numpy.ndarray): For each cell of the windows its word, int64, shape (n_cells,).
    lengths (numpy.ndarray): The windows' lengths.
    RETURNS (Tuple[List[str], numpy.ndarray]): Words and types with the changed ones.
    """
    limits = numpy.cumsum(model.attrs["changed_case"])
    # Which of CHANGES befalls each window, 0 is none.
    changes = (1 + numpy.searchsorted(limits, numpy.random.random(len(lengths)), "right")) % (1 + len(CHANGES))
    if not changes.any():
        return words, types
    changed, types = numpy.unique(types + numpy.repeat(changes, lengths) * len(words), return_inverse=True)
    change = (str, *CHANGES)
    return [change[i // len(words)](words[i % len(words)]) for i in changed.tolist()], types


def _title(word: str) -> str:
    return word[:1].upper() + word[1:]


# What the shares in `changed_case` are of.
CHANGES: Tuple[Callable[[str], str], ...] = (str.lower, str.upper, _title)


def _forget_words(model: Model[InT, OutT], types: WordTypes) -> WordTypes:
    """Make words unknown at random, the rarer the likelier, so that the network learns to do without."""
    a = model.attrs["word_dropout"]
    counts = model.attrs["vocabulary"].word_counts[types.words.cpu().numpy()]
    forgotten = numpy.random.random(len(counts)) < a / (a + counts)
    return types._replace(words=types.words.masked_fill(to_tensor(forgotten, types.words), 0))
