"""Where a matrix lies: arrays, processing elements (PEs) and tiles.

A matrix of K rows (inputs) by N columns (outputs) is cut into blocks of the array's size. A weight
of several cells is spread over slices; slices sit in neighbouring columns of one array, or each in
an array of its own. Sources: the organisation of ISAAC (Shafiee, ISCA 2016) and, for PEs and tiles,
`Mapping_Model/Tile_connection_graph.py` of MNSIM 2.0.
"""

from dataclasses import dataclass

from cost_models.reram.tables import ArrayParams


@dataclass(frozen=True, slots=True)
class Held:
    """A matrix as programmed: `batch` independent matrices of `rows` inputs by `cols` outputs."""

    rows: int
    cols: int
    batch: int = 1

    @property
    def weights(self) -> int:
        """Number of weights."""
        return self.rows * self.cols * self.batch


@dataclass(frozen=True, slots=True)
class Footprint:
    """What one copy of a matrix takes. A differential pair of arrays counts as one array here."""

    row_blocks: int
    col_blocks: int
    """Blocks next to each other, those of all slices and of the batch included."""
    rows: int
    """Rows used in the fullest array."""
    cols: int
    """Columns used in the fullest array."""
    arrays_per_pe: int
    """Arrays used in the fullest PE."""
    pes_per_tile: int
    """PEs used in the fullest tile."""
    pes: int
    tiles: int

    @property
    def arrays(self) -> int:
        """Arrays that hold weights."""
        return self.row_blocks * self.col_blocks


def slices(params: ArrayParams) -> int:
    """Return the cells over which the bits of a weight are spread."""
    sign = 1 if params.weight_encoding == "differential" else 0
    return max(1, -(-(params.weight_bits - sign) // params.cell_bits))


def cells_per_weight(params: ArrayParams) -> int:
    """Return the cells of one weight: its slices, twice where it is differential."""
    return slices(params) * (2 if params.weight_encoding == "differential" else 1)


def columns_per_weight(params: ArrayParams) -> int:
    """Return the columns of one array that a weight takes."""
    return cells_per_weight(params) if params.slice_layout == "adjacent" else 1


def arrays_per_weight(params: ArrayParams) -> int:
    """Return the arrays that a weight takes, a differential pair of arrays counted as one."""
    return slices(params) if params.slice_layout == "per-array" else 1


def paired(params: ArrayParams) -> int:
    """Return the arrays behind one set of converters: 2 for a differential pair of arrays."""
    return cells_per_weight(params) // (columns_per_weight(params) * arrays_per_weight(params))


def footprint(held: Held, params: ArrayParams) -> Footprint:
    """Return what one copy takes: ceil(K / rows) x ceil(N x columns per weight / cols) blocks."""
    lines = held.cols * columns_per_weight(params)
    row_blocks = -(-held.rows // params.rows)
    col_blocks = -(-lines // params.cols) * arrays_per_weight(params) * held.batch
    arrays = row_blocks * col_blocks
    pes, together = -(-arrays // params.arrays_per_pe), arrays
    if params.allocation == "tile":
        together = min(arrays, arrays_per_weight(params))
        pes = arrays // max(together, 1) * -(-together // params.arrays_per_pe)
    return Footprint(
        row_blocks=row_blocks,
        col_blocks=col_blocks,
        rows=min(held.rows, params.rows),
        cols=min(lines, params.cols),
        arrays_per_pe=min(together, params.arrays_per_pe),
        pes_per_tile=min(pes, params.pes_per_tile),
        pes=pes,
        tiles=-(-pes // params.pes_per_tile),
    )


def crossbars_per_tile(params: ArrayParams) -> int:
    """Return the arrays of one tile, each array of a pair counted."""
    return params.pes_per_tile * params.arrays_per_pe * paired(params)


def crossbars(held: Held, params: ArrayParams) -> int:
    """Return the crossbars that one copy takes for itself, each array of a pair counted."""
    found = footprint(held, params)
    if params.allocation == "tile":
        return found.tiles * crossbars_per_tile(params)
    return found.arrays * paired(params)


def cells(held: Held, params: ArrayParams) -> int:
    """Return the cells written for one copy."""
    return held.weights * cells_per_weight(params)
