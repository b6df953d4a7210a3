"""Readers of the measured GPU tables (facts of NeuSight and Vidur, see the reference README)."""

from dataclasses import dataclass
from pathlib import Path

from benchmarks.cost_models.tables import Row, rows_of
from cost_models.gpu_kernels import Product
from hptc.units import NS_PER_MS

GEMM_OPS = ("bmm", "linear")
DEVICE_NAMES = {
    "gpu-a100": "NVIDIA A100 80GB PCIe",
    "gpu-h100": "NVIDIA H100 80GB HBM3",
    "gpu-v100": "Tesla V100-PCIE-32GB",
}
"""Built-in targets and the devices they stand for."""


@dataclass(frozen=True, slots=True)
class GemmRow:
    """One measured matrix product."""

    op: str
    batch: int
    m: int
    k: int
    n: int
    item_bytes: int
    time_ns: float

    @property
    def product(self) -> Product:
        return Product(self.batch, self.m, self.k, self.n, self.item_bytes)


def gemm_rows(data: Path, device: str) -> list[GemmRow]:
    """Return the fp32 products measured on a device."""
    return [
        _gemm_row(row, row["op"], int(row["B"]), item_bytes=4)
        for row in rows_of(data / "gpu_kernels_fp32.csv")
        if row["device"] == device and row["op"] in GEMM_OPS
    ]


def half_rows(data: Path, device: str) -> list[GemmRow]:
    """Return the fp16 projections that Vidur measured on `a100`, `a40` or `h100`."""
    return [
        _gemm_row(row, "fp16", 1, item_bytes=2)
        for row in rows_of(data / "gpu_vidur_gemm_fp16.csv")
        if row["device"] == device
    ]


def _gemm_row(row: Row, op: str, batch: int, *, item_bytes: int) -> GemmRow:
    m, k, n = (int(row[key]) for key in ("M", "K", "N"))
    return GemmRow(op, batch, m, k, n, item_bytes, float(row["time_ms"]) * NS_PER_MS)
