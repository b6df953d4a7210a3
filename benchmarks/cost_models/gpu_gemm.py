"""Scores of matrix products on GPUs: committed parameters, and GPUs left out in turn."""

import json
from collections.abc import Mapping
from pathlib import Path

from benchmarks.cost_models.fit_gemm import KEPT, fit_common, fp16_gpus, fp32_gpus, unseen
from benchmarks.cost_models.gemm_fit import GENERIC, TIMING, Gpu, Values
from benchmarks.cost_models.gemm_tables import FP16, FP16_OP, FP32, FP32_OPS
from benchmarks.cost_models.score import NO_LIMIT, Limit, Score, score

TABLES = (f"{FP32}.csv", f"{FP16}.csv")
LIMITS = {"bmm": Limit(mape_pct=15.0), "linear": Limit(mape_pct=14.0)}
"""Of fp32 products, over all devices."""
HALF = Limit(mape_pct=8.0)
"""Of fp16 products, on each device."""
UNSEEN = Limit(mape_pct=20.0)
_Pairs = dict[tuple[str, str], list[tuple[float, float]]]
"""Guess and truth, by operation and device."""


def scores(data: Path) -> list[Score]:
    """Return the errors of every GPU on every kind of product."""
    return [*committed_scores(data), *unseen_scores(fp32_gpus(data))]


def committed_scores(data: Path) -> list[Score]:
    """Return the errors of the parameters in the targets."""
    kept: dict[str, Values] = json.loads(KEPT.read_text(encoding="utf-8"))
    lines = _by_operation(_pairs(fp32_gpus(data), kept), LIMITS, "", "every GPU")
    for (_, name), found in _pairs(fp16_gpus(data), kept).items():
        lines += score(FP16, f"{name} fp16 {FP16_OP}", found, limit=HALF)
    return lines


def unseen_scores(gpus: Mapping[str, Gpu]) -> list[Score]:
    """Fit the other GPUs on the same rows, together; take the data-sheet of the one left out."""
    pairs: _Pairs = {}
    for name, gpu in gpus.items():
        others = {other: each for other, each in gpus.items() if other != name}
        if others:
            found = fit_common(others, GENERIC | TIMING)
            pairs |= _pairs({name: unseen(gpu)}, {name: found})
    note = "common fit of the other GPUs, and the data-sheet"
    limits = dict.fromkeys(FP32_OPS, UNSEEN)
    return _by_operation(pairs, limits, note, "every GPU unseen", ", unseen")


def _pairs(gpus: Mapping[str, Gpu], values: Mapping[str, Values]) -> _Pairs:
    found: _Pairs = {}
    for name, gpu in gpus.items():
        for table in gpu.tables:
            guess = Gpu(gpu.params, (table,)).guess_ns(values[name])
            found[table.op, name] = list(zip(guess.tolist(), table.times_ns.tolist(), strict=True))
    return found


def _by_operation(
    pairs: _Pairs, limits: Mapping[str, Limit], note: str, all_name: str, mark: str = ""
) -> list[Score]:
    lines: list[Score] = []
    for op, limit in limits.items():
        by_device = {name: found for (each, name), found in pairs.items() if each == op}
        for name, found in by_device.items():
            lines += score(FP32, f"{name} {op}{mark}", found, note, NO_LIMIT)
        together = [pair for found in by_device.values() for pair in found]
        lines += score(FP32, f"{op}, {all_name}", together, note, limit)
    return lines
