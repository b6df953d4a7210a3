"""The GPUs of the measured tables, and the targets that describe them."""

from pathlib import Path

import cost_models
from cost_models.gpu import GpuModel, GpuParams
from cost_models.load import load_target

_EXTRA = Path(__file__).with_name("gpus")
"""Targets of GPUs that were measured, but do not come with hptc."""

DEVICES = {
    "gpu-a100": "NVIDIA A100 80GB PCIe",
    "gpu-a100-40": "NVIDIA A100-PCIE-40GB",
    "gpu-h100": "NVIDIA H100 80GB HBM3",
    "gpu-l4": "NVIDIA L4",
    "gpu-p100": "Tesla P100-PCIE-16GB",
    "gpu-p4": "Tesla P4",
    "gpu-t4": "Tesla T4",
    "gpu-v100": "Tesla V100-PCIE-32GB",
}
"""Names of targets, and of their devices in the tables."""
HALF_DEVICES = {"gpu-a100": "a100", "gpu-a40": "a40", "gpu-h100": "h100"}
"""Names of targets, and of their devices in the table of 16-bit products."""


BASE = "gpu-datasheet"
"""What GPUs have in common: targets extend it, and it is none itself."""


def target_path(name: str) -> Path:
    """Return the file of a GPU's target, or of the base."""
    targets = Path(cost_models.__file__).with_name("targets")
    folder = targets / "bases" if name == BASE else targets
    path = folder / f"{name}.toml"
    return path if path.exists() else _EXTRA / f"{name}.toml"


def gpu_model(name: str, *overrides: str) -> GpuModel:
    """Return the model of a GPU with its committed parameters."""
    target = load_target(str(target_path(name)), overrides)
    return GpuModel(GpuParams.model_validate(target.device("gpu").table))
