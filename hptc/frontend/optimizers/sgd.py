"""Gradient descent with momentum, as `torch.optim.SGD` (Sutskever et al. 2013 for Nesterov's)."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from hptc.frontend.optimizers.rule import UpdateRule, Weight


@dataclass(frozen=True, slots=True)
class Sgd(UpdateRule):
    """buf = momentum * buf + (1 - dampening) * g, where the first step takes g whole.

    Nesterov's form moves along g + momentum * buf.
    """

    momentum: Weight = 0.0
    dampening: Weight = 0.0
    weight_decay: Weight = 0.0
    nesterov: bool = False

    def __post_init__(self) -> None:
        if self.nesterov and (self.momentum == 0 or self.dampening != 0):
            raise ValueError("nesterov=true with a momentum above 0 and no dampening")

    def slots(self, shape: tuple[int, ...]) -> Mapping[str, tuple[int, ...]]:
        """Return the shape of the momentum, if there is one."""
        return {"momentum": shape} if self.momentum else {}

    def shared(self, lr: Tensor, step: Tensor) -> Mapping[str, Tensor]:
        """Return the rate, and the part of the gradient that the momentum takes in."""
        if not self.dampening:
            return {"lr": lr}
        return {"lr": lr, "taken": torch.where(step > 1, 1 - self.dampening, 1.0)}

    def update(
        self,
        param: Tensor,
        grad: Tensor,
        state: Mapping[str, Tensor],
        scalars: Mapping[str, Tensor],
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the parameter and its momentum after one step."""
        if self.weight_decay:
            grad = grad + self.weight_decay * param
        if not self.momentum:
            return param - scalars["lr"] * grad, {}
        taken = scalars["taken"] * grad if self.dampening else grad
        momentum = self.momentum * state["momentum"] + taken
        direction = grad + self.momentum * momentum if self.nesterov else momentum
        return param - scalars["lr"] * direction, {"momentum": momentum}
