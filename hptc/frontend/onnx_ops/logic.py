"""Comparisons, boolean logic and selection."""

import math
from typing import Any

import torch
from torch import Tensor

from hptc.frontend.onnx_ops.rule import Rule, variadic
from hptc.frontend.onnx_ops.unsigned import widened


def _is_inf(x: Tensor, *, detect_negative: int = 1, detect_positive: int = 1) -> Tensor:
    if detect_negative and detect_positive:
        return torch.isinf(x)
    if detect_positive:
        return x == math.inf
    return x == -math.inf if detect_negative else torch.zeros_like(x, dtype=torch.bool)


def _where(condition: Tensor, x: Tensor, y: Tensor) -> Tensor:
    return torch.where(condition, x, y)


def _nonzero(x: Tensor) -> Tensor:
    return torch.nonzero(x).T


def _compress(x: Tensor, condition: Tensor, *, axis: int | None = None) -> Tensor:
    if axis is None:
        x, axis = x.reshape(-1), 0
    kept = torch.nonzero(condition).reshape(-1)
    return torch.index_select(x, axis, kept)


def _unique(x: Tensor, *, axis: int | None = None, sorted: int = 1) -> tuple[Tensor, ...]:
    values, inverse, counts = torch.unique(x, return_inverse=True, return_counts=True, dim=axis)
    inverse = inverse.reshape(-1)
    places = torch.arange(inverse.numel())
    first = torch.full((counts.numel(),), inverse.numel()).scatter_reduce(
        0, inverse, places, "amin"
    )
    if sorted:
        return values, first, inverse, counts
    order = torch.argsort(first)
    rank = torch.argsort(order)
    dim = 0 if axis is None else axis
    return values.index_select(dim, order), first[order], rank[inverse], counts[order]


def _equal(a: Any, b: Any) -> Tensor:
    return torch.eq(a, b)


RULES: tuple[Rule, ...] = (
    *variadic(
        {
            "And": torch.logical_and,
            "Equal": _equal,
            "Greater": widened(torch.gt, ordered=True),
            "GreaterOrEqual": widened(torch.ge, ordered=True),
            "IsInf": _is_inf,
            "IsNaN": torch.isnan,
            "Less": widened(torch.lt, ordered=True),
            "LessOrEqual": widened(torch.le, ordered=True),
            "Not": torch.logical_not,
            "Or": torch.logical_or,
            "Where": _where,
            "Xor": torch.logical_xor,
        }
    ),
    Rule("NonZero", _nonzero, data_dependent=True),
    Rule("Compress", _compress, data_dependent=True),
    Rule("Unique", _unique, data_dependent=True),
)
