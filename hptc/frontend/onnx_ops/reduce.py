"""Reductions, arg-reductions and TopK."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from hptc.frontend.onnx_ops.rule import Rule, only

Axes = tuple[int, ...]


def _all_axes(x: Tensor) -> Axes:
    return tuple(range(x.dim()))


def _reduction(reduce: Callable[[Tensor, Axes, bool], Tensor], before: Any = None) -> Any:
    """Return a rule for `reduce`; `before` is what the op does even where no axis is reduced."""

    def run(
        x: Tensor,
        axes: Axes | int | None = None,
        *,
        keepdims: int = 1,
        noop_with_empty_axes: int = 0,
    ) -> Tensor:
        axes = (axes,) if isinstance(axes, int) else axes
        if not axes:
            if noop_with_empty_axes:
                return x if before is None else before(x)
            axes = _all_axes(x)
        if x.dim() == 0:
            return reduce(x.reshape(1), (0,), False)
        return reduce(x, axes, bool(keepdims))

    return run


def _sum(x: Tensor, axes: Axes, keepdim: bool) -> Tensor:
    return torch.sum(x, axes, keepdim=keepdim, dtype=x.dtype)


def _mean(x: Tensor, axes: Axes, keepdim: bool) -> Tensor:
    if x.is_floating_point():
        return torch.mean(x, axes, keepdim=keepdim)
    count = math.prod(x.shape[axis] for axis in axes)
    return torch.div(_sum(x, axes, keepdim), count, rounding_mode="trunc")


def _max(x: Tensor, axes: Axes, keepdim: bool) -> Tensor:
    if x.dtype == torch.bool:
        return _max(x.byte(), axes, keepdim).bool()
    return torch.amax(_filled(x, axes, highest=False), axes, keepdim=keepdim)


def _min(x: Tensor, axes: Axes, keepdim: bool) -> Tensor:
    if x.dtype == torch.bool:
        return _min(x.byte(), axes, keepdim).bool()
    return torch.amin(_filled(x, axes, highest=True), axes, keepdim=keepdim)


def _filled(x: Tensor, axes: Axes, *, highest: bool) -> Tensor:
    """Pad empty reduced axes with the neutral element, so that an empty set has a result."""
    empty = [axis for axis in axes if x.shape[axis] == 0]
    if not empty:
        return x
    if x.is_floating_point():
        neutral: float = float("inf") if highest else float("-inf")
    else:
        neutral = torch.iinfo(x.dtype).max if highest else torch.iinfo(x.dtype).min
    shape = list(x.shape)
    for axis in empty:
        shape[axis] = 1
    return torch.full(shape, neutral, dtype=x.dtype)


def _prod(x: Tensor, axes: Axes, keepdim: bool) -> Tensor:
    for axis in sorted((axis % x.dim() for axis in axes), reverse=True):
        x = torch.prod(x, axis, keepdim=keepdim, dtype=x.dtype)
    return x


def _l1(x: Tensor, axes: Axes, keepdim: bool) -> Tensor:
    return _sum(torch.abs(x), axes, keepdim)


def _l2(x: Tensor, axes: Axes, keepdim: bool) -> Tensor:
    squares = _sum(x * x, axes, keepdim)
    return torch.sqrt(squares).to(x.dtype)


def _log_sum(x: Tensor, axes: Axes, keepdim: bool) -> Tensor:
    return torch.log(_sum(x, axes, keepdim))


def _log_sum_exp(x: Tensor, axes: Axes, keepdim: bool) -> Tensor:
    return torch.logsumexp(x, axes, keepdim=keepdim)


def _sum_square(x: Tensor, axes: Axes, keepdim: bool) -> Tensor:
    return _sum(x * x, axes, keepdim)


def _arg(reduce: Callable[..., Tensor]) -> Any:
    def run(x: Tensor, *, axis: int = 0, keepdims: int = 1, select_last_index: int = 0) -> Tensor:
        if not select_last_index:
            return reduce(x, dim=axis, keepdim=bool(keepdims))
        found = reduce(torch.flip(x, (axis,)), dim=axis, keepdim=bool(keepdims))
        return x.shape[axis] - 1 - found

    return run


def _top_k(
    x: Tensor, k: Any = None, *, axis: int = -1, largest: int = 1, sorted: int = 1
) -> tuple[Tensor, Tensor]:
    """A stable sort rather than `torch.topk`: ONNX breaks ties by the lower index."""
    count = only(k)
    values, indices = torch.sort(x, dim=axis, descending=bool(largest), stable=True)
    return values.narrow(axis, 0, count), indices.narrow(axis, 0, count)


def _reduce_row(op: str, reduce: Any, before: Any = None) -> Rule:
    return Rule(op, _reduction(reduce, before), static=(1,))


RULES: tuple[Rule, ...] = (
    _reduce_row("ReduceL1", _l1, torch.abs),
    _reduce_row("ReduceL2", _l2, torch.abs),
    _reduce_row("ReduceLogSum", _log_sum, torch.log),
    _reduce_row("ReduceLogSumExp", _log_sum_exp),
    _reduce_row("ReduceMax", _max),
    _reduce_row("ReduceMean", _mean),
    _reduce_row("ReduceMin", _min),
    _reduce_row("ReduceProd", _prod),
    _reduce_row("ReduceSum", _sum),
    _reduce_row("ReduceSumSquare", _sum_square, torch.square),
    Rule("ArgMax", _arg(torch.argmax)),
    Rule("ArgMin", _arg(torch.argmin)),
    Rule("TopK", _top_k, static=(1,)),
)
