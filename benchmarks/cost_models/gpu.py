"""Scores of the GPU model against measured kernels."""

import json
from pathlib import Path

from benchmarks.cost_models.gpu_tables import (
    DEVICE_NAMES,
    GEMM_OPS,
    backward_rows,
    forward_rows,
    gemm_rows,
    half_rows,
    stream_rows,
)
from benchmarks.cost_models.score import Score, score
from cost_models.gpu import GpuModel, GpuParams
from cost_models.load import load_target
from hptc.ir.families import Family

TABLES = ("gpu_kernels_fp32.csv", "gpu_train_ops_fp32.csv", "gpu_vidur_gemm_fp16.csv")
_FIT = Path(__file__).with_name("gpu_fit.json")
_FAMILIES = {
    "elementwise": Family.ELEMENTWISE,
    "softmax": Family.SOFTMAX,
    "norm": Family.NORM,
}


def scores(data: Path) -> list[Score]:
    """Return the errors of every built-in GPU on every table that has rows of it."""
    fits = json.loads(_FIT.read_text(encoding="utf-8"))["devices"]
    return [
        line
        for target in DEVICE_NAMES
        for part in (_products, _half_products, _streams, _backwards)
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


def _streams(data: Path, target: str, fit: dict[str, dict[str, dict[str, float]]]) -> list[Score]:
    model, device = _model(target), DEVICE_NAMES[target]
    lines: list[Score] = []
    table, rows = "gpu_kernels_fp32", stream_rows(data, device)
    if not rows:
        table, rows = "gpu_train_ops_fp32", forward_rows(data, device)
    for group, family in _FAMILIES.items():
        timing = fit.get(group, fit["elementwise"])
        pairs = [
            (_timed(row.moved_bytes / model.family_bytes_per_ns(family), timing), row.time_ns)
            for row in rows
            if row.group == group
        ]
        note = "" if group in fit else "not fitted: rate of the A100"
        lines += score(table, f"{target} {group}", pairs, note)
    return lines


def _backwards(data: Path, target: str, fit: dict[str, dict[str, dict[str, float]]]) -> list[Score]:
    """Gradients of softmax and layer norm: never fitted."""
    model = _model(target)
    lines: list[Score] = []
    for group, family in (("softmax", Family.SOFTMAX), ("norm", Family.NORM)):
        timing = fit.get(group, fit["elementwise"])
        pairs = [
            (_timed(row.moved_bytes / model.family_bytes_per_ns(family), timing), row.time_ns)
            for row in backward_rows(data, DEVICE_NAMES[target])
            if row.group == group
        ]
        note = "three tensors at the forward rate; never fitted"
        lines += score("gpu_train_ops_fp32", f"{target} {group} backward", pairs, note)
    return lines
