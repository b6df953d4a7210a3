"""Scores of whole training and inference steps of transformers on one GPU.

Each row of the table is a model of Hugging Face that NeuSight ran in eager torch, fp32 without
TF32: a forward pass and, in training, a backward pass that adds to the gradients of the step
before; loss and optimizer are not timed. The kernels of such a step are recorded from torch
(`step_record`), counted by hptc and priced by its GPU model. Nothing is fitted to the rows but the
time of memory allocation, which belongs to the measurement (`step_memory`).

Left out: rows on several GPUs (dp, tp, pp), which time a network as well; compiled models (fusion),
whose kernels Inductor chooses; AMD's GPUs, of which no kernel was timed, and whose data-sheets name
two fp32 rates.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import torch

from benchmarks.cost_models.gpu_devices import BASE, DEVICES, gpu_model
from benchmarks.cost_models.score import NO_LIMIT, Limit, Score, score
from benchmarks.cost_models.step_memory import allocation_ns
from benchmarks.cost_models.step_models import MODELS
from benchmarks.cost_models.step_record import Kernels, Recorded, record
from benchmarks.cost_models.tables import Row, rows_of
from cost_models.gpu import GpuModel
from cost_models.gpu_launch import Kernel
from hptc.units import NS_PER_MS

_TABLE = "gpu_model_e2e"
TABLES = (f"{_TABLE}.csv",)
TRAINING = Limit(mape_pct=7.0)
TARGETS = {device.replace(" ", "_"): target for target, device in DEVICES.items()}
"""Targets by the name of their device in the table."""
PYTHON_ISSUE_NS = 25_000.0
"""Host time between two kernels of a forward pass, which Python modules issue: the upper end of the
published range of launch overheads (see `launch_overhead_ns` of the targets). A backward pass is
issued by autograd's engine, at the target's own figure."""
DATA_SHEET = (
    "sm_count",
    "fp32_peak_tflops",
    "memory_bandwidth_bytes_per_ns",
    "tdp_w",
    "threads_per_sm",
    "l1_bytes",
    "l2_bytes",
)
"""Keys that a data-sheet tells."""


@dataclass(frozen=True)
class Case:
    """One measured step on one GPU."""

    row: Row
    generic: bool = False
    """Of the device's parameters only those of its data-sheet are used."""

    @property
    def parts(self) -> list[str]:
        return self.row["model"].split("-")

    @property
    def training(self) -> bool:
        return self.parts[1] == "train"

    @property
    def target(self) -> str:
        return TARGETS[self.row["device"]]

    @property
    def model(self) -> GpuModel:
        return _model(self.target, self.generic)

    @property
    def is_known(self) -> bool:
        """One GPU, kernels as torch chooses them, and a model that is described here."""
        name, *rest = self.parts
        known = name in MODELS and self.row["device"] in TARGETS
        match rest:
            case ["train" | "inf", length, batch]:
                return known and length.isdecimal() and batch.isdecimal()
        return False

    def measured_ns(self, column: str) -> float:
        return float(self.row[f"{column}_ms"] or 0) * NS_PER_MS

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


def scores(data: Path) -> list[Score]:
    """Return the errors of training and inference, also with parameters of no device."""
    cases = known_cases(data)
    training = [case for case in cases if case.training]
    inference = [case for case in cases if not case.training]
    backward = [(backward_ns(case), case.measured_ns("bw")) for case in training]
    return [
        *_scored("training steps", training, TRAINING),
        *score(_TABLE, "backward passes of training steps", backward),
        *_scored("inference steps", inference),
        *_scored("training steps, generic parameters", _generic(training)),
        *_scored("inference steps, generic parameters", _generic(inference)),
    ]


def known_cases(data: Path) -> list[Case]:
    """Return the rows that are steps of one GPU with models that are described."""
    return [case for case in map(Case, rows_of(data / TABLES[0])) if case.is_known]


def _scored(family: str, cases: Sequence[Case], limit: Limit = NO_LIMIT) -> list[Score]:
    pairs = [(step_ns(case), case.measured_ns("e2e")) for case in cases]
    return score(_TABLE, family, pairs, _published(cases), limit)


def _generic(cases: Sequence[Case]) -> list[Case]:
    return [replace(case, generic=True) for case in cases]


def step_ns(case: Case) -> float:
    """Return the modelled time of a step."""
    model = case.model
    issued_by_python = replace(model.launch, overhead_ns=PYTHON_ISSUE_NS)

    def forward_ns(recorded: Recorded) -> float:
        passing = issued_by_python.step_ns(_kernels(model, recorded.forward))
        return passing + allocation_ns(case.target, recorded.kept)

    return case.at_depth(forward_ns) + backward_ns(case)


def backward_ns(case: Case) -> float:
    """Return the modelled time of the backward pass; 0 in inference."""
    model = case.model
    return case.at_depth(lambda recorded: model.launch.step_ns(_kernels(model, recorded.backward)))


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
def _model(target: str, generic: bool) -> GpuModel:
    if not generic:
        return gpu_model(target)
    params = gpu_model(target).params
    told = [f"devices.gpu.{key}={getattr(params, key)}" for key in DATA_SHEET]
    return gpu_model(BASE, *told)


@lru_cache(maxsize=128)
def _recorded(name: str, layers: int, length: int, batch: int, training: bool) -> Recorded:
    with torch.device("meta"):
        tokens = torch.ones(batch, length, dtype=torch.int64)
        return record(MODELS[name].build(layers), tokens, training=training)
