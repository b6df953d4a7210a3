"""ATen operations in the form in which a step is to record them."""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

aten = torch.ops.aten

_MATRIX = 2


def run(
    target: Callable[..., object], args: tuple[object, ...], kwargs: Mapping[str, object]
) -> object:
    """Call an operation, or what stands for it."""
    return _FORMS.get(target, target)(*args, **kwargs)


def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """`aten.linear` as a product of two matrices."""
    result = matmul(x, weight.t()) if weight.dim() == _MATRIX else x @ weight
    return result if bias is None else result + bias


def matmul(left: Tensor, right: Tensor) -> Tensor:
    """`aten.matmul`; a stack of matrices times one matrix becomes a product of two.

    torch does so only for some strides, and else repeats the matrix for every member of the stack.
    """
    if left.dim() <= _MATRIX or right.dim() != _MATRIX:
        return torch.matmul(left, right)
    rows = left.reshape(-1, left.shape[-1])
    return torch.mm(rows, right).reshape(*left.shape[:-1], right.shape[1])


def _copy(into: Tensor, values: Tensor, non_blocking: bool = False) -> Tensor:
    """`aten.copy`, which has no derivative."""
    del non_blocking
    return values.to(into.dtype).expand(into.shape)


def _dropout(values: Tensor, p: float, train: bool | None = True) -> tuple[Tensor, Tensor]:
    """`aten.native_dropout`, which counts as random even where it keeps everything."""
    if train and p > 0:
        kept: tuple[Tensor, Tensor] = aten.native_dropout.default(values, p, train)
        return kept
    return values, torch.ones_like(values, dtype=torch.bool)


_FORMS: dict[object, Callable[..., object]] = {
    # Fake strides after decomposition can differ from those at export, so views may not hold.
    aten.view.default: aten.reshape.default,
    aten._unsafe_view.default: aten.reshape.default,
    aten.linear.default: linear,
    aten.matmul.default: matmul,
    aten.copy.default: _copy,
    aten.native_dropout.default: _dropout,
}
