"""Where a reparametrised weight meets the operations of an exported program.

The interpreter hands a `LowRankWeight` on in place of the parameter. Linear maps, convolutions and
look-ups apply W0 and the factors of its update one after the other; transpositions swap the view;
any other reader gets the merged matrix.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from hptc.frontend import dataflow
from hptc.frontend.adapters import FORMS, merged, part_tensors, product, scaled
from hptc.frontend.adapters.form import ProductForm
from hptc.frontend.operations import linear, matmul, run
from hptc.ir.adapter import Adapter

aten = torch.ops.aten

Args = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class LowRankWeight:
    """A weight W0 + scale * (product of factors), as stored or seen as its transpose."""

    frozen: Tensor
    """W0 as seen, [.., ..]."""
    factors: tuple[Tensor, ...]
    """Matrices and, as vectors, diagonal matrices; their product is the update as seen."""
    scale: float

    def transpose(self) -> "LowRankWeight":
        """Return the same weight seen with its two axes exchanged."""
        return LowRankWeight(self.frozen.t(), _transposed(self.factors), self.scale)

    def dense(self) -> Tensor:
        """Return the merged matrix as seen."""
        update = product(self.factors).reshape(self.frozen.shape)
        return self.frozen + scaled(update, self.scale)

    def apply_right(self, x: Tensor) -> Tensor:
        """Return scale * x @ (update as seen)."""
        return scaled(_along(x, self.factors), self.scale)

    def apply_left(self, x: Tensor) -> Tensor:
        """Return scale * (update as seen) @ x."""
        for factor in reversed(self.factors):
            x = factor.unsqueeze(1) * x if factor.dim() == 1 else factor @ x
        return scaled(x, self.scale)


def reparametrised(
    weight: Tensor, adapter: Adapter, given: Mapping[str, Tensor]
) -> LowRankWeight | Tensor:
    """Return what stands for a weight: the sum, where the form's update is formed as a matrix.

    Args:
        weight: W0.
        adapter: Its adapter.
        given: The parts by name.
    """
    if not isinstance(FORMS[adapter.form], ProductForm):
        return merged(weight, adapter, given)
    factors = part_tensors(adapter, given)
    return LowRankWeight(
        weight, _transposed(factors) if adapter.transposed else factors, adapter.scale
    )


def _transposed(factors: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return tuple(item if item.dim() == 1 else item.t() for item in reversed(factors))


def _along(x: Tensor, factors: tuple[Tensor, ...]) -> Tensor:
    """Return x times each factor in turn."""
    for factor in factors:
        x = x * factor if factor.dim() == 1 else matmul(x, factor)
    return x


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
    first, *others = weight.factors
    if first.dim() == 1:
        return None
    found = _along(_tensor(target(first, indices)), tuple(others))
    return _tensor(target(weight.frozen, indices)) + scaled(found, weight.scale)


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
    """Convolve with W0, and with the first factor (as filters) followed by the others (pointwise).

    The filters of a convolution are stored [out, in, ...], so the first factor stands last.
    """
    if args[1] is not weight:
        return None
    x, _, bias, *window = args if len(args) > 2 else (*args, None)  # noqa: PLR2004  (x, W)
    spatial = weight.frozen.dim() - 2
    first, *others = reversed(weight.factors)
    base = _tensor(target(x, weight.frozen, bias, *window))
    filters = first.reshape(first.shape[0], *weight.frozen.shape[1:])
    found = _tensor(target(x, filters, None, *window))
    pointwise = (aten.conv1d, aten.conv2d, aten.conv3d)[spatial - 1].default
    for factor in others:
        ones = (1,) * spatial
        if factor.dim() == 1:
            found = found * factor.reshape(-1, *ones)
        else:
            found = _tensor(pointwise(found, factor.reshape(*factor.shape, *ones)))
    return base + scaled(found, weight.scale)


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
