"""What the hardware can compute."""

from functools import cache

import numpy
import torch
from torch import Tensor

from .private_torch import has_amx_tile, has_avx512_bf16, onednn_computes_bfloat16


def choose_precision(mixed: bool, device: torch.device) -> torch.dtype:
    """Choose the floats in which LSTMs compute.

    mixed (bool): Whether bfloat16 is wanted.
    device (torch.device): Where the network is.
    RETURNS (torch.dtype): bfloat16 if it is wanted and the device computes in it, else float32. Hardware that only
        emulates bfloat16 is many times slower with it.
    """
    return torch.bfloat16 if mixed and computes_bfloat16(device) else torch.float32


@cache
def computes_bfloat16(device: torch.device) -> bool:
    """RETURNS (bool): Whether the device has instructions for bfloat16."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported()
    return (has_avx512_bf16() or has_amx_tile()) and onednn_computes_bfloat16()


def has_amx(device: torch.device) -> bool:
    """RETURNS (bool): Whether the device is a processor with AMX, and oneDNN may use it for products in bfloat16."""
    return device.type == "cpu" and has_amx_tile() and computes_bfloat16(device)


def to_tensor(array: numpy.ndarray, like: Tensor) -> Tensor:
    """RETURNS (Tensor): The array on the device where the other tensor is."""
    return torch.from_numpy(array).to(like.device)


def use_threads(n_threads: int) -> None:
    """Compute with so many threads in this process from now on."""
    torch.set_num_threads(n_threads)
