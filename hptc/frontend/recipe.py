"""What to train with."""

from dataclasses import dataclass, field

from hptc.frontend.loss_function import RecordedLoss
from hptc.frontend.losses import Loss, Mse
from hptc.frontend.optimizers import Optimizer
from hptc.frontend.optimizers.adam import AdamW


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a model is trained."""

    loss: Loss | RecordedLoss = field(default_factory=Mse)
    optimizer: Optimizer = field(default_factory=AdamW)
    output: int = 0
    """Index of the model output that the loss takes."""
    clip_norm: float | None = None
    """Largest norm of all gradients together that the optimizer sees."""
    accumulate: int = 1
    """Micro-batches in a step."""
