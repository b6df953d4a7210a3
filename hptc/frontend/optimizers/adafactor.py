"""Adafactor (Shazeer & Stern 2018), as `torch.optim.Adafactor`.

The mean square of a matrix's gradient is kept as a mean per row and one per column, over the last
two axes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod, sqrt
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from hptc.frontend.optimizers.rule import UpdateRule, Weight


@dataclass(frozen=True, slots=True)
class Adafactor(UpdateRule):
    """Steps relative to the size of the parameter, their root mean square at most `d`."""

    beta2_decay: Annotated[float, Field(le=0, allow_inf_nan=False)] = -0.8
    """The mean squares forget at the rate step ** beta2_decay."""
    eps1: Weight | None = None
    """Least root of a mean square; None for the precision of the element type."""
    eps2: Weight = 1e-3
    """Least size of a parameter."""
    d: Annotated[float, Field(ge=1, allow_inf_nan=False)] = 1.0
    weight_decay: Weight = 0.0

    def slots(self, shape: tuple[int, ...]) -> Mapping[str, tuple[int, ...]]:
        """Return the shapes of the mean squares: factored where there are two axes."""
        if prod(shape) == 0:
            return {}
        if len(shape) > 1:
            return {"row_var": (*shape[:-1], 1), "col_var": (*shape[:-2], 1, shape[-1])}
        return {"variance": shape}

    def shared(self, lr: Tensor, step: Tensor) -> Mapping[str, Tensor]:
        """Return the rate, that relative to the parameter, and the share of the new squares."""
        return {
            "lr": lr,
            "relative": torch.minimum(lr, torch.rsqrt(step)),
            "share": torch.pow(step, self.beta2_decay),
        }

    def update(
        self,
        param: Tensor,
        grad: Tensor,
        state: Mapping[str, Tensor],
        scalars: Mapping[str, Tensor],
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the parameter and its mean squares after one step."""
        if param.numel() == 0:  # means of nothing are no numbers
            return param - grad, {}
        eps1 = torch.finfo(param.dtype).eps if self.eps1 is None else self.eps1
        new_state = {
            slot: old + scalars["share"] * (_mean_square(slot, grad) - old)
            for slot, old in state.items()
        }
        variance = _variance(new_state, eps1)
        direction = grad * torch.rsqrt(torch.clamp(variance, min=eps1 * eps1))
        size = torch.clamp(_root_mean_square(param), min=self.eps2)
        excess = torch.clamp(_root_mean_square(direction) / self.d, min=1.0)
        if self.weight_decay:
            param = param * (1 - scalars["lr"] * self.weight_decay)
        return param - size * scalars["relative"] / excess * direction, new_state


def _mean_square(slot: str, grad: Tensor) -> Tensor:
    squares = grad * grad
    if slot == "variance":
        return squares
    return squares.mean(dim=-1 if slot == "row_var" else -2, keepdim=True)


def _variance(state: Mapping[str, Tensor], eps1: float) -> Tensor:
    """Return the mean square of every element: rows times columns over their common mean."""
    if "variance" in state:
        return state["variance"]
    rows, columns = state["row_var"], state["col_var"]
    return rows * columns / torch.clamp(rows.mean(dim=-2, keepdim=True), min=eps1)


def _root_mean_square(tensor: Tensor) -> Tensor:
    root_mean: Tensor = torch.linalg.vector_norm(tensor) / sqrt(tensor.numel())
    return root_mean
