"""Adam (Kingma & Ba 2015) and AdamW (Loshchilov & Hutter 2019, alg. 2), as `torch.optim` has them.

They differ in weight decay alone: added to the gradient, or taken off the parameter.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from hptc.frontend.optimizers.rule import Share, UpdateRule, Weight


@dataclass(frozen=True, slots=True)
class Adam(UpdateRule):
    """Steps along the mean gradient over the root of its mean square, both corrected for bias."""

    beta1: Share = 0.9
    beta2: Share = 0.999
    eps: Weight = 1e-8
    weight_decay: Weight = 0.0

    def slots(self, shape: tuple[int, ...]) -> Mapping[str, tuple[int, ...]]:
        """Return the shapes of the two moments."""
        return {"exp_avg": shape, "exp_avg_sq": shape}

    def shared(self, lr: Tensor, step: Tensor) -> Mapping[str, Tensor]:
        """Return the rate, and what divides the moments, which start at zero."""
        return {
            "lr": lr,
            "rate": lr / _gathered(self.beta1, step),
            "scale": torch.sqrt(_gathered(self.beta2, step)),
        }

    def update(
        self,
        param: Tensor,
        grad: Tensor,
        state: Mapping[str, Tensor],
        scalars: Mapping[str, Tensor],
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the parameter and its moments after one step."""
        param, grad = self._decayed(param, grad, scalars["lr"])
        exp_avg = self.beta1 * state["exp_avg"] + (1 - self.beta1) * grad
        exp_avg_sq = self.beta2 * state["exp_avg_sq"] + (1 - self.beta2) * grad * grad
        denominator = torch.sqrt(exp_avg_sq) / scalars["scale"] + self.eps
        moved = param - scalars["rate"] * exp_avg / denominator
        return moved, {"exp_avg": exp_avg, "exp_avg_sq": exp_avg_sq}

    def _decayed(self, param: Tensor, grad: Tensor, lr: Tensor) -> tuple[Tensor, Tensor]:
        del lr
        return param, grad + self.weight_decay * param if self.weight_decay else grad


@dataclass(frozen=True, slots=True)
class AdamW(Adam):
    """Adam with decoupled weight decay."""

    weight_decay: Weight = 0.01

    def _decayed(self, param: Tensor, grad: Tensor, lr: Tensor) -> tuple[Tensor, Tensor]:
        return param * (1 - lr * self.weight_decay) if self.weight_decay else param, grad


def _gathered(beta: float, step: Tensor) -> Tensor:
    """Return 1 - beta ** step, without the rounding that the difference of two near ones has."""
    if beta == 0:
        return torch.ones_like(step)
    return -torch.expm1(math.log(beta) * step)
