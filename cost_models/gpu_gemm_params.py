"""Parameters of matrix products on a GPU, and the rates that follow from them."""

from collections.abc import Mapping, Sequence
from math import sqrt
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from cost_models.gpu_gemm import SPLITS, GemmRates, Tile
from cost_models.model import DeviceParams, Fraction, NonNegative, Positive
from hptc.units import FLOP_PER_NS_PER_TFLOPS

Precision = Literal["fp32", "tf32", "fp16", "bf16"]
TileName = Annotated[str, Field(pattern=r"^[1-9]\d*x[1-9]\d*$")]
"""Rows x columns of the result, e.g. `128x64`."""
Tiles = Annotated[Sequence[TileName], Field(min_length=1)]


class GemmParams(DeviceParams):
    """How a GPU multiplies matrices: in fp32 on its cores, else on its tensor cores."""

    precision: Precision
    """Arithmetic of matrix products; the rest computes in the type it is stored in."""
    fp32_peak_tflops: Positive
    tf32_peak_tflops: Positive | None = None
    fp16_peak_tflops: Positive | None = None
    bf16_peak_tflops: Positive | None = None
    tdp_w: Positive
    """Thermal design power: what the card may draw for long."""
    board_power_w: NonNegative
    """Part of the design power that arithmetic cannot have."""
    full_clock_flop_energy_pj: Positive
    """Energy of an fp32 operation at the clock of the data-sheet's peak. It grows with the clock,
    so that the power grows with the clock's square (the supply voltage with its root)."""
    sustained_clock: Fraction | None = None
    """Share of the data-sheet's clock that long fp32 products keep. None: what the design power
    allows."""
    boost_window_ns: NonNegative
    """Of an fp32 product that takes t, the share t / (t + window) runs at that clock, the rest at
    the data-sheet's, since the power is held to its limit on an average."""
    gemm_efficiency: Positive
    gemm_batched_efficiency: Positive | None = None
    """Of products with a batch, whose kernels differ. None: the same."""
    gemm_half_intensity: NonNegative
    gemm_fill_k: NonNegative
    gemm_tail_share: Fraction
    gemm_memory_efficiency: Fraction
    gemm_tiles: Tiles
    gemm_batched_tiles: Tiles | None = None
    """Of products with a batch. None: the same."""
    gemm_floor_ns: NonNegative
    """Device time of a matrix product without work."""
    tensor_efficiency: Positive
    """Of the data-sheet's peak, clocks under load included."""
    tensor_half_intensity: NonNegative
    tensor_fill_k: NonNegative
    tensor_tail_share: Fraction
    tensor_memory_efficiency: Fraction
    tensor_tiles: Tiles

    @model_validator(mode="after")
    def _precision_is_known(self) -> Self:
        if self.peaks_tflops[self.precision] is None:
            raise ValueError(f"precision {self.precision} needs {self.precision}_peak_tflops")
        return self

    @model_validator(mode="after")
    def _more_than_idle(self) -> Self:
        if self.static_power_w >= self.tdp_w:
            raise ValueError(f"static_power_w below tdp_w = {self.tdp_w:g}")
        if self.sustained_clock is None and self.board_power_w >= self.tdp_w:
            raise ValueError(f"board_power_w below tdp_w = {self.tdp_w:g}, or a sustained_clock")
        return self

    @property
    def peaks_tflops(self) -> Mapping[Precision, float | None]:
        """Peak rate of matrix products in each precision, None where the GPU lacks it."""
        return {
            "fp32": self.fp32_peak_tflops,
            "tf32": self.tf32_peak_tflops,
            "fp16": self.fp16_peak_tflops,
            "bf16": self.bf16_peak_tflops,
        }

    @property
    def clock(self) -> float:
        """Share of the data-sheet's clock that long fp32 products keep."""
        if self.sustained_clock is not None:
            return self.sustained_clock
        full_w = self.full_clock_flop_energy_pj * self.fp32_peak_tflops  # pJ a flop: W a TFLOP/s
        return min(1.0, sqrt((self.tdp_w - self.board_power_w) / full_w))

    def gemm_rates(self, sm_count: int, memory_bytes_per_ns: float, *, batched: bool) -> GemmRates:
        """Return the rates of products in the precision.

        Args:
            sm_count: Multiprocessors.
            memory_bytes_per_ns: Peak bandwidth.
            batched: Whether the products have a batch.
        """
        peak = (self.peaks_tflops[self.precision] or 0.0) * FLOP_PER_NS_PER_TFLOPS
        if self.precision != "fp32":
            return GemmRates(
                sm_count, peak, memory_bytes_per_ns * self.tensor_memory_efficiency,
                self.tensor_efficiency, self.tensor_half_intensity, self.tensor_fill_k,
                self.tensor_tail_share, _sizes(self.tensor_tiles),
            )  # fmt: skip
        efficiency, tiles = self.gemm_efficiency, self.gemm_tiles
        if batched:
            efficiency = self.gemm_batched_efficiency or efficiency
            tiles = self.gemm_batched_tiles or tiles
        return GemmRates(
            sm_count, peak, memory_bytes_per_ns * self.gemm_memory_efficiency,
            efficiency, self.gemm_half_intensity, self.gemm_fill_k, self.gemm_tail_share,
            _sizes(tiles), (1,) if batched else SPLITS, self.clock, self.boost_window_ns,
        )  # fmt: skip


def _sizes(tiles: Sequence[TileName]) -> tuple[Tile, ...]:
    pairs = (name.split("x") for name in tiles)
    return tuple((int(rows), int(cols)) for rows, cols in pairs)
