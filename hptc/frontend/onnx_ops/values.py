"""Values as the importer holds them, from and to those of numpy and onnx."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from onnx import TensorProto, numpy_helper
from onnx.helper import np_dtype_to_tensor_dtype

from hptc.custom_ops.arrays import Array, is_tensor_type, to_numpy, to_tensor


@dataclass(frozen=True, eq=False, slots=True)
class Foreign:
    """Elements of a type that torch lacks, e.g. strings or int4: they exist at import only."""

    array: Array
    """Strings as Python objects, the rest in the types of ml_dtypes."""


Value = torch.Tensor | Foreign | tuple[Any, ...] | None
"""A tensor, a foreign one, a sequence of values, or an absent optional."""


def from_numpy(given: Any) -> Value:
    """Return an array, a list of arrays or None as a value.

    Raises:
        TypeError: It is none of these, or ONNX has no such element type.
        ValueError: ONNX has no such element type.
    """
    if given is None:
        return None
    if isinstance(given, list | tuple):
        return tuple(from_numpy(item) for item in given)
    return from_array(np.asarray(given))


def from_array(array: Array) -> torch.Tensor | Foreign:
    """Return an array as a value; raises TypeError or ValueError where ONNX has no such type."""
    if array.dtype.kind in "OSUT":
        return Foreign(_strings(array))
    if is_tensor_type(array.dtype):
        return to_tensor(array)
    np_dtype_to_tensor_dtype(array.dtype)  # raises where ONNX has no such type
    return Foreign(array)


def _strings(array: Array) -> Array:
    texts = [item.decode("utf-8") if isinstance(item, bytes) else str(item) for item in array.flat]
    return np.array(texts, dtype=object).reshape(array.shape)


def as_numpy(value: Value) -> Any:
    """Return a value as an array, a list of arrays or None."""
    if isinstance(value, tuple):
        return [as_numpy(item) for item in value]
    if value is None:
        return None
    return to_numpy(value) if isinstance(value, torch.Tensor) else value.array


def as_proto(value: torch.Tensor | Foreign, name: str) -> TensorProto:
    """Return a tensor of ONNX."""
    array = as_numpy(value)
    if array.dtype != object:
        return numpy_helper.from_array(array, name)
    texts = [text.encode("utf-8") for text in array.flat]
    return TensorProto(name=name, dims=array.shape, data_type=TensorProto.STRING, string_data=texts)


def leaves(value: Value) -> Iterator[torch.Tensor | Foreign]:
    """Yield the tensors in a value."""
    if isinstance(value, tuple):
        for item in value:
            yield from leaves(item)
    elif value is not None:
        yield value
