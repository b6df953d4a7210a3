"""Fit the rates of matrix products, of one GPU or of several together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import least_squares

from benchmarks.cost_models.gemm_tables import FP16_OP, FP32_OPS, Measured
from cost_models.gpu import GpuParams
from cost_models.gpu_gemm import Floats, gemm_times_ns

Values = Mapping[str, float]
"""Parameters of targets, and starts of operations."""
_ERROR = 0.05
"""Relative error from which a row counts by its size, no more by its square."""
_HOLD = 0.1
"""Weight of a parameter's distance from where it begins, in logarithms."""
_EVALUATIONS = 40
_NUDGE, _LEAST_MOVE = 0.9, 2e-4
"""A parameter that is changed so far and moves the rows less on average is not decided by them."""


def start_of(op: str) -> str:
    """Return the name of the time to start an operation, which a timing shows beside its kernel."""
    return f"{op}_start_ns"


@dataclass(frozen=True, slots=True)
class Unknown:
    """A parameter to fit: where it begins, and between which bounds it lies."""

    begin: float
    low: float
    high: float


SHARED = {
    "gemm_efficiency": Unknown(1.0, 0.2, 1.3),
    "gemm_half_intensity": Unknown(8.0, 0.1, 60.0),
    "gemm_fill_k": Unknown(10.0, 0.1, 100.0),
    "gemm_tail_share": Unknown(0.8, 0.05, 1.0),
    "gemm_memory_efficiency": Unknown(0.7, 0.2, 1.0),
    "boost_window_ns": Unknown(1e6, 1e4, 1e9),
}
OWN = {
    **SHARED,
    "gemm_batched_efficiency": Unknown(1.0, 0.2, 2.0),
    "sustained_clock": Unknown(0.95, 0.2, 1.0),
}
"""Of a GPU that was measured, in fp32."""
TENSOR = {
    "tensor_efficiency": Unknown(0.9, 0.3, 1.3),
    "tensor_half_intensity": Unknown(15.0, 0.1, 80.0),
    "tensor_fill_k": Unknown(20.0, 0.1, 400.0),
    "tensor_tail_share": Unknown(0.6, 0.05, 1.0),
    "tensor_memory_efficiency": Unknown(0.8, 0.3, 1.0),
}
GENERIC = {**SHARED, "full_clock_flop_energy_pj": Unknown(15.0, 5.0, 40.0)}
"""Of all GPUs, in fp32, whose clocks follow from their design power."""
TIMING = {start_of(op): Unknown(4e4, 2e3, 1e5) for op in FP32_OPS}
TENSOR_TIMING = {start_of(FP16_OP): Unknown(4e3, 500.0, 2e4)}


@dataclass(frozen=True, slots=True)
class Gpu:
    """A GPU's parameters, some of which a fit replaces, and what was measured of it."""

    params: GpuParams
    tables: tuple[Measured, ...]

    @property
    def times_ns(self) -> Floats:
        """The measured times of all tables."""
        return np.concatenate([table.times_ns for table in self.tables])

    def guess_ns(self, values: Values) -> Floats:
        """Return what timings of all products would show, with some parameters replaced."""
        own = {key: value for key, value in values.items() if key in GpuParams.model_fields}
        params = self.params.model_copy(update=own)
        return np.concatenate(
            [values[start_of(table.op)] + _device_ns(params, table) for table in self.tables]
        )


def _device_ns(params: GpuParams, rows: Measured) -> Floats:
    times = np.empty(len(rows.times_ns))
    batches = rows.shapes[:, 0] > 1
    for batched in (False, True):
        rates = params.gemm_rates(
            params.sm_count, params.memory_bandwidth_bytes_per_ns, batched=batched
        )
        chosen = batches == batched
        times[chosen] = gemm_times_ns(rows.shapes[chosen], rows.item_bytes, rates)
    return times


def fit(gpus: Sequence[Gpu], unknowns: Mapping[str, Unknown]) -> dict[str, float]:
    """Return the parameters that meet the rows of some GPUs best.

    First logarithms of times are compared, which any start leads to, then relative errors, which
    the scores count; both count large errors by their size only.
    """
    columns = [(each.begin, each.low, each.high) for each in unknowns.values()]
    begin, low, high = np.log(np.array(columns).T)
    times = np.concatenate([gpu.times_ns for gpu in gpus])

    def ratios(logs: Floats) -> Floats:
        values = dict(zip(unknowns, np.exp(logs), strict=True))
        return np.asarray(np.concatenate([gpu.guess_ns(values) for gpu in gpus]) / times)

    def logarithms(logs: Floats) -> Floats:
        return np.concatenate([np.log(ratios(logs)), _HOLD * (logs - begin)])

    def errors(logs: Floats) -> Floats:
        return np.concatenate([ratios(logs) - 1, _HOLD * (logs - begin)])

    found = begin
    for residuals in (logarithms, errors):
        found = least_squares(
            residuals, found, bounds=(low, high), loss="soft_l1", f_scale=_ERROR,
            diff_step=1e-3, max_nfev=_EVALUATIONS,
        ).x  # fmt: skip
    return dict(zip(unknowns, map(float, np.exp(found)), strict=True))


def decided(gpu: Gpu, values: Values) -> frozenset[str]:
    """Return the parameters that the rows of a GPU decide: those that move what is expected."""
    expected = gpu.guess_ns(values)
    moves = {
        key: np.abs(gpu.guess_ns({**values, key: value * _NUDGE}) / expected - 1).mean()
        for key, value in values.items()
    }
    return frozenset(key for key, move in moves.items() if move > _LEAST_MOVE)
