"""Element-wise arithmetic and activations."""

import operator
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from hptc.frontend.onnx_ops.rule import Rule, only, variadic
from hptc.frontend.onnx_ops.unsigned import divided, widened

Number = int | float


def _is_integer(value: Tensor | Number) -> bool:
    if isinstance(value, Tensor):
        return not (value.is_floating_point() or value.is_complex())
    return isinstance(value, int)


def divide(a: Any, b: Any) -> Tensor:
    """Divide; integers round towards zero."""
    if _is_integer(a) and _is_integer(b):
        return torch.div(a, b, rounding_mode="trunc")
    result: Tensor = a / b
    return result


def power(base: Any, exponent: Any) -> Tensor:
    """Raise to a power in the type of the base."""
    result = torch.pow(base, exponent)
    if isinstance(base, Tensor) and result.dtype != base.dtype:
        return result.to(base.dtype)
    return result


def _modulo(a: Tensor, b: Tensor, *, fmod: int = 0) -> Tensor:
    return torch.fmod(a, b) if fmod else torch.remainder(a, b)


def _fold(combine: Any) -> Any:
    def run(first: Tensor, *rest: Tensor) -> Tensor:
        for other in rest:
            first = combine(first, other)
        return first

    return run


def _mean(*terms: Tensor) -> Tensor:
    total: Tensor = _fold(torch.add)(*terms)
    return total / len(terms)


def _clip(
    x: Tensor, low: Any = None, high: Any = None, *, min: Any = None, max: Any = None
) -> Tensor:
    low = min if low is None else low
    high = max if high is None else high
    if low is None and high is None:
        return x
    if isinstance(low, Tensor) or isinstance(high, Tensor):
        x = x if low is None else torch.maximum(x, _like(low, x))
        return x if high is None else torch.minimum(x, _like(high, x))
    return torch.clamp(x, low, high).to(x.dtype)


def _like(value: Tensor | Number, x: Tensor) -> Tensor:
    return value if isinstance(value, Tensor) else torch.full((), value, dtype=x.dtype)


def _gelu(x: Tensor, *, approximate: str = "none") -> Tensor:
    return functional.gelu(x, approximate=approximate)


def _elu(x: Tensor, *, alpha: float = 1.0) -> Tensor:
    return functional.elu(x, alpha)


def _celu(x: Tensor, *, alpha: float = 1.0) -> Tensor:
    return functional.celu(x, alpha)


def _selu(
    x: Tensor, *, alpha: float = 1.6732632423543772, gamma: float = 1.0507009873554805
) -> Tensor:
    return gamma * torch.where(x > 0, x, alpha * torch.expm1(torch.clamp(x, max=0)))


def _leaky_relu(x: Tensor, *, alpha: float = 0.01) -> Tensor:
    return functional.leaky_relu(x, alpha)


def _thresholded_relu(x: Tensor, *, alpha: float = 1.0) -> Tensor:
    return torch.where(x > alpha, x, torch.zeros_like(x))


def _hard_sigmoid(x: Tensor, *, alpha: float = 0.2, beta: float = 0.5) -> Tensor:
    return torch.clamp(alpha * x + beta, 0.0, 1.0)


def _hard_swish(x: Tensor) -> Tensor:
    return x * _hard_sigmoid(x, alpha=1 / 6)


def _swish(x: Tensor, *, alpha: float = 1.0) -> Tensor:
    return x * torch.sigmoid(alpha * x)


def prelu(x: Tensor, slope: Tensor) -> Tensor:
    """Scale negative elements by a learned slope."""
    return torch.where(x < 0, x * slope, x)


def _shrink(x: Tensor, *, bias: float = 0.0, lambd: float = 0.5) -> Tensor:
    zero = torch.zeros_like(x)
    shrunk = torch.where(x > lambd, x - bias, torch.where(x < -lambd, x + bias, zero))
    return shrunk.to(x.dtype)


