"""What every optimizer is: state tensors per parameter, and arithmetic from one step to the next.

Optimizers are written out on tensors so that the capture records them as ordinary operations of the
step. Learning rate and step count are tensors, inputs of the step.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Annotated

from pydantic import Field
from torch import Tensor

Share = Annotated[float, Field(ge=0, lt=1)]
"""A rate of forgetting, such as a beta."""
Weight = Annotated[float, Field(ge=0, allow_inf_nan=False)]
"""A number that is not negative."""


class UpdateRule(ABC):
    """How a parameter follows its gradient."""

    @abstractmethod
    def slots(self, shape: tuple[int, ...]) -> Mapping[str, tuple[int, ...]]:
        """Return the shapes of the state tensors of a parameter of `shape`, by name.

        State starts at zero, in the element type of the parameter.
        """

    @abstractmethod
    def shared(self, lr: Tensor, step: Tensor) -> Mapping[str, Tensor]:
        """Return the scalars that all parameters share in step number `step` (1 for the first)."""

    @abstractmethod
    def update(
        self,
        param: Tensor,
        grad: Tensor,
        state: Mapping[str, Tensor],
        scalars: Mapping[str, Tensor],
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the parameter and its state after one step."""
