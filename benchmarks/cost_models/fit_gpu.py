"""Fit the GPU cost model to kernel times measured by others, and state the error of the fit.

    python -m benchmarks.cost_models.fit_gpu --data DIR [--json benchmarks/cost_models/gpu_fit.json]

Parameters are fitted on a random 60 % of the rows and scored on the rest. The rates go into
`cost_models/targets/gpu-*.toml` by hand, with the errors in their `source`. A kernel timed alone
shows max(issue, start + device time): issue and start belong to the measurement and stay out of the
targets; `gpu_fit.json` keeps them, so that other rows can be compared.
"""

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from statistics import fmean, median

import numpy as np
from scipy.optimize import minimize

from benchmarks.cost_models.gpu_tables import (
    DEVICE_NAMES,
    GemmRow,
    gemm_rows,
    half_rows,
)
from benchmarks.cost_models.tables import rows_of
from cost_models.gpu import GpuParams
from cost_models.gpu_kernels import GemmRates, gemm_ns
from cost_models.load import load_target
from hptc.units import FLOP_PER_NS_PER_TFLOPS, NS_PER_MS

FIT_SHARE = 0.6
SEED = 0


@dataclass(frozen=True, slots=True)
class Fit:
    """Fitted numbers and their error on rows that were left out."""

    values: dict[str, float]
    rows: int
    held_out_mape_pct: float


def fit_gemm(rows: Sequence[GemmRow], sm_count: int, peak_flop_per_ns: float, bw: float) -> Fit:
    """Fit the rates of matrix products, and issue and start of their measurement."""

    def predict(subset: Sequence[GemmRow], values: Sequence[float]) -> list[float]:
        issue, start, efficiency, half, fill, memory = values
        rates = GemmRates(sm_count, peak_flop_per_ns, bw * min(memory, 1.0), efficiency, half, fill)
        return [max(issue, start + gemm_ns(row.product, rates)) for row in subset]

    names = ("issue_ns", "start_ns", "efficiency", "half_intensity", "fill_k", "memory_efficiency")
    return _fit(rows, predict, names, (3e4, 1e4, 0.9, 3.0, 30.0, 0.8))


def _fit(
    rows: Sequence[GemmRow],
    predict: Callable[[Sequence[GemmRow], Sequence[float]], list[float]],
    names: tuple[str, ...],
    start: tuple[float, ...],
) -> Fit:
    shuffled = list(rows)
    Random(SEED).shuffle(shuffled)
    cut = int(FIT_SHARE * len(shuffled))
    seen, unseen = shuffled[:cut], shuffled[cut:]
    times = np.log([row.time_ns for row in seen])

    def loss(logs: np.ndarray) -> float:
        return float(np.abs(np.log(predict(seen, np.exp(logs))) - times).mean())

    found = minimize(
        loss, np.log(start), method="Nelder-Mead",
        options={"maxiter": 700, "xatol": 1e-3, "fatol": 1e-5},
    )  # fmt: skip
    values = [float(value) for value in np.exp(found.x)]
    errors = [
        abs(guess / row.time_ns - 1)
        for guess, row in zip(predict(unseen, values), unseen, strict=True)
    ]
    rounded = {name: float(f"{v:.4g}") for name, v in zip(names, values, strict=True)}
    return Fit(rounded, len(rows), 100 * fmean(errors))


def issue_ns(data: Path, device: str) -> float:
    """Return the time of issuing one eager kernel, from ops timed inside real models.

    The median of forward passes over less than 4 MB, where the host decides, less that of the
    gradient of an addition, which hands its argument on and starts no kernel.
    """
    name = device.replace(" ", "_")
    rows = [
        row for row in rows_of(data / "gpu_train_ops_fp32.csv") if row["device"].startswith(name)
    ]
    small = [float(r["fw_ms"]) for r in rows if r["op"] in {"add", "mul", "activation"}]
    passed = [float(r["bw_ms"]) for r in rows if r["op"] == "add"]
    small = sorted(value for value in small if value > 0)[: max(5, len(small) // 5)]
    return NS_PER_MS * (median(small) - median(passed))


def fit_device(data: Path, target: str) -> dict[str, object]:
    """Fit everything that the tables show of one built-in GPU."""
    params = GpuParams.model_validate(load_target(target).device("gpu").table)
    device, bw = DEVICE_NAMES[target], params.memory_bandwidth_bytes_per_ns
    peak = params.fp32_peak_tflops * FLOP_PER_NS_PER_TFLOPS
    found: dict[str, object] = {
        "gemm_fp32": asdict(fit_gemm(gemm_rows(data, device), params.sm_count, peak, bw)),
        "issue_ns": round(issue_ns(data, device)),
    }
    half = half_rows(data, target.removeprefix("gpu-"))
    if half and params.bf16_peak_tflops:
        peak = params.bf16_peak_tflops * FLOP_PER_NS_PER_TFLOPS
        found["gemm_fp16"] = asdict(fit_gemm(half, params.sm_count, peak, bw))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description="Fit the GPU cost model to measured tables.")
    parser.add_argument("--data", type=Path, required=True, help="folder of the measured tables")
    parser.add_argument("--json", type=Path, help="where to write the fit")
    options = parser.parse_args()
    fits = {target: fit_device(options.data, target) for target in DEVICE_NAMES}
    text = json.dumps({"seed": SEED, "fit_share": FIT_SHARE, "devices": fits}, indent=1)
    if options.json:
        options.json.write_text(text + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
