"""What the hardware can compute."""

from functools import cache

import numpy
import torch
from torch import Tensor


def choose_precision(mixed: bool, device: torch.device) -> torch.dtype:
    """RETURNS (torch.dtype): bfloat16 if it is wanted and the device computes in it, else float32. Hardware that only
    emulates bfloat16 is many times slower with it.
    """
    return torch.bfloat16 if mixed and computes_bfloat16(device) else torch.float32


@cache
def computes_bfloat16(device: torch.device) -> bool:
    """RETURNS (bool): Whether the device has instructions for bfloat16."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported()
    has_instructions = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return has_instructions and bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def has_amx(device: torch.device) -> bool:
    """RETURNS (bool): Whether the device is a processor with AMX, instructions for products of matrices in bfloat16,
    that oneDNN may use."""
    return device.type == "cpu" and bool(torch.cpu._is_amx_tile_supported()) and computes_bfloat16(device)


def to_tensor(array: numpy.ndarray, like: Tensor) -> Tensor:
    """RETURNS (Tensor): The array on the device where the other tensor is."""
    return torch.from_numpy(array).to(like.device)
