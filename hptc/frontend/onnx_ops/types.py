"""Element types: ONNX numbers to torch dtypes, and ONNX tensors to torch tensors."""

from collections.abc import Mapping
from math import prod
from types import MappingProxyType

import torch
from onnx import TensorProto, numpy_helper

from hptc.custom_ops.arrays import to_tensor

DTYPES: Mapping[int, torch.dtype] = MappingProxyType(
    {
        TensorProto.FLOAT: torch.float32,
        TensorProto.DOUBLE: torch.float64,
        TensorProto.FLOAT16: torch.float16,
        TensorProto.BFLOAT16: torch.bfloat16,
        TensorProto.INT8: torch.int8,
        TensorProto.INT16: torch.int16,
        TensorProto.INT32: torch.int32,
        TensorProto.INT64: torch.int64,
        TensorProto.UINT8: torch.uint8,
        TensorProto.UINT16: torch.uint16,
        TensorProto.UINT32: torch.uint32,
        TensorProto.UINT64: torch.uint64,
        TensorProto.BOOL: torch.bool,
        TensorProto.COMPLEX64: torch.complex64,
        TensorProto.COMPLEX128: torch.complex128,
        TensorProto.FLOAT8E4M3FN: torch.float8_e4m3fn,
        TensorProto.FLOAT8E4M3FNUZ: torch.float8_e4m3fnuz,
        TensorProto.FLOAT8E5M2: torch.float8_e5m2,
        TensorProto.FLOAT8E5M2FNUZ: torch.float8_e5m2fnuz,
    }
)
"""Every ONNX element type that torch stores; strings and sub-byte types are missing."""


def type_name(onnx_type: int) -> str:
    """Return the name of an ONNX element type, e.g. `float16`, for messages.

    >>> type_name(10)
    'float16'
    """
    known = TensorProto.DataType.values()
    return TensorProto.DataType.Name(onnx_type).lower() if onnx_type in known else str(onnx_type)


def torch_dtype(onnx_type: int) -> torch.dtype:
    """Return the torch dtype of an ONNX element type.

    Raises:
        NotImplementedError: torch has no such type.
    """
    dtype = DTYPES.get(onnx_type)
    if dtype is None:
        raise NotImplementedError(f"element type {type_name(onnx_type)} has no torch counterpart")
    return dtype


def to_torch(tensor: TensorProto) -> torch.Tensor:
    """Return the content of an ONNX tensor that holds its own data.

    Raises:
        ValueError: the bytes do not fit the shape.
        NotImplementedError: torch has no such type.
    """
    if tensor.data_location == TensorProto.EXTERNAL:
        raise ValueError("they are in another file, which was not loaded")
    torch_dtype(tensor.data_type)
    return to_tensor(numpy_helper.to_array(tensor))


def view_bytes(tensor: TensorProto, data: memoryview) -> torch.Tensor:
    """Return the content of an ONNX tensor whose bytes are `data`, without a copy where possible.

    Raises:
        ValueError: the bytes do not fit the shape.
        NotImplementedError: torch has no such type.
    """
    dtype, count = torch_dtype(tensor.data_type), prod(tensor.dims)
    if count and len(data) == count * dtype.itemsize:
        writable = bytearray(data) if data.readonly else data
        viewed = torch.frombuffer(writable, dtype=dtype).reshape(tuple(tensor.dims))
        return viewed if viewed.data_ptr() % dtype.itemsize == 0 else viewed.clone()
    copied = TensorProto(dims=tensor.dims, data_type=tensor.data_type, raw_data=bytes(data))
    return to_torch(copied)


_E4M3_LIMIT = 464.0
"""Halfway between the largest number of float8e4m3fn, 448, and what would be the next."""


def convert(x: torch.Tensor, dtype: torch.dtype, saturate: int = 1) -> torch.Tensor:
    """Return `x` in another type; for float8, `saturate` tells whether overflow is the largest.

    Without it overflow becomes NaN, or infinity where the type has one. Torch saturates to
    float8e4m3fn in any case.
    """
    is_float8 = dtype.itemsize == 1 and dtype.is_floating_point
    if not is_float8 or not x.is_floating_point():
        return x.to(dtype)
    if saturate:
        limit = torch.finfo(dtype).max
        return torch.clamp(x, -limit, limit).to(dtype)
    if dtype == torch.float8_e4m3fn:
        x = torch.where(torch.abs(x) > _E4M3_LIMIT, torch.nan, x)
    return x.to(dtype)
