"""What thinc needs to train, average, copy and store a torch module."""

import copy
from contextlib import contextmanager
from typing import Any, Dict, Iterator, Optional, cast

import torch
from safetensors.torch import load, save
from thinc.api import Model, Optimizer
from thinc.shims import Shim
from thinc.types import FloatsXd
from torch import nn

from ..network.lstm_tagger import LSTMTagger, fold
from . import adam
from .stored_weights import pack, unpack


class ModuleShim(Shim):
    """Hold the network in a thinc model.

    Unlike thinc's own shim it stores weights as safetensors instead of a pickle, finds the averages that
    thinc's optimizer keeps of torch parameters, and never switches the module between training and
    evaluation, so that threads can share it.
    """

    _model: Optional[LSTMTagger]
    # Changes whenever the weights do.
    version: int = 0
    # Whether the weights are averages, for as long as `use_params` lasts.
    uses_averages: bool = False

    @property
    def has_module(self) -> bool:
        """RETURNS (bool): Whether the module exists yet."""
        return self._model is not None

    @property
    def module(self) -> LSTMTagger:
        """RETURNS (LSTMTagger): The network."""
        if self._model is None:
            raise ValueError("The network does not exist yet: call nlp.initialize() or load a trained model first.")
        return self._model

    @module.setter
    def module(self, module: Optional[LSTMTagger]) -> None:
        self._model = module
        self.version += 1

    def forget_training(self) -> None:
        """Take a new ID, by which an optimizer that has trained the module takes it for another."""
        self.id = Shim(None).id

    def finish_update(self, optimizer: Optimizer) -> None:
        """Let thinc's optimizer change the weights in place by their gradients, and clear these."""
        self.version += 1
        trained = {(self.id, name): p for name, p in self.module.named_parameters() if p.grad is not None}
        if trained and adam.is_plain_adam(optimizer):
            adam.step(optimizer, trained)
        else:
            for key, parameter in trained.items():
                weights, gradient = parameter.detach().cpu().numpy(), cast(torch.Tensor, parameter.grad).cpu().numpy()
                averages = getattr(optimizer, "averages", None)
                if averages is not None:
                    averages.setdefault(key, weights.copy())  # thinc would begin with zeros
                optimizer(key, cast(FloatsXd, weights), cast(FloatsXd, gradient))
                if parameter.is_cuda:
                    parameter.data.copy_(torch.from_numpy(weights))
        for parameter in trained.values():
            parameter.grad = None

    @contextmanager
    def use_params(self, params: Dict[Any, Any]) -> Iterator[None]:
        """Use other weights, such as the optimizer's averages, inside a context."""
        self.version += 1
        backup = {}
        for name, parameter in self.module.named_parameters():
            if (self.id, name) in params:
                backup[name] = parameter.data
                parameter.data = torch.as_tensor(params[self.id, name], device=parameter.device)
        self.uses_averages = bool(backup)
        try:
            yield
        finally:
            self.version += 1
            self.uses_averages = False
            for name, parameter in self.module.named_parameters():
                if name in backup:
                    parameter.data = backup[name]

    def copy(self) -> "ModuleShim":
        """RETURNS (ModuleShim): A shim of its own ID with a copy of the module."""
        module = copy.deepcopy(self._model)
        for part in module.modules() if module is not None else ():
            if isinstance(part, nn.LSTM):
                part.flatten_parameters()  # on a GPU they lie side by side, but copies do not
        return ModuleShim(module)

    def __deepcopy__(self, memo: Dict[int, Any]) -> "ModuleShim":
        return self.copy()

    def to_device(self, device_type: str, device_id: int) -> None:
        """Move the module.

        device_type (str): "cpu" or "gpu".
        device_id (int): Which GPU.
        """
        self.version += 1
        self.module.to("cpu" if device_type == "cpu" else f"cuda:{device_id}")

    def as_stored(self) -> LSTMTagger:
        """RETURNS (LSTMTagger): A copy of the network, with its weights as they are after storing and loading. Tagging
        reads these, so that a stored model tags as it did before."""
        network = fold(self.module)
        network.load_state_dict(unpack(pack(network)))
        return network

    def to_bytes(self) -> bytes:
        """RETURNS (bytes): The packed weights in the format safetensors."""
        return bytes(save(pack(fold(self.module)) if self.has_module else {}))

    def from_bytes(self, data: bytes) -> "ModuleShim":
        """Load weights into the module, which must have their names and shapes.

        data (bytes): What `to_bytes` returned.
        RETURNS (ModuleShim): Itself.
        """
        self.module = fold(self.module)
        self.module.load_state_dict(unpack(load(data)))
        return self


def get_shim(model: Model[Any, Any]) -> ModuleShim:
    """RETURNS (ModuleShim): The holder of the model's network."""
    return cast(ModuleShim, model.shims[0])


def get_network(model: Model[Any, Any]) -> LSTMTagger:
    """RETURNS (LSTMTagger): The model's network. Raises a ValueError before it exists."""
    return get_shim(model).module
