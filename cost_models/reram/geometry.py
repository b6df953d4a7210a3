"""Closed forms for one matrix held in ReRAM crossbars: how many, how long a read, how much energy.

Sources: the ISAAC organisation (1-bit inputs in phases, 2-bit cells, shared ADCs) as noted in
`reference/facts.md` sections 1.6 and 5 and `reference/cost_models/README.md` section 6; the phase
count and the row-by-row write time agree with the exact MNSIM formulas of that README (section 2).
Numbers are parameters, from `targets/*.toml`.

A matrix of K rows (inputs) by N columns (outputs) is cut into tiles of the array's size. A weight
of several cells is spread over slices; slices sit in neighbouring columns of one array, or each in
an array of its own. A read with the transpose drives the columns and converts at the rows.
"""

from dataclasses import dataclass
from enum import Enum

from hptc.units import BITS_PER_BYTE, Ns, Pj, pj_from_power


class SliceLayout(Enum):
    """Where the cells of one weight sit."""

    ADJACENT = "adjacent"
    """In neighbouring columns: fewest crossbars, but a transposed read takes one pass a slice,
    since a row sums over all the columns that are driven."""
    PER_ARRAY = "per-array"
    """Each slice in an array of its own."""


class InputMode(Enum):
    """How an input number is applied to a row."""

    BIT_SERIAL = "bit-serial"
    """One phase a bit."""
    MULTI_BIT = "multi-bit"
    """One phase for every `dac_bits` bits."""
    PULSE_WIDTH = "pulse-width"
    """One phase, 2**bits - 1 unit pulses long."""


@dataclass(frozen=True, slots=True)
class Geometry:
    """Crossbar arrays and the weights in them."""

    rows: int
    cols: int
    slices: int
    """Cells for one weight."""
    layout: SliceLayout


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
class Drive:
    """How inputs are applied."""

    mode: InputMode
    dac_bits: int
    pulse_unit_ns: float


@dataclass(frozen=True, slots=True)
class ReadCounts:
    """What one vector through one copy of a matrix takes, for one input phase."""

    drives: int
    """Lines driven, each by one DAC."""
    cell_macs: int
    """Cells that conduct."""
    conversions: int
    """ADC conversions, each shifted and added."""
    passes: int
    """Times each phase is repeated (over slices, for some transposed reads)."""


def crossbars(held: Held, geometry: Geometry) -> int:
    """Return the crossbars that one copy takes: ceil(K/rows) * ceil(N*slices/cols) * batch.

    With each slice in an array of its own: ceil(K/rows) * ceil(N/cols) * slices * batch.
    """
    row_tiles, col_tiles = _tiles(held, geometry)
    return row_tiles * col_tiles * held.batch


def cells(held: Held, geometry: Geometry) -> int:
    """Return the cells written for one copy."""
    return held.weights * geometry.slices


def input_phases(drive: Drive, bits: int) -> int:
    """Return the phases in which inputs of `bits` bits are applied."""
    if drive.mode is InputMode.BIT_SERIAL:
        return bits
    if drive.mode is InputMode.MULTI_BIT:
        return -(-bits // drive.dac_bits)
    return 1


def phase_ns(drive: Drive, bits: int, settle_ns: float, convert_ns: float) -> Ns:
    """Return the length of one phase: the longer of applying inputs and converting outputs.

    Conversion of one phase overlaps the array access of the next (ISAAC's sample-and-hold).

    Args:
        drive: How inputs are applied.
        bits: Bits of an input.
        settle_ns: Time the array needs after its inputs change.
        convert_ns: Time the ADCs need for all their lines.
    """
    applied = settle_ns
    if drive.mode is InputMode.PULSE_WIDTH:
        applied = max(settle_ns, drive.pulse_unit_ns * (2**bits - 1))
    return Ns(max(applied, convert_ns))


def converted_lines(held: Held, geometry: Geometry, transposed: bool) -> int:
    """Return the most lines of one array that carry outputs."""
    if transposed:
        return min(held.rows, geometry.rows)
    slices = geometry.slices if geometry.layout is SliceLayout.ADJACENT else 1
    return min(held.cols * slices, geometry.cols)


def read_counts(held: Held, geometry: Geometry, transposed: bool) -> ReadCounts:
    """Return what one vector takes for one phase, in the whole (one copy of the) matrix."""
    row_tiles, col_tiles = _tiles(held, geometry)
    lines = held.cols * geometry.slices
    macs = held.rows * lines * held.batch
    if not transposed:
        return ReadCounts(
            held.rows * col_tiles * held.batch, macs, row_tiles * lines * held.batch, 1
        )
    passes = geometry.slices if geometry.layout is SliceLayout.ADJACENT else 1
    # A pass drives one slice, so drives and cells are per pass; every row converts in each pass.
    return ReadCounts(
        lines * row_tiles * held.batch // passes,
        macs // passes,
        held.rows * col_tiles * held.batch,
        passes,
    )


def buffer_bytes(held: Held, input_bits: int, output_bits: int, transposed: bool) -> float:
    """Return the bytes that one vector moves through the tile buffers."""
    inputs, outputs = held.rows, held.cols
    if transposed:
        inputs, outputs = outputs, inputs
    return held.batch * (inputs * input_bits + outputs * output_bits) / BITS_PER_BYTE


def program_time_ns(held: Held, geometry: Geometry, row_ns: float) -> Ns:
    """Return the time to write a matrix, rows one after the other, all arrays at once."""
    return Ns(min(held.rows, geometry.rows) * row_ns if held.weights else 0.0)


def capped_ns(time_ns: float, energy_pj: float, power_cap_w: float) -> Ns:
    """Return the time stretched so that the energy stays under a power."""
    return Ns(max(time_ns, energy_pj / pj_from_power(power_cap_w, 1.0)))


def read_energy_pj(
    counts: ReadCounts, phases: int, drive_pj: float, cell_pj: float, convert_pj: float
) -> Pj:
    """Return the energy of one vector: DACs, cells and ADCs (with shift-and-add), over all phases.

    Args:
        counts: What one phase takes.
        phases: Input phases.
        drive_pj: Energy of one DAC for one phase.
        cell_pj: Energy of one cell for one phase.
        convert_pj: Energy of one conversion with its shift and add.
    """
    phase = counts.drives * drive_pj + counts.cell_macs * cell_pj + counts.conversions * convert_pj
    return Pj(phase * counts.passes * phases)


def _tiles(held: Held, geometry: Geometry) -> tuple[int, int]:
    row_tiles = -(-held.rows // geometry.rows)
    if geometry.layout is SliceLayout.ADJACENT:
        return row_tiles, -(-held.cols * geometry.slices // geometry.cols)
    return row_tiles, -(-held.cols // geometry.cols) * geometry.slices
