"""Losses by name: a scalar from the model's output and the target."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from hptc.errors import UsageError
from hptc.frontend.choices import choice_text, parse_choice

LossFunction = Callable[[Tensor, Tensor], Tensor]

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


@dataclass(frozen=True, slots=True)
class _Elementwise:
    """Mean over all elements; the target has shape and type of the output."""

    def example_target(self, output: Tensor) -> Tensor:
        """Return a target of the right shape and type for `output`."""
        return torch.zeros_like(output)


@dataclass(frozen=True, slots=True)
class Mse(_Elementwise):
    """Squared differences."""

    def __call__(self, output: Tensor, target: Tensor) -> Tensor:
        """Return the scalar loss."""
        return functional.mse_loss(output, target)


@dataclass(frozen=True, slots=True)
class L1(_Elementwise):
    """Absolute differences."""

    def __call__(self, output: Tensor, target: Tensor) -> Tensor:
        """Return the scalar loss."""
        return functional.l1_loss(output, target)


@dataclass(frozen=True, slots=True)
class Huber(_Elementwise):
    """Squares of differences up to `delta`, linear beyond (`torch.nn.HuberLoss`)."""

    delta: Positive = 1.0

    def __call__(self, output: Tensor, target: Tensor) -> Tensor:
        """Return the scalar loss."""
        return functional.huber_loss(output, target, delta=self.delta)


@dataclass(frozen=True, slots=True)
class BceWithLogits(_Elementwise):
    """Binary cross entropy of sigmoid(output) with probabilities."""

    def __call__(self, output: Tensor, target: Tensor) -> Tensor:
        """Return the scalar loss."""
        return functional.binary_cross_entropy_with_logits(output, target)


@dataclass(frozen=True, slots=True)
class CrossEntropy:
    """Mean over all positions but those of class -100; the target, int64, lacks the class axis.

    Classes lie on the last axis, as transformers have them; torch's [N, C, ...] is `axis=1`.
    """

    IGNORED: ClassVar[int] = -100
    """Class index that torch leaves out of the mean."""

    axis: int = -1

    def __call__(self, output: Tensor, target: Tensor) -> Tensor:
        """Return the scalar loss."""
        if output.dim() > 1 and self.axis % output.dim() == 1:
            return functional.cross_entropy(output, target)
        rows = output.movedim(self.axis, -1)
        return functional.cross_entropy(rows.reshape(-1, rows.shape[-1]), target.reshape(-1))

    def example_target(self, output: Tensor) -> Tensor:
        """Return a target of the right shape and type; raises UsageError without such an axis."""
        if not -output.dim() <= self.axis < output.dim():
            raise UsageError(
                "--loss cross_entropy",
                expected=f"an output with classes on axis {self.axis}",
                found=f"an output of shape {list(output.shape)}",
            )
        shape = list(output.shape)
        del shape[self.axis]
        return torch.zeros(shape, dtype=torch.int64)


Loss = Mse | L1 | Huber | CrossEntropy | BceWithLogits

LOSSES: Mapping[str, type[Loss]] = {
    "mse": Mse,
    "l1": L1,
    "huber": Huber,
    "cross_entropy": CrossEntropy,
    "bce_with_logits": BceWithLogits,
}


def parse_loss(text: str) -> Loss:
    """Return the loss that a text such as `huber:delta=0.5` names; raises UsageError."""
    return parse_choice("--loss", text, LOSSES)


def loss_text(loss: Loss) -> str:
    """Return the text that names a loss, with every setting."""
    return choice_text(loss, LOSSES)
