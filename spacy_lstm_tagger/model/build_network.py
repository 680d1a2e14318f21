"""The network of a model: new, for a vocabulary and labels, or from a file."""

import warnings
from typing import Any, Dict, Mapping, Optional, Sequence

import torch
from safetensors.torch import load
from spacy.errors import Errors
from spacy.tokens import Doc
from spacy.vocab import Vocab
from thinc.api import get_torch_default_device
from torch import nn
from torch.overrides import TorchFunctionMode

from ..network.lstm_tagger import LSTMTagger, compose, fold
from ..network.sizes import NetworkSizes
from .features import TaggerModel, get_settings
from .shared_encoder import initialize_shared_encoder
from .shim import get_network, get_shim
from .stored_weights import unpack
from .tagging_pass import LATE
from .vocabulary import UNKNOWN_CHARACTER, Vocabulary

# By how much the logit of a new edit tree is lower than the mean of the others.
LESS_FOR_TREES = 3.0


def create_network(
    model: TaggerModel,
    n_labels: Dict[str, int],
    vocab: Vocab,
    parts: Mapping[str, Sequence[Sequence[int]]],
    docs: Sequence[Doc],
) -> None:
    """Give the model a new network of the sizes that its vocabulary and its labels need.

    model (Model[List[Doc], List[numpy.ndarray]]): The model.
    n_labels (Dict[str, int]): Number of labels of each head.
    vocab (Vocab): Its vectors are the static vectors.
    parts (Mapping[str, Sequence[Sequence[int]]]): For heads whose labels may share weights, the numbers of the parts of
        each label.
    docs (Sequence[Doc]): Some docs, from which a shared encoder infers its sizes.
    """
    vector_width = 0
    if get_settings(model).include_static_vectors:
        vector_width = vocab.vectors_length
        if not vector_width:
            raise ValueError(Errors.E896)
    widths = get_settings(model).sizes
    tables = _table_sizes(model.attrs["vocabulary"], widths["affix_width"], widths["character_width"])
    network = LSTMTagger(
        NetworkSizes(
            n_labels=n_labels,
            vector_width=vector_width,
            shared_width=initialize_shared_encoder(model, docs),
            **tables,
            **widths,
        )
    )
    if get_settings(model).compose_labels:
        compose(network, parts)
    set_network(model, network)


def grow_network(model: TaggerModel, n_labels: Mapping[str, int]) -> None:
    """Give the model a network with more heads and labels, and with rows for a vocabulary that has grown.

    What it had, it computes as before. A new word, affix or character has the embedding of an unknown one. The logit of
    a new label is the mean of those of its head's other labels, so that it is not the likeliest until it is learned;
    that of a new edit tree is lower, since not all of the likelier ones can be applied to a word.

    model (Model[List[Doc], List[numpy.ndarray]]): The model.
    n_labels (Mapping[str, int]): Number of labels of each head; those that there were come first.
    """
    old = fold(get_network(model))
    tables = _table_sizes(model.attrs["vocabulary"], old.sizes.affix_width, old.sizes.character_width)
    network = LSTMTagger(old.sizes._replace(n_labels=dict(n_labels), **tables))
    weights = network.state_dict()
    for name, tensor in old.state_dict().items():
        added = weights[name][len(tensor) :]
        if ".heads." in name:
            added[:] = tensor.mean(dim=0)
            if name.endswith(f".heads.{LATE}.bias"):
                added -= LESS_FOR_TREES
        elif name.startswith("encoder.characters."):
            added[:] = tensor[UNKNOWN_CHARACTER]
        elif len(added):
            added[:] = tensor[0]
        weights[name][: len(tensor)] = tensor
    get_shim(model).forget_training()
    set_network(model, network)


def read_network(sizes: Mapping[str, Any], vocabulary: Vocabulary, weights: bytes) -> LSTMTagger:
    """Make a network of the given sizes and weights. The sizes are compared with the weights
    before memory is taken for them.

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
    tensors = unpack(load(weights))
    # Each layer of each member has weights, so that sizes from a damaged file do not make too many layers.
    if network_sizes.n_members * max(1, network_sizes.depth) > len(tensors):
        found = f"{network_sizes.n_members!s:.80} members of depth {network_sizes.depth!s:.80}"
        raise ValueError(f"{len(tensors)} weights are too few for {found}")
    # On this device tensors have shapes and no memory.
    with torch.device("meta"), _Uninitialized():
        network = LSTMTagger(network_sizes)
    expected = {name: tuple(weight.shape) for name, weight in network.state_dict().items()}
    for name, shape in expected.items():
        found_shape = tuple(tensors[name].shape) if name in tensors else None
        if found_shape != shape:
            raise ValueError(f"weight '{name}' should have shape {shape}, but has {found_shape}")
        # A sum is finite if all its parts are, and takes a tenth of the time of looking at each.
        if not tensors[name].sum().isfinite():
            raise ValueError(f"weight '{name}' is not finite")
    network.load_state_dict(tensors, assign=True)
    return network


class _Uninitialized(TorchFunctionMode):
    """Leaves out the random values of new weights, which would change the caller's random numbers. On the device "meta"
    torch would import hundreds of modules to compute them."""

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


def set_network(model: TaggerModel, network: Optional[LSTMTagger]) -> None:
    """Give the model a network.

    model (Model[List[Doc], List[numpy.ndarray]]): The model.
    network (Optional[LSTMTagger]): The network. None: the one that a model without labels has.
    """
    get_shim(model).module = network and network.to(_find_device(get_settings(model).device))
    n_labels = network and sum(network.sizes.n_labels.values())
    model.set_dim("nO", n_labels, force=True)  # type: ignore[arg-type]


def _find_device(configured: Optional[str]) -> torch.device:
    """The device that spaCy is set to use, if that is a GPU; else the config's, if it exists."""
    device = torch.device(get_torch_default_device())
    if configured is None or device.type != "cpu":
        return device
    wanted = torch.device(configured)
    if wanted.type == "cuda" and (wanted.index or 0) >= torch.cuda.device_count():
        warnings.warn(f"There is no device '{configured}' here, so the LSTM tagger computes on the CPU.", stacklevel=2)
        return device
    return wanted
