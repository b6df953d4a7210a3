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
    figures: tuple[str, ...]
    """What it prices: the keys of `validation`; what is not in there is not validated."""


GPU_FIGURES = (
    "latency_products_fp32", "latency_products_16_bit", "latency_softmax", "latency_norms",
    "latency_elementwise", "latency_embedding", "latency_reductions", "latency_optimizer",
    "latency_step", "energy",
)  # fmt: skip
RERAM_FIGURES = (
    "latency_read", "energy_read", "latency_write", "energy_write", "power", "area", "wear",
)  # fmt: skip
SYSTOLIC_FIGURES = (
    "cycles", "utilisation", "sram_traffic", "dram_traffic", "stalls", "latency_vector", "energy",
    "area",
)  # fmt: skip

KINDS: Mapping[str, DeviceKind] = MappingProxyType(
    {
        "gpu": DeviceKind(GpuParams, lambda t: GpuModel(GpuParams.model_validate(t)), GPU_FIGURES),
        "reram": DeviceKind(
            ReramParams, lambda t: ReramModel(ReramParams.model_validate(t)), RERAM_FIGURES
        ),
        "systolic": DeviceKind(
            SystolicParams,
            lambda t: SystolicModel(SystolicParams.model_validate(t)),
            SYSTOLIC_FIGURES,
        ),
    }
)
"""By the value of `kind` in a target file."""
