"""Tensors on the host, made from the arrays of bundles and users."""

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hptc.frontend.dtypes import DTYPES
from hptc.ir.graph import DType

TORCH_DTYPES: Mapping[DType, torch.dtype] = {dtype: found for found, dtype in DTYPES.items()}
"""torch's element type of the same name."""


def host_tensor(array: NDArray[np.generic]) -> Tensor:
    """Return a tensor that shares no memory with the array."""
    return torch.from_numpy(np.array(array))


def to_tensor(array: NDArray[np.generic], dtype: DType) -> Tensor:
    """Return a tensor of the graph's element type that shares no memory with the array."""
    return host_tensor(array).to(TORCH_DTYPES[dtype])
