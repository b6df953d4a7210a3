"""Wires: the tree over the PEs of a tile, and the mesh that brings a matrix's tiles together.

Sources: `Latency_Model/Tile_latency.py`, `Model_latency.py` and
`Mapping_Model/Tile_connection_graph.py` of MNSIM 2.0.
"""

from functools import lru_cache
from math import isqrt

from cost_models.reram.activity import Activity
from cost_models.reram.digital import tree_levels
from cost_models.reram.params import ReramParams, WireParams
from cost_models.reram.part import Part


@lru_cache(maxsize=4096)
def meeting_hops(order: str, grid: int, first: int, tiles: int) -> tuple[int, int]:
    """Return the hops to the tile where the outputs of a matrix meet: the most, and their sum.

    Args:
        order: How consecutive tiles lie, as `tile_order`.
        grid: Tiles in a row of the mesh.
        first: Number of the first tile of the matrix.
        tiles: Tiles of the matrix, consecutive.
    """
    places = [_place(order, grid, tile) for tile in range(first, first + tiles)]
    # Along both diagonals the furthest tile is at an end: |x| + |y| = max(|x + y|, |x - y|).
    sums, differences = [x + y for x, y in places], [x - y for x, y in places]
    ends = (min(sums), max(sums), min(differences), max(differences))
    most, meeting = min(
        (max(s - ends[0], ends[1] - s, d - ends[2], ends[3] - d), index)
        for index, (s, d) in enumerate(zip(sums, differences, strict=True))
    )
    x, y = places[meeting]
    return most, sum(abs(x - a) + abs(y - b) for a, b in places)


def _place(order: str, grid: int, tile: int) -> tuple[int, int]:
    """Return the row and column of a tile in the mesh."""
    if order == "shell":
        shell = isqrt(tile)
        along = tile - shell**2
        near, far = (along, shell) if along <= shell else (shell, 2 * shell - along)
        return (near, far) if shell % 2 else (far, near)
    row, col = divmod(tile, grid)
    return row, grid - 1 - col if order == "snake" and row % 2 else col


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