def _bit_shift(x: Tensor, by: Tensor, *, direction: str) -> Tensor:
    wide, count = x.long(), by.long()
    shifted = wide << count if direction == "LEFT" else wide >> count
    if direction == "RIGHT" and x.dtype == torch.uint64:  # whose highest bit is no sign to spread
        half = (wide >> 1) & torch.iinfo(torch.int64).max
        shifted = torch.where(count > 0, half >> torch.clamp(count - 1, min=0), wide)
    return shifted.to(x.dtype)


def _running(total: Callable[[Tensor, int, bool], Tensor]) -> Callable[..., Tensor]:
    """Return `total`, of the elements up to each along an axis, as ONNX calls it."""

    def run(
        x: Tensor, axis: int | tuple[int, ...], *, exclusive: int = 0, reverse: int = 0
    ) -> Tensor:
        axis = only(axis)
        if not reverse:
            return total(x, axis, bool(exclusive))
        return torch.flip(total(torch.flip(x, (axis,)), axis, bool(exclusive)), (axis,))

    return run


def _cum_sum(x: Tensor, axis: int, exclusive: bool) -> Tensor:
    total = torch.cumsum(x, axis, dtype=x.dtype)
    return total - x if exclusive else total


def _cum_prod(x: Tensor, axis: int, exclusive: bool) -> Tensor:
    if exclusive:
        first = torch.ones_like(x.narrow(axis, 0, 1))
        x = torch.cat((first, x.narrow(axis, 0, x.shape[axis] - 1)), axis)
    return torch.cumprod(x, axis, dtype=x.dtype)


RULES: tuple[Rule, ...] = (
    *variadic(
        {
            "Abs": torch.abs,
            "Acos": torch.acos,
            "Acosh": torch.acosh,
            "Asin": torch.asin,
            "Asinh": torch.asinh,
            "Atan": torch.atan,
            "Atanh": torch.atanh,
            "BitShift": _bit_shift,
            "BitwiseAnd": torch.bitwise_and,
            "BitwiseNot": widened(torch.bitwise_not),
            "BitwiseOr": torch.bitwise_or,
            "BitwiseXor": torch.bitwise_xor,
            "Ceil": torch.ceil,
            "Celu": _celu,
            "Cos": torch.cos,
            "Cosh": torch.cosh,
            "Det": torch.det,
            "Elu": _elu,
            "Erf": torch.erf,
            "Exp": torch.exp,
            "Floor": torch.floor,
            "Gelu": _gelu,
            "HardSigmoid": _hard_sigmoid,
            "HardSwish": _hard_swish,
            "LeakyRelu": _leaky_relu,
            "Log": torch.log,
            "Max": widened(_fold(torch.maximum), ordered=True),
            "Mean": _mean,
            "Min": widened(_fold(torch.minimum), ordered=True),
            "Mish": functional.mish,
            "Mod": divided(_modulo, remainder=True),
            "Neg": torch.neg,
            "PRelu": prelu,
            "Reciprocal": torch.reciprocal,
            "Relu": torch.relu,
            "Round": torch.round,
            "Selu": _selu,
            "Shrink": _shrink,
            "Sigmoid": torch.sigmoid,
            "Sign": torch.sign,
            "Sin": torch.sin,
            "Sinh": torch.sinh,
            "Softplus": functional.softplus,
            "Softsign": functional.softsign,
            "Sqrt": torch.sqrt,
            "Sum": widened(_fold(torch.add)),
            "Swish": _swish,
            "Tan": torch.tan,
            "Tanh": torch.tanh,
            "ThresholdedRelu": _thresholded_relu,
        }
    ),
    Rule("Add", widened(operator.add), soft=(0, 1)),
    Rule("Sub", widened(operator.sub), soft=(0, 1)),
    Rule("Mul", widened(operator.mul), soft=(0, 1)),
    Rule("Div", divided(divide, remainder=False), soft=(1,)),
    Rule("Pow", power, soft=(1,)),
    Rule("Clip", _clip, soft=(1, 2)),
    Rule("CumSum", _running(_cum_sum), static=(1,)),
    Rule("CumProd", _running(_cum_prod), static=(1,)),
)
