"""Tensors on the host, made from the arrays of bundles and users."""

from collections.abc import Mapping

import torch
from torch import Tensor

from hptc.custom_ops import arrays
from hptc.errors import BundleError
from hptc.frontend.dtypes import DTYPES
from hptc.ir.dtypes import DType
from hptc.ir.graph import Value

TORCH_DTYPES: Mapping[DType, torch.dtype] = {dtype: found for found, dtype in DTYPES.items()}
"""torch's element type of the same name."""


def to_tensor(array: arrays.Array, dtype: DType) -> Tensor:
    """Return a tensor of the graph's element type that shares no memory with the array."""
    return arrays.to_tensor(array).to(TORCH_DTYPES[dtype])


def pick(state: Mapping[str, Tensor], name: str, where: str) -> Tensor:
    """Return the tensor of a name; raises BundleError, naming `where`, if there is none."""
    if name not in state:
        raise BundleError(where, expected=f"a value named {name!r}", found="none")
    return state[name]


def fitted(value: Value, state: Mapping[str, Tensor], where: str) -> Tensor:
    """Return the tensor of a graph's value, in its element type.

    Raises:
        BundleError: The state lacks it, or holds it in another shape.
    """
    tensor = pick(state, value.name, where)
    if tuple(tensor.shape) != value.shape:
        raise BundleError(
            where,
            expected=f"{value.name!r} of shape {list(value.shape)}",
            found=f"shape {list(tensor.shape)}",
        )
    return tensor.to(TORCH_DTYPES[value.dtype])
