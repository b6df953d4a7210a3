"""Optimizer steps of `ai.onnx.preview.training`, for any number of tensors."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from hptc.frontend.onnx_ops.rule import Rule

Update = Callable[..., tuple[Tensor, ...]]


def _adagrad(  # noqa: PLR0913  (the signature of ONNX)
    rate: Tensor,
    step: Tensor,
    x: Tensor,
    gradient: Tensor,
    squares: Tensor,
    *,
    decay_factor: float = 0.0,
    epsilon: float = 1e-6,
    norm_coefficient: float = 0.0,
) -> tuple[Tensor, ...]:
    gradient = norm_coefficient * x + gradient
    squares = squares + gradient * gradient
    rate = rate / (1 + step * decay_factor)
    return x - rate * gradient / (torch.sqrt(squares) + epsilon), squares


def _adam(  # noqa: PLR0913  (the signature of ONNX)
    rate: Tensor,
    step: Tensor,
    x: Tensor,
    gradient: Tensor,
    mean: Tensor,
    squares: Tensor,
    *,
    alpha: float = 0.9,
    beta: float = 0.999,
    epsilon: float = 1e-6,
    norm_coefficient: float = 0.0,
    norm_coefficient_post: float = 0.0,
) -> tuple[Tensor, ...]:
    """The first step is number 0, which is not corrected for its bias."""
    gradient = norm_coefficient * x + gradient
    mean = alpha * mean + (1 - alpha) * gradient
    squares = beta * squares + (1 - beta) * gradient * gradient
    later = torch.clamp(step, min=1)
    correction = torch.sqrt(1 - torch.pow(beta, later)) / (1 - torch.pow(alpha, later))
    rate = torch.where(step > 0, rate * correction, rate).to(x.dtype)
    moved = x - rate * mean / (torch.sqrt(squares) + epsilon)
    return (1 - norm_coefficient_post) * moved, mean, squares


def _momentum(  # noqa: PLR0913  (the signature of ONNX)
    rate: Tensor,
    step: Tensor,
    x: Tensor,
    gradient: Tensor,
    velocity: Tensor,
    *,
    alpha: float,
    beta: float,
    mode: str,
    norm_coefficient: float,
) -> tuple[Tensor, ...]:
    gradient = norm_coefficient * x + gradient
    share = torch.where(step > 0, beta, 1.0).to(x.dtype)
    velocity = alpha * velocity + share * gradient
    move = velocity if mode == "standard" else gradient + alpha * velocity
    return x - rate * move, velocity


def _for_each(update: Update, kinds: int) -> Callable[..., tuple[Tensor, ...]]:
    """Return `update` for many tensors: all weights come first, then all gradients, and so on."""

    def run(rate: Tensor, step: Tensor, *operands: Tensor, **attributes: Any) -> tuple[Tensor, ...]:
        count = len(operands) // kinds
        results = [update(rate, step, *operands[i::count], **attributes) for i in range(count)]
        return tuple(tensor for column in zip(*results, strict=True) for tensor in column)

    return run


_DOMAIN = "ai.onnx.preview.training"

RULES: tuple[Rule, ...] = (
    Rule("Adagrad", _for_each(_adagrad, 3), domain=_DOMAIN),
    Rule("Adam", _for_each(_adam, 4), domain=_DOMAIN),
    Rule("Momentum", _for_each(_momentum, 3), domain=_DOMAIN),
)
