"""What to train with: losses and optimizers, as arithmetic on tensors.

Optimizers are written out so that the capture records them as ordinary operations of the step; the
formulas are those of `torch.optim.SGD` and `torch.optim.AdamW` (Loshchilov & Hutter 2019, alg. 2).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

import torch
from torch import Tensor
from torch.nn import functional


class Loss(Enum):
    """Loss of the first (or named) output against the target."""

    MSE = "mse"
    """Mean over all elements; the target has the shape of the output."""
    CROSS_ENTROPY = "cross_entropy"
    """Mean over all leading positions; classes on the last axis, int64 target without it."""

    def __call__(self, output: Tensor, target: Tensor) -> Tensor:
        """Return the scalar loss."""
        if self is Loss.MSE:
            return functional.mse_loss(output, target)
        return functional.cross_entropy(output.reshape(-1, output.shape[-1]), target.reshape(-1))

    def example_target(self, output: Tensor) -> Tensor:
        """Return a target of the right shape and type for `output`."""
        if self is Loss.MSE:
            return torch.zeros_like(output)
        return torch.zeros(output.shape[:-1], dtype=torch.int64)


@dataclass(frozen=True, slots=True)
class Sgd:
    """Gradient descent with optional heavy-ball momentum: buf = momentum * buf + g."""

    momentum: float = 0.0
    weight_decay: float = 0.0

    @property
    def slots(self) -> tuple[str, ...]:
        """Names of the state tensors kept per parameter."""
        return ("momentum",) if self.momentum else ()

    def shared(self, step: Tensor) -> Mapping[str, Tensor]:
        """Return scalars that all parameters share in a step."""
        del step
        return {}

    def update(
        self,
        param: Tensor,
        grad: Tensor,
        state: Mapping[str, Tensor],
        scalars: Mapping[str, Tensor],
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the parameter and its state after one step at rate `scalars['lr']`."""
        if self.weight_decay:
            grad = grad + self.weight_decay * param
        if not self.momentum:
            return param - scalars["lr"] * grad, {}
        momentum = self.momentum * state["momentum"] + grad
        return param - scalars["lr"] * momentum, {"momentum": momentum}


@dataclass(frozen=True, slots=True)
class AdamW:
    """Adam with decoupled weight decay."""

    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8
    weight_decay: float = 0.01

    @property
    def slots(self) -> tuple[str, ...]:
        """Names of the state tensors kept per parameter."""
        return ("exp_avg", "exp_avg_sq")

    def shared(self, step: Tensor) -> Mapping[str, Tensor]:
        """Return the bias corrections of step number `step` (1 for the first)."""
        return {
            "correction1": 1 - torch.pow(self.beta1, step),
            "correction2_sqrt": torch.sqrt(1 - torch.pow(self.beta2, step)),
        }

    def update(
        self,
        param: Tensor,
        grad: Tensor,
        state: Mapping[str, Tensor],
        scalars: Mapping[str, Tensor],
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the parameter and its moments after one step at rate `scalars['lr']`."""
        exp_avg = self.beta1 * state["exp_avg"] + (1 - self.beta1) * grad
        exp_avg_sq = self.beta2 * state["exp_avg_sq"] + (1 - self.beta2) * grad * grad
        denominator = torch.sqrt(exp_avg_sq) / scalars["correction2_sqrt"] + self.eps
        decayed = param * (1 - scalars["lr"] * self.weight_decay)
        moved = decayed - (scalars["lr"] / scalars["correction1"]) * exp_avg / denominator
        return moved, {"exp_avg": exp_avg, "exp_avg_sq": exp_avg_sq}


Optimizer = Sgd | AdamW

OPTIMIZERS: Mapping[str, Optimizer] = {"sgd": Sgd(), "adamw": AdamW()}


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a model is trained."""

    loss: Loss = Loss.MSE
    optimizer: Optimizer = OPTIMIZERS["adamw"]
    output: int = 0
    """Index of the model output that the loss takes."""
