"""The weights of a network in the form in which they are stored, a third of their size in memory or less."""

from typing import Dict, Mapping

import torch
from torch import nn

# Tables of fewer rows take little space.
LARGE_TABLE = 1000
EXPONENTS = ".exponents"


def pack(network: nn.Module) -> Dict[str, torch.Tensor]:
    """Round weights to float16, and large tables of embeddings to 8 bits.

    A row of such a table is stored as whole numbers from -127 to 127, which are to be multiplied by a power of 2, the
    smallest with which the row's largest number fits (block floating point). What is packed twice stays the same.

    :param network: network.
    :returns: its weights by name. The exponents of a table have its name and `.exponents`, *Shape:* ``(n_rows, 1)``.
    """
    tables = {
        f"{name}.weight"
        for name, module in network.named_modules()
        if isinstance(module, nn.Embedding) and len(module.weight) >= LARGE_TABLE
    }
    packed = {}
    for name, weight in network.state_dict().items():
        # What is not finite stays so, for whoever loads it to see.
        if name in tables and weight.isfinite().all():
            mantissas, exponents = torch.frexp(weight.abs().amax(dim=1, keepdim=True) / 127)
            exponents = (exponents - (mantissas == 0.5).int()).clamp(min=-128)
            packed[name] = torch.ldexp(weight, -exponents).round().to(torch.int8)
            packed[name + EXPONENTS] = exponents.to(torch.int8)
        else:
            packed[name] = weight.to(torch.float16).contiguous()
    return packed


def unpack(packed: Mapping[str, torch.Tensor]) -> Dict[str, torch.Tensor]:
    """Make weights of what `pack` returned.

    :param packed: weights by name. Those of models saved before have no exponents.
    :returns: copies of the weights, as float32. Raises a ValueError if a table and its exponents do not fit together.
    """
    weights = {}
    for name, weight in packed.items():
        exponents = packed.get(name + EXPONENTS)
        if name.endswith(EXPONENTS):
            continue
        if exponents is None:
            weights[name] = weight.to(torch.float32, copy=True)
            continue
        if weight.dtype != torch.int8 or exponents.dtype != torch.int8 or exponents.shape != (len(weight), 1):
            raise ValueError(
                f"weight '{name}' of type {weight.dtype} and shape {tuple(weight.shape)} has exponents of type "
                f"{exponents.dtype} and shape {tuple(exponents.shape)}; both should be int8, with one for each row"
            )
        weights[name] = torch.ldexp(weight.to(torch.float32), exponents.int())
    return weights
