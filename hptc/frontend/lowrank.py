"""Where a reparametrised weight meets the operations of an exported program.

The interpreter hands a `LowRankWeight` on in place of the parameter. Linear maps, convolutions and
look-ups apply the two terms separately; transpositions swap the view; any other reader gets the
merged matrix.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from hptc.frontend import dataflow
from hptc.frontend.adapt import merged
from hptc.frontend.operations import linear, matmul, run
from hptc.ir.adapter import Adapter

aten = torch.ops.aten

Args = tuple[object, ...]


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

    def factors(self) -> tuple[Tensor, Tensor]:
        """Return L, R with L @ R the update as seen."""
        if self.adapter.transposed != self.swapped:
            return self.b.t(), self.a.t()
        return self.a, self.b

    def apply_right(self, x: Tensor) -> Tensor:
        """Return s * x @ (update as seen)."""
        left, right = self.factors()
        return self.adapter.scale * matmul(matmul(x, left), right)

    def apply_left(self, x: Tensor) -> Tensor:
        """Return s * (update as seen) @ x."""
        left, right = self.factors()
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
    return run(target, dense, {key: _dense(arg) for key, arg in kwargs.items()})


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
    rule = next((rule for targets, rule in _RULES if target in targets), None)
    return rule(target, args, weight) if rule else None


def _same(target: Callable[..., object], args: Args, weight: LowRankWeight) -> LowRankWeight:
    del target, args
    return weight


def _linear(target: Callable[..., object], args: Args, weight: LowRankWeight) -> Tensor | None:
    del target
    x, matrix, bias = (*args, None)[:3]
    if matrix is not weight:
        return None
    base = linear(_tensor(x), weight.frozen, None if bias is None else _tensor(bias))
    return base + weight.transpose().apply_right(_tensor(x))


def _rows(target: Callable[..., object], args: Args, weight: LowRankWeight) -> Tensor | None:
    """Look up rows of W0 and of the left factor; options of the look-up concern its gradient."""
    _, indices, *options = args
    if options:
        return None
    left, right = weight.factors()
    found = _tensor(target(left, indices))
    return _tensor(target(weight.frozen, indices)) + weight.adapter.scale * matmul(found, right)


def _product(target: Callable[..., object], args: Args, weight: LowRankWeight) -> Tensor:
    del target
    left, right = args
    if right is weight:
        x = _tensor(left)
        return matmul(x, weight.frozen) + weight.apply_right(x)
    x = _tensor(right)
    return weight.frozen @ x + weight.apply_left(x)


def _added_product(
    target: Callable[..., object], args: Args, weight: LowRankWeight
) -> Tensor | None:
    bias, *operands = args
    if bias is weight:
        return None
    return _tensor(bias) + _product(target, tuple(operands), weight)


def _convolution(target: Callable[..., object], args: Args, weight: LowRankWeight) -> Tensor | None:
    """Convolve with W0, and with A (as filters) followed by B (pointwise)."""
    if args[1] is not weight:
        return None
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


_RULES = (
    (dataflow.PASS_THROUGH, _same),
    (dataflow.MATMUL, _product),
    (dataflow.ADDMM, _added_product),
    (dataflow.LINEAR, _linear),
    (dataflow.LOOK_UP, _rows),
    (dataflow.CONVOLUTION, _convolution),
)
