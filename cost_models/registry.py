"""The kinds of device, each with its parameter model and its cost model."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from cost_models.gpu import GpuModel, GpuParams
from cost_models.model import CostModel, DeviceParams
from cost_models.reram import ReramModel, ReramParams
from cost_models.systolic import SystolicModel, SystolicParams


@dataclass(frozen=True, slots=True)
class DeviceKind:
    """How one kind of device is described and priced."""

    params: type[DeviceParams]
    build: Callable[[Mapping[str, object]], CostModel]
    """From a validated device table."""


KINDS: Mapping[str, DeviceKind] = MappingProxyType(
    {
        "gpu": DeviceKind(GpuParams, lambda t: GpuModel(GpuParams.model_validate(t))),
        "reram": DeviceKind(ReramParams, lambda t: ReramModel(ReramParams.model_validate(t))),
        "systolic": DeviceKind(
            SystolicParams, lambda t: SystolicModel(SystolicParams.model_validate(t))
        ),
    }
)
"""By the value of `kind` in a target file."""
