"""Readers of measured matrix products (facts of NeuSight and Vidur, see the reference README)."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.cost_models.tables import rows_of
from cost_models.gpu_gemm import Floats
from hptc.units import NS_PER_MS

FP32, FP16 = "gpu_kernels_fp32", "gpu_vidur_gemm_fp16"
FP32_OPS = ("bmm", "linear")
FP16_OP = "projection"


@dataclass(frozen=True, slots=True)
class Measured:
    """Matrix products of one operation, each timed alone on one GPU."""

    op: str
    shapes: Floats
    """Batch, m, k and n of each."""
    times_ns: Floats

    @property
    def item_bytes(self) -> int:
        """Size of the elements."""
        return 2 if self.op == FP16_OP else 4

    def at(self, places: Iterable[int]) -> "Measured":
        """Return some of the products."""
        chosen = list(places)
        return Measured(self.op, self.shapes[chosen], self.times_ns[chosen])


def fp32_products(data: Path, device: str) -> tuple[Measured, ...]:
    """Return the fp32 products of NeuSight's table, by operation.

    Its columns are those of NeuSight's `collect.py`, which multiplies (B, M, N) by (B, N, K): the
    sum runs over N.
    """
    rows = [row for row in rows_of(data / f"{FP32}.csv") if row["device"] == device]
    return tuple(
        _measured(op, [row for row in rows if row["op"] == op], ("B", "M", "N", "K"))
        for op in FP32_OPS
    )


def fp16_projections(data: Path, device: str) -> Measured:
    """Return the fp16 projections that Vidur measured on `a100`, `a40` or `h100`."""
    rows = [row for row in rows_of(data / f"{FP16}.csv") if row["device"] == device]
    return _measured(FP16_OP, [{**row, "B": "1"} for row in rows], ("B", "M", "K", "N"))


def _measured(op: str, rows: list[dict[str, str]], columns: tuple[str, ...]) -> Measured:
    shapes = [[float(row[column]) for column in columns] for row in rows]
    times = [float(row["time_ms"]) * NS_PER_MS for row in rows]
    return Measured(op, np.array(shapes).reshape(-1, len(columns)), np.array(times))
