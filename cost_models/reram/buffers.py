"""SRAM at the inputs of PEs and at the outputs of tiles.

Sources: `Hardware_Model/Buffer.py`, `Latency_Model/{PE,Tile}_latency.py` and `Model_latency.py` of
MNSIM 2.0, which takes a word at a time.
"""

from dataclasses import dataclass

from cost_models.reram.activity import Activity
from cost_models.reram.digital import tree_levels
from cost_models.reram.params import ReramParams
from cost_models.reram.part import Part
from cost_models.reram.tables import BufferParams
from hptc.units import pj_from_power


@dataclass(frozen=True, slots=True)
class Words:
    """Words of one PE (inputs) or tile (results, outputs), one after the other."""

    inputs: int
    """Written into a PE's buffer, then read."""
    results: int
    """Written into a tile's buffer, as ADCs and merge tree leave them."""
    outputs: int
    """Read from a tile's buffer, rounded to the bits of an output."""


def words(params: ReramParams, done: Activity, bits: int) -> Words:
    """Return the words that one vector moves; inputs have `bits` bits."""
    found, side, size = done.found, done.side, params.buffer_word_bits
    numbers = side.outputs * found.pes_per_tile
    result_bits = params.adc_bits + tree_levels(found.pes_per_tile)
    return Words(
        inputs=-(-side.driven * bits // size),
        results=-(-result_bits * numbers // size),
        outputs=-(-params.output_bits * numbers // size),
    )


def read_part(params: ReramParams, done: Activity, moved: Words) -> Part:
    """Return what reading both buffers takes."""
    each = (params.input_buffer_read_energy_pj, params.output_buffer_read_energy_pj)
    return _part(params, done, (moved.inputs, moved.outputs), each)


def write_part(params: ReramParams, done: Activity, moved: Words) -> Part:
    """Return what writing both buffers takes."""
    each = (params.input_buffer_write_energy_pj, params.output_buffer_write_energy_pj)
    return _part(params, done, (moved.inputs, moved.results), each)


def _part(
    params: ReramParams, done: Activity, moved: tuple[int, int], dynamic_pj: tuple[float, float]
) -> Part:
    """Input and output buffers: words and energy of one word, for each of the two."""
    found = done.found
    leaks = _gated_pj(params)
    input_pj, output_pj = dynamic_pj[0] + leaks[0], dynamic_pj[1] + leaks[1]
    steps = moved[0] + moved[1]
    if params.activity == "provisioned":
        energy_pj = found.tiles * (found.pes_per_tile * input_pj + output_pj) * steps
    else:
        energy_pj = found.pes * input_pj * moved[0] + found.tiles * output_pj * moved[1]
    return Part(steps * params.buffer_access_ns, energy_pj)


def _gated_pj(params: BufferParams) -> tuple[float, float]:
    """What a buffer that is powered for its accesses only leaks during one."""
    if not params.buffers_gated:
        return 0.0, 0.0
    access_ns = params.buffer_access_ns
    return (
        pj_from_power(params.input_buffer_leakage_w, access_ns),
        pj_from_power(params.output_buffer_leakage_w, access_ns),
    )
