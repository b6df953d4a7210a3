"""Matrix products on a GPU: output tiles that run in waves, bounded by memory.

A product is cut into output tiles; each streaming multiprocessor computes one tile at a time, so
tiles run in waves, of which the last is seldom full. A tile reaches a share of the peak that grows
with its arithmetic intensity, and pays for filling its pipeline as if the sum were a little longer.
The library picks among the tiles that it has and ways to split the sum; the model takes the fastest
of them, bounded below by memory traffic. `benchmarks/cost_models/fit_gemm.py` fits the rates to
kernel times measured by others.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from hptc.units import Ns

SPLITS = (1, 2, 4, 8, 16)
"""Ways to split the sum over several tiles."""
MIN_SPLIT_K = 128
"""Shortest partial sum of a split: a few steps of the inner loop."""
PARTIAL_BYTES = 4
"""Partial sums are kept in fp32."""

Tile = tuple[int, int]
"""Rows and columns of the result that one multiprocessor computes at a time."""
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Product:
    """`batch` products of an m x k by a k x n matrix, of elements of `item_bytes` bytes."""

    batch: int
    m: int
    k: int
    n: int
    item_bytes: int


@dataclass(frozen=True, slots=True)
class GemmRates:
    """How fast a GPU multiplies matrices with one set of kernels."""

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
    tail_share: float
    """Share of the idle time of a last wave that is not full which costs time: 1 where all wait for
    it, less where smaller or smarter kernels fill it."""
    tiles: tuple[Tile, ...]
    splits: tuple[int, ...] = SPLITS
    clock: float = 1.0
    """Share of the peak's clock that a card keeps in long products, by its power."""
    boost_window_ns: float = 0.0
    """Of a product that takes t, the share t / (t + window) runs at that clock, the rest at the
    peak's: the power is held to its limit on an average."""


@lru_cache(maxsize=4096)
def gemm_ns(product: Product, rates: GemmRates) -> Ns:
    """Return the device time of a product, by the fastest tile and split.

    Remembered, since repeated blocks of a model repeat their products.
    """
    shape = (product.batch, product.m, product.k, product.n)
    return Ns(float(gemm_times_ns([shape], product.item_bytes, rates)[0]))


def gemm_times_ns(
    shapes: Sequence[tuple[int, int, int, int]] | Floats, item_bytes: int, rates: GemmRates
) -> Floats:
    """Return the device times of many products; 0 for products without work.

    Args:
        shapes: Batch, m, k and n of each product.
        item_bytes: Size of their elements.
        rates: Of the GPU.
    """
    table = np.asarray(shapes, dtype=float)
    batch, m, k, n = (column[:, None, None] for column in table.T)
    rows, cols = (side[None, :, None] for side in np.array(rates.tiles, dtype=float).T)
    splits = np.array(rates.splits, dtype=float)[None, None, :]
    waves = batch * np.ceil(m / rows) * np.ceil(n / cols) * splits / rates.sm_count
    paid = np.maximum(1.0, waves + rates.tail_share * (np.ceil(waves) - waves))
    steps = np.where(splits == 1, k, np.maximum(np.ceil(k / splits), MIN_SPLIT_K))
    compute = paid * 2 * rows * cols * (steps + rates.fill_k) / _tile_flop_per_ns(rows, cols, rates)
    partials = np.where(splits == 1, 0, 2 * splits * batch * m * n * PARTIAL_BYTES)
    moved = item_bytes * batch * (m * k + k * n + m * n) + partials
    memory = moved / rates.memory_bytes_per_ns
    boosted, kept = (
        np.maximum(compute / clock, memory).min(axis=(1, 2)) for clock in (1.0, rates.clock)
    )
    times = (kept**2 + rates.boost_window_ns * boosted) / (kept + rates.boost_window_ns)
    return np.where(table.all(axis=1), times, 0.0)


def _tile_flop_per_ns(rows: Floats, cols: Floats, rates: GemmRates) -> Floats:
    """Rate of one multiprocessor on a tile."""
    intensity = rows * cols / (rows + cols)
    share = rates.efficiency * intensity / (intensity + rates.half_intensity)
    return rates.peak_flop_per_ns / rates.sm_count * share
