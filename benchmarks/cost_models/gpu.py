"""Scores of the GPU model against measured matrix products."""

import json
from pathlib import Path

from benchmarks.cost_models.gpu_tables import (
    DEVICE_NAMES,
    GEMM_OPS,
    gemm_rows,
    half_rows,
)
from benchmarks.cost_models.score import Score, score
from cost_models.gpu import GpuModel, GpuParams
from cost_models.load import load_target

TABLES = ("gpu_kernels_fp32.csv", "gpu_vidur_gemm_fp16.csv")
_FIT = Path(__file__).with_name("gpu_fit.json")


def scores(data: Path) -> list[Score]:
    """Return the errors of every built-in GPU on every table that has rows of it."""
    fits = json.loads(_FIT.read_text(encoding="utf-8"))["devices"]
    return [
        line
        for target in DEVICE_NAMES
        for part in (_products, _half_products)
        for line in part(data, target, fits[target])
    ]


def _model(target: str, *overrides: str) -> GpuModel:
    table = load_target(target, overrides).device("gpu").table
    return GpuModel(GpuParams.model_validate(table))


def _timed(device_ns: float, fit: dict[str, dict[str, float]]) -> float:
    """What a stand-alone timing of a kernel shows."""
    return max(fit["values"]["issue_ns"], fit["values"]["start_ns"] + device_ns)


def _products(data: Path, target: str, fit: dict[str, dict[str, dict[str, float]]]) -> list[Score]:
    model = _model(target)
    lines: list[Score] = []
    rows = gemm_rows(data, DEVICE_NAMES[target])
    for op in GEMM_OPS:
        pairs = [
            (_timed(model.product_ns(row.product), fit["gemm_fp32"]), row.time_ns)
            for row in rows
            if row.op == op
        ]
        lines += score("gpu_kernels_fp32", f"{target} {op}", pairs)
    return lines


def _half_products(
    data: Path, target: str, fit: dict[str, dict[str, dict[str, float]]]
) -> list[Score]:
    if "gemm_fp16" not in fit:
        return []
    model = _model(target, "devices.gpu.precision=bf16")
    pairs = [
        (_timed(model.product_ns(row.product), fit["gemm_fp16"]), row.time_ns)
        for row in half_rows(data, target.removeprefix("gpu-"))
    ]
    return score("gpu_vidur_gemm_fp16", f"{target} fp16 projections", pairs)
