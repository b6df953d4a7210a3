"""The parameters of ReRAM crossbars, a table for each part of the hardware.

A key without a default is needed. A part that a design lacks, or whose figures nobody published,
keeps its neutral default: it takes no time, no energy and no area.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, Field, ValidationInfo, field_validator

from cost_models.model import TABLE, Count, Fraction, NonNegative, Positive

Bits = Annotated[int, Field(gt=0, le=64)]
"""Length of a number."""


class _Group(BaseModel):
    model_config = TABLE


class ArrayParams(_Group):
    """Arrays of cells, and the processing elements (PEs) and tiles that they are built into."""

    crossbars: Count
    """Arrays of the device; two of them make a differential pair."""
    rows: Count
    cols: Count
    cell_bits: Bits
    weight_bits: Bits
    weight_encoding: Literal["offset", "differential"] = "offset"
    """`offset`: cells hold weight + bias, the bias is subtracted afterwards (ISAAC).
    `differential`: two cells hold the positive and the negative part of a weight, whose sign then
    takes no cell: ceil((weight_bits - 1) / cell_bits) slices of two cells."""
    slice_layout: Literal["adjacent", "per-array"]
    """Where the slices of a weight sit: in neighbouring columns, or each in an array of its own.
    The two cells of a differential weight sit likewise: side by side, or in a pair of arrays."""
    transposable: bool
    """Arrays can be read along their columns; otherwise a transposed copy is programmed."""
    arrays_per_pe: Count = 1
    """Arrays of one PE (MNSIM: groups), each with converters of its own. A differential pair of
    arrays shares converters and counts as one."""
    pes_per_tile: Count = 1
    allocation: Literal["array", "tile"] = "array"
    """The least that a matrix takes for itself: so many arrays, or whole tiles (MNSIM)."""


class ReadParams(_Group):
    """How inputs are applied to an array, and its columns converted."""

    input_bits: Bits
    gradient_bits: Bits
    """Bits of an input that is a gradient."""
    output_bits: Bits
    """Bits of an output kept in the buffers."""
    input_mode: Literal["bit-serial", "multi-bit", "pulse-width"]
    """One phase a bit; one phase for every `dac_bits` bits; or one phase of up to 2**bits - 1 unit
    pulses."""
    dac_bits: Bits
    input_encoding: Literal["binary", "sign-magnitude"] = "binary"
    """`sign-magnitude`: the sign is the polarity of a pulse and takes no phase and no pulse
    (HERMES, NeuRRAM). `binary`: every bit is applied."""
    read_passes: Count = 1
    """Times that all phases are repeated (HERMES: four, for the signs of inputs and weights)."""
    pulse_bits: Bits | None = None
    """Bits that one phase of the pulse-width mode applies; all of them if left out."""
    pulse_unit_ns: Positive | None = None
    """Shortest pulse of the pulse-width mode, which needs it."""
    dacs_per_array: Count | None = None
    """Rows driven at a time; all of them if left out."""
    column_dacs_per_array: Count | None = None
    """Columns driven at a time by a transposed read; all of them if left out."""
    dac_ns: NonNegative = 0.0
    """One conversion."""
    dac_energy_pj: NonNegative
    """One conversion: one line, one phase."""
    array_read_ns: Positive
    """From the inputs to settled outputs."""
    array_wire_ns_per_kbyte: NonNegative = 0.0
    """What wires add for each 8,192 cells of an array."""
    array_wire_ns_per_kbyte2: NonNegative = 0.0
    """What wires add for each squared 8,192 cells of an array."""
    cell_read_energy_pj: NonNegative
    """One cell, one phase, whatever the phase lasts; see also `read_voltage_v`."""
    read_voltage_v: NonNegative = 0.0
    """Adds V**2 x mean conductance x duration to each cell read; 0 adds nothing."""
    active_input_share: Fraction = 1.0
    """Share of the inputs at the read voltage, the others at 0 V."""
    lrs_ohm: Positive | None = None
    """Resistance of the low-resistance state."""
    hrs_ohm: Positive | None = None
    lrs_share: Annotated[float, Field(ge=0, le=1)] = 0.5
    """Share of the cells in the low-resistance state."""
    sample_and_hold: bool = True
    """Columns that share an ADC are held after one read; otherwise each needs a read of its own."""
    subtraction: Literal["analog", "digital"] = "analog"
    """Of differential weights: before the ADC, or after (twice the conversions)."""
    adcs_per_array: Count
    """ADCs of one array (or differential pair); columns are dealt out to them in turn."""
    row_adcs_per_array: Count | None = None
    """ADCs at the rows, for transposed reads; as many as at the columns if left out."""
    adc_bits: Bits
    adc_rate_gsps: Positive
    """Clock of an ADC; samples per second where a conversion takes one cycle."""
    adc_cycles: Count = 1
    """Cycles between two conversions of one ADC (MNSIM: adc_bits + 2)."""
    adc_energy_pj_per_level: NonNegative
    """One conversion takes 2**adc_bits of it (Walden's figure of merit)."""


class DigitalParams(_Group):
    """Logic next to the arrays: registers, selectors, shift-and-add, merge trees."""

    clock_ns: NonNegative = 0.0
    """Period of the logic: one register access, shift or addition takes one."""
    shift_add_energy_pj: NonNegative
    """One conversion."""
    register_energy_pj: NonNegative = 0.0
    """One access of the register of one line."""
    adder_energy_pj: NonNegative = 0.0
    """Adding the outputs of two arrays of a PE, one column."""
    merge_energy_pj: NonNegative = 0.0
    """Adding the outputs of two PEs of a tile, one column."""
    demux_ns: NonNegative = 0.0
    """One level (1:8) of the selector between DACs and rows."""
    mux_ns: NonNegative = 0.0
    """One level (8:1) of the selector between columns and ADCs."""
    mux_power_w: NonNegative = 0.0
    """One 2:1 selector (either kind) while it selects."""
    mux_growth: Positive = 2.0
    """Size and power of a selector relative to one of half its lines (MNSIM: 3)."""


class BufferParams(_Group):
    """SRAM at the inputs of each PE and at the outputs of each tile."""

    buffer_energy_pj_per_byte: NonNegative = 0.0
    """Moving inputs and outputs of the whole matrix once (eDRAM and bus of a tile)."""
    buffer_word_bits: Count = 1
    buffer_access_ns: NonNegative = 0.0
    """One word of either buffer."""
    input_buffer_read_energy_pj: NonNegative = 0.0
    """One word, as the next three."""
    input_buffer_write_energy_pj: NonNegative = 0.0
    output_buffer_read_energy_pj: NonNegative = 0.0
    output_buffer_write_energy_pj: NonNegative = 0.0
    input_buffer_leakage_w: NonNegative = 0.0
    """Of one PE."""
    output_buffer_leakage_w: NonNegative = 0.0
    """Of one tile."""
    buffers_gated: bool = False
    """Buffers leak only while they are accessed (MNSIM), which then counts as energy of the access;
    otherwise they leak for as long as the device is powered."""


class WireParams(_Group):
    """Wires inside a tile (a tree over its PEs) and between tiles (a mesh)."""

    intra_tile_gbps: Positive | None = None
    """No delay if left out."""
    inter_tile_gbps: Positive | None = None
    """No delay if left out."""
    hop_ns: NonNegative = 0.0
    """Added to each hop between neighbouring tiles."""
    tile_order: Literal["shell", "row-major", "snake"] = "shell"
    """How consecutive tiles lie in the mesh: in L-shaped shells around a corner (MNSIM), or in
    rows. The outputs of all tiles of a matrix meet in the one that is least far from the others."""
    tile_grid: Count = 64
    """Tiles in a row of the mesh, where they lie in rows."""
    intra_tile_energy_pj_per_bit: NonNegative = 0.0
    inter_tile_energy_pj_per_bit: NonNegative = 0.0
    """For each hop."""


class WriteParams(_Group):
    """Programming, row by row, by pulses with verify reads between them."""

    write_pulse_ns: Positive
    write_pulses: Count
    """Pulses for one row, verify reads between them."""
    verify_read_ns: NonNegative
    write_cells_at_once: Count | None = None
    """Cells of one array written together; a whole row if left out."""
    write_energy_pj_per_cell: NonNegative
    """One programming of one cell, all its pulses; see also `write_voltage_v`."""
    write_voltage_v: NonNegative = 0.0
    """Adds V**2 / sqrt(lrs_ohm x hrs_ohm) x write_pulse_ns to each pulse of a cell."""
    write_power_cap_w: Positive | None = None
    """Programming a matrix is slowed until it stays under it. None if left out."""
    wear_imbalance: Annotated[float, Field(ge=1, allow_inf_nan=False)]
    """Writes of the hottest cell over the mean."""
    endurance_writes: Positive
    """Programmings of one cell, verify pulses and all, until it fails."""

    @field_validator("endurance_writes")
    @classmethod
    def _survives_programming(cls, writes: float, info: ValidationInfo) -> float:
        """Refuse arrays whose hottest cell fails at the first programming."""
        least = info.data.get("wear_imbalance", 1.0)
        if writes < least:
            raise ValueError(f"at least wear_imbalance ({least:g}): one programming of the array")
        return writes


class AreaParams(_Group):
    """Areas, each of one piece."""

    cell_area_um2: NonNegative = 0.0
    row_driver_area_um2: NonNegative = 0.0
    dac_area_um2: NonNegative = 0.0
    adc_area_um2: NonNegative = 0.0
    register_area_um2: NonNegative = 0.0
    """Of one line: each DAC and each ADC has one."""
    shift_add_area_um2: NonNegative = 0.0
    """Each ADC has one."""
    adder_area_um2: NonNegative = 0.0
    """One of a PE's tree; the tree is as wide as the ADCs of one array."""
    merge_area_um2: NonNegative = 0.0
    """One of a tile's tree; the tree is as wide as the ADCs of one PE."""
    mux_area_um2: NonNegative = 0.0
    """One 2:1 selector; grows with `mux_growth`. Each DAC and each ADC has one."""
    input_buffer_area_um2: NonNegative = 0.0
    output_buffer_area_um2: NonNegative = 0.0
    tile_area_um2: NonNegative = 0.0
    """What else is in a tile: control, router, pooling."""
    chip_area_mm2: NonNegative = 0.0
    """What else is on the chip."""
