"""Element types: torch's in, those of a step graph or of numpy out."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hptc.errors import UnsupportedOpError
from hptc.ir.dtypes import DType

DTYPES = {getattr(torch, dtype.value): dtype for dtype in DType}
_NUMPY_FLOATS = frozenset({torch.float16, torch.float32, torch.float64})


def dtype_of(tensor: Tensor, where: str) -> DType:
    """Return the element type of a tensor; raises UnsupportedOpError if graphs have none such."""
    if tensor.dtype not in DTYPES:
        raise UnsupportedOpError(
            where,
            expected=f"elements of type {', '.join(dtype.value for dtype in DType)}",
            found=str(tensor.dtype).removeprefix("torch."),
            hint="Convert the model to one of these types.",
        )
    return DTYPES[tensor.dtype]


def to_array(tensor: Tensor) -> NDArray[np.generic]:
    """Return the numbers as an array; floats that numpy lacks, e.g. bfloat16, become float32."""
    tensor = tensor.detach().cpu()
    widened = tensor.is_floating_point() and tensor.dtype not in _NUMPY_FLOATS
    array: NDArray[np.generic] = (tensor.float() if widened else tensor).numpy()
    return array
