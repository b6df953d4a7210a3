"""Fit the rates of memory-bound kernels on GPUs measured by others; print them as TOML.

    python -m benchmarks.cost_models.fit_streams --data DIR [--json FILE]

The rates go into the GPUs' targets by hand, with their errors on rows left out in turn (five
folds); `stream_fit.json` keeps what belongs to the measurements, to compare other rows.
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from random import Random
from statistics import fmean

from benchmarks.cost_models.gpu_devices import DEVICES, gpu_model
from benchmarks.cost_models.stream_fit import START, Device, common, fit, fit_all, predicted_ns
from benchmarks.cost_models.stream_tables import KERNELS, kernel_rows, training_rows

FOLDS = 5
SEED = 0


def measured_devices(data: Path) -> dict[str, Device]:
    """Return the GPUs that the tables of a folder hold rows of."""
    found: dict[str, Device] = {}
    for name, measured in DEVICES.items():
        rows = (*kernel_rows(data, measured), *training_rows(data, measured))
        if rows:
            model = gpu_model(name)
            bytes_per_ns = model.params.memory_bandwidth_bytes_per_ns
            found[name] = Device(model.chip, bytes_per_ns, rows)
    return found


def errors_pct(device: Device, values: Mapping[str, float]) -> dict[str, list[float]]:
    """Return the errors of each family of a device's rows, table by table."""
    found: dict[str, list[float]] = {}
    for row, guess in zip(device.rows, predicted_ns(device, values), strict=True):
        error = 100 * abs(float(guess) / row.time_ns - 1)
        found.setdefault(f"{row.table} {row.family}", []).append(error)
    return found


def held_out_pct(device: Device, shared: Mapping[str, float]) -> dict[str, float]:
    """Return the mean error of each family on rows that the fit did not see."""
    rows = list(device.rows)
    Random(SEED).shuffle(rows)
    found: dict[str, list[float]] = {}
    for fold in range(FOLDS):
        unseen = rows[fold::FOLDS]
        seen = [row for place, row in enumerate(rows) if place % FOLDS != fold]
        values = fit(replace(device, rows=tuple(seen)), shared).values
        for family, errors in errors_pct(replace(device, rows=tuple(unseen)), values).items():
            found.setdefault(family, []).extend(errors)
    return {family: round(fmean(errors), 1) for family, errors in found.items()}


def toml_lines(values: Mapping[str, float], names: Sequence[str]) -> list[str]:
    """Return rates as they stand in a target."""
    return [f"{name} = {float(f'{values[name]:.3g}')}" for name in names]


def main() -> None:
    parser = argparse.ArgumentParser(description="Fit memory-bound kernels to measured tables.")
    parser.add_argument("--data", type=Path, required=True, help="folder of the measured tables")
    parser.add_argument("--json", type=Path, help="where to write what the measurements add")
    options = parser.parse_args()
    devices = measured_devices(options.data)
    fits = fit_all(devices)
    shared = common(list(fits.values()))
    print("\n".join(["# gpu-datasheet", *toml_lines(shared, list(START))]))
    kept = {}
    for name, found in fits.items():
        held_out = held_out_pct(devices[name], shared)
        informed = [key for key in START if key in found.informed]
        lines = [f"# {name}", *toml_lines(found.values, informed)]
        lines += [f"# {family}: {pct} %" for family, pct in held_out.items() if KERNELS in family]
        print("\n".join(lines))
        measured = {key: round(value) for key, value in found.values.items() if key not in START}
        kept[name] = {"measurement_ns": measured, "held_out_mape_pct": held_out}
    if options.json:
        text = json.dumps({"seed": SEED, "folds": FOLDS, "devices": kept}, indent=1)
        options.json.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
