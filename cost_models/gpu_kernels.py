"""Closed forms for matrix products on a GPU: by tiles and waves.

A matrix product is cut into output tiles; each streaming multiprocessor computes one tile at a
time, so tiles run in waves. A tile reaches a share of the peak that grows with its arithmetic
intensity, and pays for filling its pipeline as if the sum were a little longer. The library picks
among tile sizes and ways to split the sum, and the model takes the fastest of them, bounded below
by memory traffic. `benchmarks/cost_models/fit_gpu.py` fits the four rates to kernel times measured
by others and states the error on rows that were left out.
"""

from dataclasses import dataclass
from functools import lru_cache

from hptc.units import Ns

TILES = ((256, 128), (128, 128), (128, 64), (64, 128), (64, 64), (64, 32), (32, 64), (32, 32))
"""Output tiles of dense libraries (the sizes in the names of cuBLAS sgemm kernels)."""
SPLITS = (1, 2, 4, 8, 16)
"""Ways to split the sum over several tiles."""
MIN_SPLIT_K = 128
"""Shortest partial sum worth a split: a few steps of the inner loop."""
PARTIAL_BYTES = 4
"""Partial sums are kept in fp32."""


@dataclass(frozen=True, slots=True)
class Product:
    """`batch` products of an m x k by a k x n matrix, of elements of `item_bytes` bytes."""

    batch: int
    m: int
    k: int
    n: int
    item_bytes: int

    @property
    def bytes(self) -> int:
        """Compulsory memory traffic."""
        return self.batch * self.item_bytes * (self.m * self.k + self.k * self.n + self.m * self.n)

    @property
    def flops(self) -> int:
        """Multiplications and additions."""
        return 2 * self.batch * self.m * self.k * self.n


@dataclass(frozen=True, slots=True)
class GemmRates:
    """How fast a GPU multiplies matrices."""

    sm_count: int
    peak_flop_per_ns: float
    memory_bytes_per_ns: float
    """Reached, not peak."""
    efficiency: float
    """Share of the peak that a tile of unbounded intensity reaches."""
    half_intensity: float
    """Intensity, in m*n/(m+n) elements, at which a tile reaches half of that."""
    fill_k: float
    """Length of sum that takes as long as filling and draining a tile's pipeline."""


@lru_cache(maxsize=4096)
def gemm_ns(product: Product, rates: GemmRates) -> Ns:
    """Return the device time of a product, by the fastest tile and split.

    Remembered, since repeated blocks of a model repeat their products.
    """
    if not product.flops:
        return Ns(0.0)
    return Ns(
        min(
            _tiled_ns(product, rates, tile, split)
            for tile in TILES
            for split in SPLITS
            if split == 1 or product.k >= split * MIN_SPLIT_K
        )
    )


def _tiled_ns(product: Product, rates: GemmRates, tile: tuple[int, int], split: int) -> float:
    rows, cols = tile
    tiles = product.batch * -(-product.m // rows) * -(-product.n // cols) * split
    waves = -(-tiles // rates.sm_count)
    intensity = rows * cols / (rows + cols)
    share = rates.efficiency * intensity / (intensity + rates.half_intensity)
    flop_per_ns = rates.peak_flop_per_ns / rates.sm_count * share
    compute = waves * 2 * rows * cols * (-(-product.k // split) + rates.fill_k) / flop_per_ns
    partials = 2 * split * product.batch * product.m * product.n * PARTIAL_BYTES
    moved = product.bytes + (partials if split > 1 else 0)
    return max(compute, moved / rates.memory_bytes_per_ns)
