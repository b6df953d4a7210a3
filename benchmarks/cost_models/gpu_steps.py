"""Scores of whole training and inference steps of transformers on one GPU.

Each row of the table is a model of Hugging Face that NeuSight ran in eager torch, fp32 without
TF32: a forward pass and, in training, a backward pass that adds to the gradients of the step
before; loss and optimizer are not timed. The kernels of such a step are recorded from torch
(`step_record`), counted by hptc and priced by its GPU model. Nothing is fitted to the rows but
`ALLOCATION_NS_PER_BYTE`, which belongs to the measurement. Left out: rows on several GPUs (dp, tp,
pp), which time a network as well, and compiled models (fusion), whose kernels Inductor chooses.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from pathlib import Path

import torch

from benchmarks.cost_models.score import Limit, Score, score
from benchmarks.cost_models.step_models import MODELS
from benchmarks.cost_models.step_record import Kernels, Recorded, record
from benchmarks.cost_models.tables import Row, rows_of
from cost_models.gpu import GpuModel, GpuParams
from cost_models.gpu_launch import Kernel
from cost_models.load import load_target
from hptc.units import NS_PER_MS

TABLES = ("gpu_model_e2e.csv",)
TRAINING = Limit(mape_pct=7.0)
BUILT_IN: dict[str, tuple[str, dict[str, float]]] = {
    "NVIDIA_A100_80GB_PCIe": ("gpu-a100", {}),
    "NVIDIA_A100-PCIE-40GB": ("gpu-a100", {"memory_bandwidth_bytes_per_ns": 1555.0}),
    "NVIDIA_H100_80GB_HBM3": ("gpu-h100", {}),
    "NVIDIA_L4": ("gpu-l4", {}),
    "Tesla_T4": ("gpu-t4", {}),
    "Tesla_V100-PCIE-32GB": ("gpu-v100", {}),
}
"""Devices that have a built-in target, with what their variant has otherwise."""
DATA_SHEETS: dict[str, tuple[str, dict[str, float]]] = {
    name: (
        "gpu-datasheet",
        {
            "sm_count": sm_count,
            "fp32_peak_tflops": tflops,
            "memory_bandwidth_bytes_per_ns": bandwidth,
            "tdp_w": tdp_w,
        },
    )
    for name, sm_count, tflops, bandwidth, tdp_w in (
        ("Tesla_P100-PCIE-16GB", 56, 9.3, 732.0, 250.0),
        ("Tesla_P4", 20, 5.5, 192.0, 75.0),
        # vector rates and compute units, not those of the matrix cores; of the MI250 one die of two
        ("AMD_Instinct_MI100", 120, 23.1, 1228.8, 300.0),
        ("AMD_Instinct_MI210", 104, 22.6, 1638.4, 300.0),
        ("AMD_Instinct_MI250", 104, 22.6, 1638.4, 250.0),
    )
}
"""Other devices, by the data-sheets of NVIDIA and AMD."""
PYTHON_ISSUE_NS = 25_000.0
"""Host time between two kernels of a forward pass, which Python modules issue: the upper end of the
published range of launch overheads (see `launch_overhead_ns` of the targets). A backward pass is
issued by autograd's engine, at the target's own figure."""
ALLOCATION_NS_PER_BYTE = {"NVIDIA_A100_80GB_PCIe": 0.010}
"""What memory costs that a training step allocates. NeuSight's script empties torch's memory cache
before each step (`torch.cuda.empty_cache`), so the forward time holds cudaMalloc, during which no
kernel runs. One figure of that machine, from how far its forward passes, unlike its backward
passes, are above their kernels; on the others no such time is seen."""


@dataclass(frozen=True)
class Case:
    """One measured step on one GPU."""

    row: Row

    @cached_property
    def parts(self) -> list[str]:
        return self.row["model"].split("-")

    @property
    def training(self) -> bool:
        return self.parts[1] == "train"

    def at_depth(self, figure: Callable[[Recorded], float]) -> float:
        """Return a figure of the whole model, from two models of few layers.

        Layers repeat, so every figure grows by the same amount with each.
        """
        name, _, length, batch = self.parts
        described = MODELS[name]
        depths = (2 * described.period, 3 * described.period)
        few, more = (
            figure(_recorded(name, depth, int(length), int(batch), self.training))
            for depth in depths
        )
        return few + (more - few) * (described.layers - depths[0]) / described.period

    def measured_ns(self, column: str) -> float:
        return float(self.row[f"{column}_ms"] or 0) * NS_PER_MS

    @property
    def is_known(self) -> bool:
        """One GPU, kernels as torch chooses them, and a model that is described here."""
        return len(self.parts) == 4 and self.parts[0] in MODELS  # noqa: PLR2004


def scores(data: Path) -> list[Score]:
    """Return the errors of training and inference on built-in GPUs, and on others."""
    cases = [case for case in map(Case, rows_of(data / TABLES[0])) if case.is_known]
    lines: list[Score] = []
    for devices, suffix in ((BUILT_IN, ""), (DATA_SHEETS, " from the data-sheet alone")):
        for training, kind in ((True, "training steps"), (False, "inference steps")):
            chosen = [c for c in cases if c.row["device"] in devices and c.training == training]
            limit = TRAINING if training and not suffix else Limit()
            lines += score(
                "gpu_model_e2e",
                kind + suffix,
                [(step_ns(case), case.measured_ns("e2e")) for case in chosen],
                _published(chosen),
                limit,
            )
            if training and not suffix:
                lines += score(
                    "gpu_model_e2e",
                    "backward passes of training steps",
                    [(backward_ns(case), case.measured_ns("bw")) for case in chosen],
                )
    return lines


def step_ns(case: Case) -> float:
    """Return the modelled time of a step."""
    model, device = _model(case.row["device"]), case.row["device"]
    issued_by_python = replace(model.launch, overhead_ns=PYTHON_ISSUE_NS)
    allocation = ALLOCATION_NS_PER_BYTE.get(device, 0.0)

    def forward_ns(recorded: Recorded) -> float:
        passing = issued_by_python.step_ns(_kernels(model, recorded.forward))
        return passing + recorded.kept_bytes * allocation

    return case.at_depth(forward_ns) + backward_ns(case)


def backward_ns(case: Case) -> float:
    """Return the modelled time of the backward pass; 0 in inference."""
    model = _model(case.row["device"])
    return case.at_depth(lambda r: model.launch.step_ns(_kernels(model, r.backward)))


def _kernels(model: GpuModel, works: Kernels) -> Iterator[Kernel | None]:
    for work in works:
        if work is None:
            yield None
        else:
            yield from model.kernels(work)


def _published(cases: Sequence[Case]) -> str:
    """What others' models reach on the cases that they published."""
    texts = []
    for name in ("neusight", "roofline"):
        pairs = [
            (case.measured_ns(name), case.measured_ns("e2e"))
            for case in cases
            if case.measured_ns(name)
        ]
        texts += [f"{name} {line.mape_pct:.1f} % on {line.cases}" for line in score("", "", pairs)]
    return ", ".join(texts)


@lru_cache
def _model(device: str) -> GpuModel:
    target, numbers = (BUILT_IN | DATA_SHEETS)[device]
    overrides = [f"devices.gpu.{key}={value!r}" for key, value in numbers.items()]
    table = load_target(target, overrides).device("gpu").table
    return GpuModel(GpuParams.model_validate(table))


@lru_cache(maxsize=128)
def _recorded(name: str, layers: int, length: int, batch: int, training: bool) -> Recorded:
    with torch.device("meta"):
        tokens = torch.ones(batch, length, dtype=torch.int64)
        return record(MODELS[name].build(layers), tokens, training=training)
