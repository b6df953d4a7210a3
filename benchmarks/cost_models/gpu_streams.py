"""Scores of memory-bound kernels on GPUs: committed parameters, and GPUs left out in turn."""

import json
from collections.abc import Mapping
from pathlib import Path

from benchmarks.cost_models.fit_streams import measured_devices
from benchmarks.cost_models.gpu_devices import gpu_model
from benchmarks.cost_models.score import Limit, Score, score
from benchmarks.cost_models.stream_fit import START, Device, Values, common, fit, predicted_ns
from benchmarks.cost_models.stream_tables import KERNELS, TRAINING

TABLES = (f"{KERNELS}.csv", f"{TRAINING}.csv")
LIMITS = {
    "softmax": Limit(mape_pct=12.0),
    "norm": Limit(mape_pct=10.0),
    "elementwise": Limit(mape_pct=7.0),
}
"""Of kernels timed alone, over all GPUs."""
UNSEEN = Limit(mape_pct=20.0)
_FIT = Path(__file__).with_name("stream_fit.json")
_Pairs = dict[tuple[str, str, str], list[tuple[float, float]]]
"""Guess and truth, by table, device and family."""


def scores(data: Path) -> list[Score]:
    """Return the errors of every GPU on every family of rows."""
    devices = measured_devices(data)
    return [*_committed_scores(devices), *_unseen_scores(devices)]


def _committed_scores(devices: Mapping[str, Device]) -> list[Score]:
    kept = json.loads(_FIT.read_text(encoding="utf-8"))["devices"]
    pairs: _Pairs = {}
    for name, device in devices.items():
        params = gpu_model(name).params
        rates = {key: getattr(params, key) for key in START}
        _add(pairs, name, device, rates | kept[name]["measurement_ns"])
    return [
        *(
            line
            for (table, name, family), found in pairs.items()
            for line in score(
                table,
                f"{name} {family}",
                found,
                "" if table == KERNELS else "inside real models",
            )
        ),
        *(
            line
            for family, limit in LIMITS.items()
            for line in score(KERNELS, f"{family}, every GPU", _together(pairs, family), "", limit)
        ),
    ]


def _unseen_scores(devices: Mapping[str, Device]) -> list[Score]:
    """Fit the other GPUs on the same rows, each alone; take medians, and the data-sheet."""
    if len(devices) == 1:
        return []
    fits = {name: fit(device) for name, device in devices.items()}
    pairs: _Pairs = {}
    for name, device in devices.items():
        others = common([found for other, found in fits.items() if other != name])
        _add(pairs, name, device, others)
    lines = []
    for family in LIMITS:
        note = "medians of the other GPUs, and the data-sheet"
        for (table, name, one), found in pairs.items():
            if (table, one) == (KERNELS, family):
                lines += score(KERNELS, f"{name} {family}, unseen", found, note)
        together = _together(pairs, family)
        lines += score(KERNELS, f"{family}, every GPU unseen", together, note, UNSEEN)
    return lines


def _together(pairs: _Pairs, family: str) -> list[tuple[float, float]]:
    """Return the kernels of a family that were timed alone, on all GPUs."""
    return [
        pair
        for (table, _, one), found in pairs.items()
        if (table, one) == (KERNELS, family)
        for pair in found
    ]


def _add(pairs: _Pairs, name: str, device: Device, values: Values) -> None:
    for row, guess in zip(device.rows, predicted_ns(device, values), strict=True):
        key = (row.table, name, row.family)
        pairs.setdefault(key, []).append((float(guess), row.time_ns))
