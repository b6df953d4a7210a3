"""Where a reparametrised weight meets the operations of an exported program.

The interpreter hands a `LowRankWeight` on in place of the parameter. Linear maps and convolutions
apply the two terms separately; transpositions swap the view; any other reader gets the merged
matrix.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from hptc.frontend import dataflow
from hptc.frontend.adapt import merged
from hptc.ir.adapter import Adapter

aten = torch.ops.aten


@dataclass(frozen=True, slots=True)
class LowRankWeight:
    """A weight W0 + s * A @ B, seen through `swapped` (its transpose) or as stored."""

    frozen: Tensor
    """W0 as seen, [.., ..]."""
    a: Tensor
    b: Tensor
    adapter: Adapter
    swapped: bool = False

    def transpose(self) -> "LowRankWeight":
        """Return the same weight seen with its two axes exchanged."""
        return LowRankWeight(self.frozen.t(), self.a, self.b, self.adapter, not self.swapped)

    def dense(self) -> Tensor:
        """Return the merged matrix as seen."""
        stored = self.frozen.t() if self.swapped else self.frozen
        factors = {self.adapter.a: self.a, self.adapter.b: self.b}
        result = merged(stored, self.adapter, factors)
        return result.t() if self.swapped else result

    def _factors(self) -> tuple[Tensor, Tensor]:
        """Return L, R with L @ R the update as seen."""
        if self.adapter.transposed != self.swapped:
            return self.b.t(), self.a.t()
        return self.a, self.b

    def apply_right(self, x: Tensor) -> Tensor:
        """Return s * x @ (update as seen)."""
        left, right = self._factors()
        return self.adapter.scale * ((x @ left) @ right)

    def apply_left(self, x: Tensor) -> Tensor:
        """Return s * (update as seen) @ x."""
        left, right = self._factors()
        return self.adapter.scale * (left @ (right @ x))


def call(
    target: Callable[..., object], args: tuple[object, ...], kwargs: Mapping[str, object]
) -> object:
    """Call an ATen operation of which some arguments may be `LowRankWeight`s."""
    weights = [arg for arg in args if isinstance(arg, LowRankWeight)]
    if len(weights) == 1 and not kwargs:
        result = _structured(target, args, weights[0])
        if result is not None:
            return result
    dense = tuple(_dense(arg) for arg in args)
    return target(*dense, **{key: _dense(arg) for key, arg in kwargs.items()})


def _dense(arg: object) -> object:
    if isinstance(arg, LowRankWeight):
        return arg.dense()
    if isinstance(arg, list | tuple):
        return type(arg)(_dense(item) for item in arg)
    return arg


def _structured(
    target: Callable[..., object], args: tuple[object, ...], weight: LowRankWeight
) -> object | None:
    """Return the result without forming the matrix, or None where that is not possible."""
    if dataflow.is_swap(target, args, weight.frozen.dim()):
        return weight.transpose()
    if target in dataflow.PASS_THROUGH:
        return weight
    if target in dataflow.MATMUL:
        return _product(args[0], args[1])
    if target in dataflow.ADDMM and args[0] is not weight:
        return _tensor(args[0]) + _tensor(_product(args[1], args[2]))
    if target in dataflow.LINEAR | dataflow.CONVOLUTION and args[1] is weight:
        layer = _linear if target in dataflow.LINEAR else _convolution
        return layer(target, args, weight)
    return None


def _linear(
    target: Callable[..., object], args: tuple[object, ...], weight: LowRankWeight
) -> Tensor:
    x, _, *bias = args
    return _tensor(target(x, weight.frozen, *bias)) + weight.transpose().apply_right(_tensor(x))


def _product(left: object, right: object) -> object:
    if isinstance(right, LowRankWeight):
        x = _tensor(left)
        return x @ right.frozen + right.apply_right(x)
    if isinstance(left, LowRankWeight):
        x = _tensor(right)
        return left.frozen @ x + left.apply_left(x)
    raise TypeError("neither operand is a low-rank weight")


def _convolution(
    target: Callable[..., object], args: tuple[object, ...], weight: LowRankWeight
) -> Tensor:
    """Convolve with W0, and with A (as filters) followed by B (pointwise)."""
    x, _, bias, *window = args if len(args) > 2 else (*args, None)  # noqa: PLR2004  (x, W)
    adapter, spatial = weight.adapter, weight.frozen.dim() - 2
    filters = weight.a.t().reshape(adapter.rank, *weight.frozen.shape[1:])
    mix = weight.b.t().reshape(adapter.outer, adapter.rank, *(1,) * spatial)
    base = _tensor(target(x, weight.frozen, bias, *window))
    reduced = _tensor(target(x, filters, None, *window))
    pointwise = (aten.conv1d, aten.conv2d, aten.conv3d)[spatial - 1].default
    return base + adapter.scale * _tensor(pointwise(reduced, mix))


def _tensor(value: object) -> Tensor:
    if not isinstance(value, Tensor):
        raise TypeError(f"expected a tensor, found {type(value).__name__}")
    return value
