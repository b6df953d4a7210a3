"""What one vector makes the arrays do: steps one after the other, and events in all of them.

A read with the transpose drives the columns and converts at the rows. Where slices sit in
neighbouring columns it takes one pass a slice, since a row sums over all columns that are driven.
"""

from dataclasses import dataclass

from cost_models.reram.geometry import (
    Footprint,
    Held,
    arrays_per_weight,
    cells,
    cells_per_weight,
    columns_per_weight,
    footprint,
    paired,
)
from cost_models.reram.params import ReramParams
from cost_models.reram.tables import ReadParams


@dataclass(frozen=True, slots=True)
class Side:
    """The lines of one array that a read drives and converts, and what does it."""

    driven: int
    """Lines driven in the fullest array."""
    converted: int
    """Lines converted in the fullest array, for each pass."""
    outputs: int
    """Numbers that leave the fullest array, its slices added up."""
    lines_per_dac: int
    lines_per_adc: int
    drive_rounds: int
    """Times that DACs move on to other lines."""
    convert_rounds: int
    passes: int


@dataclass(frozen=True, slots=True)
class Activity:
    """One vector through one copy of a matrix."""

    found: Footprint
    side: Side
    phases: int
    drive_steps: int
    """Times, one after the other, that lines are driven and the array is read."""
    convert_steps: int
    """Times, one after the other, that ADCs convert."""
    drives: float
    """DAC conversions in all arrays."""
    cell_reads: float
    """Reads of one cell each."""
    conversions: float
    """ADC conversions in all arrays, each shifted and added."""

    @property
    def stored(self) -> float:
        """Sums over all phases that registers take over."""
        return self.conversions / (self.phases * self.side.drive_rounds)


def input_phases(params: ReadParams, bits: int) -> int:
    """Return the phases in which inputs of `bits` bits are applied, all passes together."""
    return params.read_passes * -(-applied_bits(params, bits) // phase_bits(params, bits))


def applied_bits(params: ReadParams, bits: int) -> int:
    """Return the bits of an input that phases apply: not the sign where it is a polarity."""
    return max(1, bits - 1) if params.input_encoding == "sign-magnitude" else bits


def phase_bits(params: ReadParams, bits: int) -> int:
    """Return the most bits that one phase applies."""
    if params.input_mode == "bit-serial":
        return 1
    if params.input_mode == "multi-bit":
        return params.dac_bits
    return params.pulse_bits or applied_bits(params, bits)


def activity(params: ReramParams, held: Held, bits: int, transposed: bool) -> Activity:
    """Return what one vector of `bits`-bit inputs takes.

    MNSIM (`Latency_Model/PE_latency.py`) multiplies phases, rounds of DACs and rounds of ADCs; with
    sample-and-hold an array is not read again for each round of ADCs (ISAAC).
    """
    found = footprint(held, params)
    side = _side(params, found, held, transposed)
    phases = input_phases(params, bits)
    reads = phases * side.passes * side.drive_rounds
    again = 1 if params.sample_and_hold else side.convert_rounds
    if params.activity == "provisioned":
        drives, cell_reads, conversions = _provisioned(params, found, side, transposed)
    else:
        drives, cell_reads, conversions = _used(params, found, side, held, transposed)
    return Activity(
        found=found,
        side=side,
        phases=phases,
        drive_steps=reads * again,
        convert_steps=reads * side.convert_rounds,
        drives=drives * phases * side.passes * again,
        cell_reads=cell_reads * phases * side.passes,
        conversions=conversions * reads,
    )


def converted_lines(params: ReramParams, lines: int, transposed: bool) -> int:
    """Return what ADCs convert of so many lines of an array, or of a pair of arrays.

    Differential halves side by side are subtracted before the ADC, unless the read drives one of
    them at a time.
    """
    merged = min(paired(params), _merged(params)) if transposed else _merged(params)
    return -(-lines * paired(params) // merged)


def _side(params: ReramParams, found: Footprint, held: Held, transposed: bool) -> Side:
    weight_columns = columns_per_weight(params)
    dacs, adcs = params.dacs_per_array, params.adcs_per_array
    driven_of, converted_of, used = params.rows, params.cols, found.cols
    driven, outputs, passes = found.rows, min(held.cols, -(-found.cols // weight_columns)), 1
    if transposed:
        dacs, adcs = params.column_dacs_per_array, params.row_adcs_per_array or adcs
        driven_of, converted_of, used = params.cols, params.rows, found.rows
        driven, outputs, passes = outputs, found.rows, weight_columns
    converted = converted_lines(params, used, transposed)
    return Side(
        driven=driven,
        converted=converted,
        outputs=outputs,
        lines_per_dac=-(-driven_of // (dacs or driven_of)),
        lines_per_adc=-(-converted_lines(params, converted_of, transposed) // adcs),
        drive_rounds=-(-driven // (dacs or driven_of)),
        convert_rounds=-(-converted // adcs),
        passes=passes,
    )


def _merged(params: ReramParams) -> int:
    """Return the columns behind one conversion: 2 for a pair subtracted before the ADC."""
    analog = params.weight_encoding == "differential" and params.subtraction == "analog"
    return 2 if analog else 1


def _used(
    params: ReramParams, found: Footprint, side: Side, held: Held, transposed: bool
) -> tuple[float, float, float]:
    """Drives, cells and conversions of one phase and pass: lines and cells that hold weights."""
    read = cells(held, params) / side.passes
    columns = held.cols * held.batch
    if transposed:
        drives = columns * arrays_per_weight(params) * found.row_blocks
        return drives, read, converted_lines(params, held.rows, transposed) * found.col_blocks
    lines = columns * cells_per_weight(params) // _merged(params)
    return held.rows * found.col_blocks, read, lines * found.row_blocks


def _provisioned(
    params: ReramParams, found: Footprint, side: Side, transposed: bool
) -> tuple[float, float, float]:
    """The same where every array of the tiles counts as the fullest one, whatever it holds.

    As many converters work in each step as the selectors before them can reach. Sources:
    `Power_Model/Model_inference_power.py` and `Hardware_Model/{PE,Tile}.py` of MNSIM 2.0.
    """
    arrays = found.tiles * found.pes_per_tile * found.arrays_per_pe
    dacs, adcs = -(-side.driven // side.lines_per_dac), -(-side.converted // side.lines_per_adc)
    rows = side.driven / side.lines_per_dac * side.drive_rounds
    columns: float = found.rows if transposed else found.cols
    if not params.sample_and_hold:
        columns = columns / side.lines_per_adc * side.convert_rounds
    return (
        arrays * dacs * side.drive_rounds,
        arrays * paired(params) * rows * columns,
        arrays * adcs * side.convert_rounds,
    )
