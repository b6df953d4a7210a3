"""DACs, arrays and ADCs: how long they take, and what they draw.

Sources: `Hardware_Model/{Device,Crossbar,ADC,DAC}.py` of MNSIM 2.0 for the electrical formulas;
ISAAC (Shafiee, ISCA 2016) for sample-and-hold and for phases that overlap.
"""

from math import sqrt

from cost_models.reram.activity import Activity, applied_bits, phase_bits
from cost_models.reram.params import ReramParams
from cost_models.reram.part import Part
from cost_models.reram.tables import ReadParams, WriteParams
from hptc.units import pj_from_power

CELLS_PER_KBYTE = 8 * 1024


def array_read_ns(params: ReramParams, bits: int) -> float:
    """Return the mean time of one array read: cells, wires, and pulses if inputs are their width.

    Wires of an array of s kB (a bit a cell) add a s + b s**2.
    """
    size = params.rows * params.cols / CELLS_PER_KBYTE
    wires = params.array_wire_ns_per_kbyte * size + params.array_wire_ns_per_kbyte2 * size**2
    return max(params.array_read_ns, _pulses_ns(params, bits)) + wires


def _pulses_ns(params: ReadParams, bits: int) -> float:
    """Return the pulses of a phase of the pulse-width mode, the mean over the phases of a pass."""
    if params.input_mode != "pulse-width" or params.pulse_unit_ns is None:
        return 0.0
    most = phase_bits(params, bits)
    whole, rest = divmod(applied_bits(params, bits), most)
    pulses = whole * (float(2**most) - 1) + (float(2**rest) - 1)
    return params.pulse_unit_ns * pulses / (whole + (rest > 0))


def conversion_ns(params: ReadParams) -> float:
    """Return the time between two conversions of one ADC."""
    return params.adc_cycles / params.adc_rate_gsps


def cell_read_power_w(params: ReadParams) -> float:
    """Return the mean power of a cell that is read: V**2 x mean conductance x active inputs."""
    if params.lrs_ohm is None or params.hrs_ohm is None:
        return 0.0
    conductance = params.lrs_share / params.lrs_ohm + (1 - params.lrs_share) / params.hrs_ohm
    return params.active_input_share * params.read_voltage_v**2 * conductance


def cell_write_power_w(read: ReadParams, write: WriteParams) -> float:
    """Return the power of a cell that is written: V**2 over the geometric mean of its states."""
    if read.lrs_ohm is None or read.hrs_ohm is None:
        return 0.0
    return write.write_voltage_v**2 / sqrt(read.lrs_ohm * read.hrs_ohm)


def dac_part(params: ReramParams, done: Activity) -> Part:
    """Return what DACs take for one vector."""
    return Part(done.drive_steps * params.dac_ns, done.drives * params.dac_energy_pj)


def array_part(params: ReramParams, done: Activity, bits: int) -> Part:
    """Return what arrays take for one vector."""
    read_ns = array_read_ns(params, bits)
    cell_pj = params.cell_read_energy_pj + pj_from_power(cell_read_power_w(params), read_ns)
    return Part(done.drive_steps * read_ns, done.cell_reads * cell_pj)


def adc_part(params: ReramParams, done: Activity) -> Part:
    """Return what ADCs take for one vector."""
    convert_pj = params.adc_energy_pj_per_level * 2**params.adc_bits
    return Part(done.convert_steps * conversion_ns(params), done.conversions * convert_pj)


def converting_ns(params: ReramParams, dac: Part, array: Part, adc: Part) -> float:
    """Return the time of all phases.

    In a pipeline, each phase's conversions overlap the next one's read, if the array's outputs are
    held meanwhile.
    """
    driven = dac.time_ns + array.time_ns
    if params.sample_and_hold and params.stage_composition == "pipelined":
        return max(driven, adc.time_ns)
    return driven + adc.time_ns
