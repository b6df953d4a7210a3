"""Opset 6: broadcasting had to be asked for, and flags said whether a model is trained."""

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


def _batch_norm(*operands: Tensor, is_test: int = 1, spatial: int = 1, **attributes: Any) -> Any:
    return nn.batch_norm(*operands[:5], **attributes, training_mode=0)


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
    Rule("BatchNormalization", _batch_norm, until=6),
    Rule("Gemm", _gemm, until=6),
    Rule("PRelu", _prelu, until=6),
)
