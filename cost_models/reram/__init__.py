"""ReRAM crossbars: one model with parameters; what tools and chips differ in is in the targets."""

from cost_models.reram.model import ReramModel
from cost_models.reram.params import ReramParams

__all__ = ["ReramModel", "ReramParams"]
