"""Tensors to numpy arrays and back, exactly, in every element type that a step graph has."""

import ml_dtypes  # noqa: F401  (registers bfloat16, float8 and the types below a byte with numpy)
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hptc.ir.dtypes import DType

Array = NDArray[np.generic]

_NAMES = frozenset(dtype.value for dtype in DType)
_BITS = {1: (torch.uint8, np.uint8), 2: (torch.int16, np.int16)}
"""By size, what torch and numpy call the bits of types that numpy knows by ml_dtypes only."""


def is_tensor_type(dtype: np.dtype[np.generic]) -> bool:
    """Tell whether torch has the element type; strings, int4 and the like it has not."""
    return dtype.name in _NAMES


def to_numpy(tensor: Tensor) -> Array:
    """Return a copy of the numbers as an array of the same element type."""
    tensor = tensor.detach().cpu().contiguous()
    dtype = np.dtype(str(tensor.dtype).removeprefix("torch."))
    foreign = dtype.isbuiltin != 1
    bits: Array = (tensor.view(_BITS[dtype.itemsize][0]) if foreign else tensor).numpy()
    return np.array(bits.view(dtype) if foreign else bits)


def to_tensor(array: Array) -> Tensor:
    """Return a tensor of the same element type that shares no memory with the array."""
    # By name: of the types of C that are equal, torch takes one.
    copy = np.array(array, order="C").view(np.dtype(array.dtype.name))
    if copy.dtype.isbuiltin == 1:
        return torch.from_numpy(copy)
    bits = torch.from_numpy(copy.view(_BITS[copy.itemsize][1]))
    found: Tensor = bits.view(getattr(torch, copy.dtype.name))
    return found
