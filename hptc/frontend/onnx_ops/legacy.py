"""What operations meant in the first opsets, where that differs by more than an attribute."""

import operator
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from hptc.frontend.onnx_ops import math, nn
from hptc.frontend.onnx_ops.rule import Rule


def _aligned(run: Callable[[Any, Any], Tensor]) -> Callable[..., Tensor]:
    """Return `run` with its second operand placed at `axis` of the first."""

    def aligned(a: Tensor, b: Tensor, *, axis: int | None = None, broadcast: int = 0) -> Tensor:
        if broadcast and axis is not None:
            trailing = a.dim() - axis % a.dim() - b.dim()
            b = b.reshape(*b.shape, *(1,) * trailing)
        return run(a, b)

    return aligned


def _prelu(x: Tensor, slope: Tensor) -> Tensor:
    """One slope a channel, which is the second axis."""
    per_channel = slope.numel() > 1
    return math.prelu(x, slope.reshape(-1, *(1,) * (x.dim() - 2)) if per_channel else slope)


def _gemm(*operands: Tensor, broadcast: int = 0, **attributes: Any) -> Tensor:
    return nn.gemm(*operands, **attributes)


def _batch_norm(  # noqa: PLR0913  (the signature of ONNX)
    x: Tensor,
    scale: Tensor,
    bias: Tensor,
    mean: Tensor,
    variance: Tensor,
    *,
    epsilon: float = 1e-5,
    is_test: int = 1,
    momentum: float = 0.9,
    spatial: int = 1,
    consumed_inputs: tuple[int, ...] = (),
) -> Any:
    """By stored statistics, each of one channel, or of one element where not `spatial`."""
    if spatial:
        return nn.batch_norm(x, scale, bias, mean, variance, epsilon=epsilon)
    return (x - mean) * torch.rsqrt(variance + epsilon) * scale + bias


def _concat(*parts: Tensor, axis: int = 1) -> Tensor:
    return torch.cat(parts, axis)


_BINARY: dict[str, Callable[[Any, Any], Tensor]] = {
    "Add": operator.add,
    "And": torch.logical_and,
    "Div": math.divide,
    "Equal": torch.eq,
    "Greater": torch.gt,
    "Less": torch.lt,
    "Mul": operator.mul,
    "Or": torch.logical_or,
    "Pow": math.power,
    "Sub": operator.sub,
    "Xor": torch.logical_xor,
}

RULES: tuple[Rule, ...] = (
    *(Rule(op, _aligned(run), until=6) for op, run in _BINARY.items()),
    Rule("BatchNormalization", _batch_norm, until=8),
    Rule("Concat", _concat, until=3),
    Rule("Gemm", _gemm, until=6),
    Rule("PRelu", _prelu, until=6),
)
