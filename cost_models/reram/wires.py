"""Wires: the tree over the PEs of a tile, and the mesh that brings a matrix's tiles together.

Sources: `Latency_Model/Tile_latency.py`, `Model_latency.py` and
`Mapping_Model/Tile_connection_graph.py` of MNSIM 2.0.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from cost_models.reram.activity import Activity
from cost_models.reram.digital import tree_levels
from cost_models.reram.params import ReramParams
from cost_models.reram.part import Part
from cost_models.reram.tables import WireParams

Ints = NDArray[np.int64]


@lru_cache(maxsize=4096)
def meeting_hops(order: str, grid: int, first: int, tiles: int) -> tuple[int, int]:
    """Return the hops to the tile where the outputs of a matrix meet: the most, and their sum.

    Args:
        order: How consecutive tiles lie, as `tile_order`.
        grid: Tiles in a row of the mesh.
        first: Number of the first tile of the matrix.
        tiles: Tiles of the matrix, consecutive.
    """
    x, y = _places(order, grid, np.arange(first, first + tiles))
    # Along both diagonals the furthest tile is at an end: |x| + |y| = max(|x + y|, |x - y|).
    along, across = x + y, x - y
    most = np.maximum(_furthest(along), _furthest(across))
    meeting = int(np.argmin(most))
    total = np.abs(x - x[meeting]).sum() + np.abs(y - y[meeting]).sum()
    return int(most[meeting]), int(total)


def _furthest(line: Ints) -> Ints:
    """Return the distance of each place on a line to the furthest of the others."""
    furthest: Ints = np.maximum(line - line.min(), line.max() - line)
    return furthest


def _places(order: str, grid: int, tiles: Ints) -> tuple[Ints, Ints]:
    """Return the rows and columns of tiles in the mesh."""
    if order == "shell":
        shell = np.floor(np.sqrt(tiles)).astype(np.int64)
        along = tiles - shell**2
        near, far = np.minimum(along, shell), np.minimum(shell, 2 * shell - along)
        odd = shell % 2 == 1
        return np.where(odd, near, far), np.where(odd, far, near)
    row, col = np.divmod(tiles, grid)
    turned = (order == "snake") & (row % 2 == 1)
    return row, np.where(turned, grid - 1 - col, col)


def intra_tile_part(params: ReramParams, done: Activity) -> Part:
    """Return what moving the results of a tile's PEs to its buffer takes.

    Results grow by one bit at each level where two are added; above, they pass unchanged.
    """
    levels, merging = tree_levels(params.pes_per_tile), tree_levels(done.found.pes_per_tile)
    passed = levels * (params.adc_bits + merging) - merging * (merging + 1) / 2
    bits = (params.adc_bits + merging) * done.side.outputs * done.found.pes
    return Part(
        _moving_ns(passed * done.side.outputs, params.intra_tile_gbps),
        bits * params.intra_tile_energy_pj_per_bit,
    )


def inter_tile_part(params: ReramParams, done: Activity, first_tile: int) -> Part:
    """Return what bringing the outputs of all tiles together takes, at most `most` hops each."""
    if not _meshed(params):
        return Part(0.0, 0.0)
    most, total = meeting_hops(params.tile_order, params.tile_grid, first_tile, done.found.tiles)
    bits = done.side.outputs * done.found.pes_per_tile * params.output_bits
    return Part(
        most * (params.hop_ns + _moving_ns(bits, params.inter_tile_gbps)),
        total * bits * params.inter_tile_energy_pj_per_bit,
    )


def _meshed(params: WireParams) -> bool:
    """Say whether hops take anything."""
    return bool(params.inter_tile_gbps or params.hop_ns or params.inter_tile_energy_pj_per_bit)


def _moving_ns(bits: float, gbps: float | None) -> float:
    return bits / gbps if gbps else 0.0
