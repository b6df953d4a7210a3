"""The GPUs of the measured tables, and the targets that describe them."""

from pathlib import Path

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


def gpu_model(name: str, *overrides: str) -> GpuModel:
    """Return the model of a GPU with its committed parameters."""
    extra = _EXTRA / f"{name}.toml"
    target = load_target(str(extra) if extra.exists() else name, overrides)
    return GpuModel(GpuParams.model_validate(target.device("gpu").table))
