"""Fit the rates of memory-bound kernels of one GPU, and what they have in common over GPUs.

A timing shows `max(issue, start + device time)`: how long the host takes to issue an operation, and
to start it, belong to the measurement, by operation and table; they stay out of the targets. The
device time is linear in the unit costs of the model's traffic. Parameters are found in logarithms
by robust least squares, held weakly to what other GPUs have in common, so that what a table does
not show of a GPU is taken from the others.
"""

from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from statistics import median

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from benchmarks.cost_models.stream_tables import TRAINING, StreamRow
from cost_models.gpu_streams import Chip, StreamRates, unit_costs

Values = Mapping[str, float]
Array = NDArray[np.float64]

START: dict[str, float] = {
    "elementwise_efficiency": 0.85,
    "gather_efficiency": 0.4,
    "softmax_efficiency": 0.8,
    "softmax_tail_cost": 1.3,
    "norm_efficiency": 0.8,
    "norm_row_ns": 200.0,
    "embedding_index_ns": 60.0,
    "embedding_sort_ns": 190_000.0,
}
"""Where fits of rates begin."""
_ISSUE_NS, _START_NS, _GAP_NS = 3e4, 2e4, 5e3
"""Where fits of measurements begin."""
_ERROR, _SPREAD = 0.03, 0.3
"""Logarithmic errors expected of a row, and of a parameter that other GPUs suggest."""
_ONE = 1e-9
"""Logarithm of the largest efficiency."""
_EVALUATIONS = 150


@dataclass(frozen=True, slots=True)
class Device:
    """What a data-sheet says, and what was measured."""

    chip: Chip
    memory_bytes_per_ns: float
    rows: tuple[StreamRow, ...]


@dataclass(frozen=True, slots=True)
class Fit:
    """Parameters of a device, by name, and those that its rows decide."""

    values: Values
    informed: frozenset[str]


def fit(device: Device, suggested: Values | None = None) -> Fit:
    """Return the parameters that meet the rows of a device best."""
    design = _design(device)
    given = suggested or {}
    centre = np.log([given.get(name, _begin(name)) for name in design.names])
    times = np.log([row.time_ns for row in device.rows])

    def residuals(logs: Array) -> Array:
        off = (np.log(design.times_ns(np.exp(logs))) - times) / _ERROR
        robust = np.sqrt(2 * (np.sqrt(1 + off**2) - 1))
        return np.concatenate([robust, (logs - centre) / _SPREAD])

    upper = [_ONE if name.endswith("_efficiency") else np.inf for name in design.names]
    usual = np.minimum(centre, upper)
    fastest = usual.copy()
    for place in set(design.measured[0]):  # no row is faster than its issue
        fastest[place] = times[design.measured[0] == place].min()
    found = min(
        (
            least_squares(residuals, begin, bounds=(-np.inf, upper), max_nfev=_EVALUATIONS)
            for begin in (usual, fastest)
        ),
        key=lambda solution: solution.cost,
    )
    weight = np.linalg.norm(found.jac[: len(times)], axis=0)
    values = dict(zip(design.names, map(float, np.exp(found.x)), strict=True))
    seen = {name for name, each in zip(design.names, weight, strict=True) if each > 1 / _SPREAD}
    return Fit(values, frozenset(seen))


def common(fits: Sequence[Fit]) -> dict[str, float]:
    """Return the median of every parameter over the devices that decide it."""
    found: dict[str, list[float]] = {}
    for one in fits:
        for name in one.informed:
            found.setdefault(name, []).append(one.values[name])
    return START | {name: median(values) for name, values in found.items()}


def fit_all(devices: Mapping[str, Device]) -> dict[str, Fit]:
    """Return the parameters of each device, held to what those of all devices have in common."""
    shared = common([fit(device) for device in devices.values()])
    return {name: fit(device, shared) for name, device in devices.items()}


def predicted_ns(device: Device, values: Values) -> Array:
    """Return what timings of the device's rows would show."""
    design = _design(device)
    return design.times_ns(np.array([values.get(name, _begin(name)) for name in design.names]))


@dataclass(frozen=True, slots=True)
class _Design:
    """The rows of a device as numbers; the parameters that they depend on, rates first."""

    device: Device
    names: tuple[str, ...]
    traffic: Array
    extra_kernels: Array
    measured: NDArray[np.int64]
    """Which parameters are the issue, the start and the gap of each row."""

    def times_ns(self, values: Array) -> Array:
        """Return the times of the rows at the values of the parameters."""
        rates = StreamRates(
            self.device.chip.sm_count,
            self.device.memory_bytes_per_ns,
            **dict(zip(START, map(float, values), strict=False)),
        )
        device_ns = self.traffic @ np.array(astuple(unit_costs(rates)))
        issue, start, gap = values[self.measured]
        return np.asarray(np.maximum(issue, start + device_ns) + gap * self.extra_kernels)


def _design(device: Device) -> _Design:
    traffics = [row.traffic(device.chip) for row in device.rows]
    measured = [_measured(row) for row in device.rows]
    names = tuple(dict.fromkeys([*START, *(name for each in measured for name in each)]))
    place = {name: index for index, name in enumerate(names)}
    return _Design(
        device,
        names,
        np.array([astuple(traffic) for traffic in traffics], dtype=float),
        np.array([traffic.kernels - 1.0 for traffic in traffics]),
        np.array([[place[name] for name in each] for each in measured]).T,
    )


def _measured(row: StreamRow) -> tuple[str, str, str]:
    """Names of the issue, the start and the gap between kernels of a row's timing."""
    issued = row.family if row.table == TRAINING else row.op
    return f"{issued} issue", f"{row.family} start", f"{row.family} gap"


def _begin(name: str) -> float:
    kind = name.rsplit(" ", 1)[-1]
    return START.get(name) or {"issue": _ISSUE_NS, "start": _START_NS, "gap": _GAP_NS}[kind]
