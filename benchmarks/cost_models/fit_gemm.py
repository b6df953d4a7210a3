"""Fit the rates of matrix products on GPUs measured by others.

    python -m benchmarks.cost_models.fit_gemm --data DIR [--write]

Prints the rates that the rows of every GPU decide, with the errors on rows left out in turn (three
folds), and those that GPUs have in common. With `--write` they go into the targets, with their
source, and what belongs to the measurements (the time to start an operation) into `gemm_fit.json`,
to compare other rows.
"""

import argparse
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean

import numpy as np

from benchmarks.cost_models.fit_targets import write_numbers, write_validation
from benchmarks.cost_models.gemm_fit import (
    GENERIC,
    OWN,
    TENSOR,
    TENSOR_TIMING,
    TIMING,
    Gpu,
    Unknown,
    decided,
    fit,
    start_of,
)
from benchmarks.cost_models.gemm_tables import FP16, FP16_OP, FP32, fp16_projections, fp32_products
from benchmarks.cost_models.gpu_devices import BASE, DEVICES, HALF_DEVICES, gpu_model

FOLDS = 3
SEED = 0
GENERIC_ROWS = 50
"""Rows of an operation and GPU that a fit of several GPUs uses."""
KEPT = Path(__file__).with_name("gemm_fit.json")
_SOURCE = "benchmarks/cost_models/fit_gemm.py"
_FLOOR = start_of(FP16_OP)
"""Vidur's profiler leaves the host out: this start is the device's."""
_NOT_OWN = {"sustained_clock": None, "gemm_batched_efficiency": None}
"""What a GPU is without that was not measured."""


@dataclass(frozen=True, slots=True)
class Part:
    """One table, and what it decides."""

    table: str
    figure: str
    unknowns: Mapping[str, Unknown]
    shared: Mapping[str, Unknown]
    """Of GPUs that were not measured."""
    gpus: Callable[[Path], dict[str, Gpu]]


def fp32_gpus(data: Path) -> dict[str, Gpu]:
    """Return the GPUs with fp32 products in a folder of tables."""
    found = {
        name: Gpu(gpu_model(name).params, fp32_products(data, device))
        for name, device in DEVICES.items()
    }
    return {name: gpu for name, gpu in found.items() if gpu.times_ns.size}


def fp16_gpus(data: Path) -> dict[str, Gpu]:
    """Return the GPUs with fp16 products in a folder of tables."""
    found = {
        name: Gpu(
            gpu_model(name, "devices.gpu.precision=fp16").params, (fp16_projections(data, device),)
        )
        for name, device in HALF_DEVICES.items()
    }
    return {name: gpu for name, gpu in found.items() if gpu.times_ns.size}


PARTS = (
    Part(FP32, "latency_products_fp32", OWN | TIMING, GENERIC | TIMING, fp32_gpus),
    Part(
        FP16, "latency_products_16_bit", TENSOR | TENSOR_TIMING, TENSOR | TENSOR_TIMING, fp16_gpus
    ),
)


def fit_common(gpus: Mapping[str, Gpu], unknowns: Mapping[str, Unknown]) -> dict[str, float]:
    """Return the parameters that some GPUs have in common, each known by its data-sheet."""
    generator = np.random.default_rng(SEED)
    some = []
    for gpu in gpus.values():
        tables = tuple(
            table.at(generator.permutation(len(table.times_ns))[:GENERIC_ROWS])
            for table in gpu.tables
        )
        some.append(replace(unseen(gpu), tables=tables))
    return fit(some, unknowns)


def unseen(gpu: Gpu) -> Gpu:
    """Return a GPU as its data-sheet shows it."""
    return replace(gpu, params=gpu.params.model_copy(update=_NOT_OWN))


def held_out_pct(gpu: Gpu, unknowns: Mapping[str, Unknown]) -> dict[str, float]:
    """Return the mean error by operation on rows that the fit did not see."""
    generator = np.random.default_rng(SEED)
    folds = [generator.permutation(len(table.times_ns)) % FOLDS for table in gpu.tables]
    errors: dict[str, list[float]] = {}
    for fold in range(FOLDS):
        parts = list(zip(gpu.tables, folds, strict=True))
        seen = tuple(table.at(np.flatnonzero(places != fold)) for table, places in parts)
        values = fit([replace(gpu, tables=seen)], unknowns)
        for table, places in parts:
            rows = table.at(np.flatnonzero(places == fold))
            guess = replace(gpu, tables=(rows,)).guess_ns(values)
            errors.setdefault(table.op, []).extend(100 * np.abs(guess / rows.times_ns - 1))
    return {op: round(float(fmean(found)), 1) for op, found in errors.items()}


def _fit_part(part: Part, data: Path, kept: dict[str, dict[str, float]], *, write: bool) -> None:
    gpus = part.gpus(data)
    for name, gpu in gpus.items():
        found = fit([gpu], part.unknowns)
        informed = decided(gpu, found) | {key for key in found if key.endswith("start_ns")}
        values = {key: value for key, value in found.items() if key in informed}
        errors = held_out_pct(gpu, part.unknowns)
        told = ", ".join(f"{op} {error} %" for op, error in errors.items())
        _keep(
            name,
            values,
            f"{_SOURCE} on {gpu.times_ns.size} rows of {part.table}: {told} on rows left out",
            kept,
            write=write,
        )
        if write:
            text = f"{part.table}.csv: {told}; mean error of rows left out of the fit"
            write_validation(name, part.figure, text)
    values = fit_common(gpus, part.shared)
    source = f"{_SOURCE}: common fit of the {len(gpus)} GPUs of {part.table}"
    _keep(BASE, values, source, kept, write=write)


def _keep(
    name: str,
    values: Mapping[str, float],
    source: str,
    kept: dict[str, dict[str, float]],
    *,
    write: bool,
) -> None:
    """Show, and perhaps write, what a target and what `gemm_fit.json` takes of a fit."""
    rates = {key: value for key, value in values.items() if not key.endswith("start_ns")}
    if _FLOOR in values:
        rates["gemm_floor_ns"] = values[_FLOOR]
    timing = {key: round(value) for key, value in values.items() if key.endswith("start_ns")}
    kept.setdefault(name, {}).update(timing)
    print(f"# {name}: {source}")
    print("\n".join(f"{key} = {value:.3g}" for key, value in rates.items()))
    if write:
        write_numbers(name, rates, source)


def main() -> None:
    parser = argparse.ArgumentParser(description="Fit matrix products to measured tables.")
    parser.add_argument("--data", type=Path, required=True, help="folder of the measured tables")
    parser.add_argument("--write", action="store_true", help="into the targets, not only here")
    options = parser.parse_args()
    kept: dict[str, dict[str, float]] = {}
    for part in PARTS:
        _fit_part(part, options.data, kept, write=options.write)
    if options.write:
        KEPT.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
