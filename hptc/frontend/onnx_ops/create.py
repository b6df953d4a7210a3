"""Operations that make tensors from shapes and constants."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from hptc.frontend.onnx_ops.rule import Rule
from hptc.frontend.onnx_ops.types import torch_dtype
from hptc.frontend.onnx_ops.values import Foreign

Ints = tuple[int, ...]


def _shape_of(x: Tensor, *, start: int = 0, end: int | None = None) -> Tensor:
    return torch.tensor(list(x.shape[start:end]), dtype=torch.int64)


def _size_of(x: Tensor) -> Tensor:
    return torch.tensor(x.numel(), dtype=torch.int64)


def _constant(**attributes: Any) -> Tensor | Foreign:
    ((kind, value),) = attributes.items()
    if isinstance(value, Tensor | Foreign):
        return value
    if kind in {"value_string", "value_strings"}:
        return Foreign(np.array(value, dtype=object))
    dtype = torch.int64 if kind in {"value_int", "value_ints"} else torch.float32
    return torch.tensor(value, dtype=dtype)


def _constant_of_shape(shape: Ints, *, value: Tensor | None = None) -> Tensor:
    if value is None:
        return torch.zeros(shape)
    return torch.full(shape, value.item(), dtype=value.dtype)


def _range(start: Tensor, limit: Tensor, delta: Tensor) -> Tensor:
    return torch.arange(start.item(), limit.item(), delta.item(), dtype=start.dtype)


def _eye_like(x: Tensor, *, dtype: int | None = None, k: int = 0) -> Tensor:
    rows = torch.arange(x.shape[0]).unsqueeze(1)
    columns = torch.arange(x.shape[1])
    return (columns - rows == k).to(x.dtype if dtype is None else torch_dtype(dtype))


RULES: tuple[Rule, ...] = (
    Rule("Constant", _constant),
    Rule("ConstantOfShape", _constant_of_shape, static=(0,)),
    Rule("EyeLike", _eye_like, shape_only=True),
    Rule("Range", _range, data_dependent=True),
    Rule("Shape", _shape_of, shape_only=True),
    Rule("Size", _size_of, shape_only=True),
)
