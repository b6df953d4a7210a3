"""Systolic arrays with vector units over one memory."""

from cost_models.systolic.model import SystolicModel
from cost_models.systolic.params import SystolicParams

__all__ = ["SystolicModel", "SystolicParams"]
