"""Parameters of the GPU model from measured times; knows nothing about how they were measured."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from math import exp, inf, log
from random import Random
from statistics import fmean

import numpy as np
from scipy.optimize import minimize

from cost_models.gpu import GpuModel, GpuParams
from cost_models.gpu_gemm_params import Precision
from hptc.calibrate.probes import Probe

HELD_OUT = 4
"""One of so many samples is left out of a fit, and states its error."""
_LEAST = 1e-3
"""Where a fit starts instead of zero."""
_REACH = log(1e3)
"""How far from its start a parameter may go, in logarithms: one that tells nothing stays near."""
_LIKE = {"gemm_batched_efficiency": "gemm_efficiency"}
"""Where a key starts that the table leaves out."""
_STEPS = (-0.5, 0.5, -0.1)
"""First steps in logarithms: a simplex that has shrunk on the way starts afresh."""
OPTIONS = {"maxiter": 200, "xatol": 1e-3, "fatol": 1e-5}

Loss = Callable[[np.ndarray], float]
Table = Mapping[str, object]
"""Parameters of a GPU by key, as in a target."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One operation and how long it took on the device."""

    probe: Probe
    time_ns: float


@dataclass(frozen=True, slots=True)
class Stage:
    """Keys that are fitted together, and the samples they are fitted to."""

    group: str
    precisions: frozenset[Precision]
    figure: str
    """What they validate, as `cost_models.registry` names it."""
    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Fit:
    """What one stage found."""

    stage: Stage
    values: Mapping[str, float]
    samples: int
    error_pct: float
    """Mean error on samples that were left out of the fit."""

    @property
    def title(self) -> str:
        """Return what was fitted, e.g. `product bf16/fp16/tf32`."""
        return f"{self.stage.group} {'/'.join(sorted(self.stage.precisions))}"


_FP32 = frozenset[Precision]({"fp32"})
STAGES = (
    Stage(
        "element-wise", _FP32, "latency_elementwise", ("elementwise_efficiency", "kernel_floor_ns")
    ),
    Stage("gather", _FP32, "latency_embedding", ("gather_efficiency",)),
    Stage("softmax", _FP32, "latency_softmax", ("softmax_efficiency",)),
    Stage("norm", _FP32, "latency_norms", ("norm_efficiency", "norm_row_ns")),
    Stage(
        "product",
        _FP32,
        "latency_products_fp32",
        (
            "gemm_efficiency",
            "gemm_half_intensity",
            "gemm_fill_k",
            "gemm_tail_share",
            "gemm_memory_efficiency",
            "gemm_floor_ns",
        ),
    ),
    Stage("batched product", _FP32, "latency_products_fp32", ("gemm_batched_efficiency",)),
    Stage(
        "product",
        frozenset({"tf32", "fp16", "bf16"}),
        "latency_products_16_bit",
        (
            "tensor_efficiency",
            "tensor_half_intensity",
            "tensor_fill_k",
            "tensor_tail_share",
            "tensor_memory_efficiency",
        ),
    ),
)
"""In their order: later stages build on what earlier ones found."""


def fit_stages(table: Table, samples: Sequence[Sample]) -> tuple[Fit, ...]:
    """Return the fits of all stages that have samples.

    Args:
        table: Every parameter of the GPU; those of no stage stay, the others are where fits start.
        samples: Operations with their times.
    """
    fits: list[Fit] = []
    for stage in STAGES:
        own = [
            sample
            for sample in samples
            if sample.probe.group == stage.group and sample.probe.precision in stage.precisions
        ]
        if own:
            fits.append(_fit(table, stage, own))
            table = {**table, **fits[-1].values}
    return tuple(fits)


def modelled_ns(table: Table, probe: Probe) -> float:
    """Return the device time of an operation by the model."""
    return _modelled(table, [probe])[0]


def _modelled(table: Table, probes: Sequence[Probe]) -> list[float]:
    models = {
        precision: GpuModel(GpuParams.model_validate({**table, "precision": precision}))
        for precision in {probe.precision for probe in probes}
    }
    return [
        sum(kernel.device_ns for kernel in models[probe.precision].kernels(probe.work))
        for probe in probes
    ]


def _fit(table: Table, stage: Stage, samples: Sequence[Sample]) -> Fit:
    shuffled = Random(0).sample(samples, len(samples))
    unseen, seen = shuffled[: len(samples) // HELD_OUT], shuffled[len(samples) // HELD_OUT :]
    probes, times = [s.probe for s in seen], [log(s.time_ns) for s in seen]

    def loss(logs: np.ndarray) -> float:
        guesses = _modelled({**table, **_values(stage, logs)}, probes)
        return fmean(abs(log(guess) - time) for guess, time in zip(guesses, times, strict=True))

    start = [_start(table, key) for key in stage.keys]
    most = [_most(key) for key in stage.keys]
    found = _values(stage, _search(loss, np.log(start), np.log(most)))
    values = {key: min(float(f"{found[key]:.4g}"), _most(key)) for key in stage.keys}
    return Fit(stage, values, len(samples), error_pct({**table, **values}, unseen))


def _search(loss: Loss, start: np.ndarray, most: np.ndarray) -> np.ndarray:
    """Return where a loss is least, near the start."""
    low, high = start - _REACH, np.minimum(start + _REACH, most)
    best: np.ndarray = np.clip(start, low, high)
    for step in _STEPS:
        steps = np.where(best + step > high, -step, step)
        simplex = np.clip(np.vstack([best, best + np.diag(steps)]), low, high)
        options = {**OPTIONS, "initial_simplex": simplex}
        bounds = list(zip(low, high, strict=True))
        best = minimize(loss, best, method="Nelder-Mead", bounds=bounds, options=options).x
    return best


def error_pct(table: Table, samples: Sequence[Sample]) -> float:
    """Return the mean error of the model on samples; not a number where there is none."""
    if not samples:
        return float("nan")
    guesses = _modelled(table, [sample.probe for sample in samples])
    return 100 * fmean(
        abs(guess / sample.time_ns - 1) for guess, sample in zip(guesses, samples, strict=True)
    )


def _values(stage: Stage, logs: np.ndarray) -> dict[str, float]:
    return {key: exp(value) for key, value in zip(stage.keys, logs, strict=True)}


@cache
def _most(key: str) -> float:
    """The largest value that the key may have."""
    return float(GpuParams.model_json_schema()["properties"][key].get("maximum", inf))


def _start(table: Table, key: str) -> float:
    """The value of a key, or of the one it is like where the table leaves it out."""
    value = table.get(key, table.get(_LIKE.get(key, key)))
    return max(float(value), _LEAST) if isinstance(value, int | float) else _LEAST
