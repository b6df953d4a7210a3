"""One vector through one copy of a matrix: all parts together, and how they overlap."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from cost_models.reram.activity import activity
from cost_models.reram.buffers import read_part, words, write_part
from cost_models.reram.converters import adc_part, array_part, converting_ns, dac_part
from cost_models.reram.digital import digital_parts
from cost_models.reram.geometry import Held
from cost_models.reram.params import ReramParams
from cost_models.reram.part import Part
from cost_models.reram.wires import inter_tile_part, intra_tile_part
from hptc.units import BITS_PER_BYTE, Ns, Pj


@dataclass(frozen=True, slots=True)
class VectorRead:
    """What one vector takes; nothing for an empty matrix."""

    parts: Mapping[str, Part] = field(default_factory=dict)
    """By the kind of component: `dac`, `array`, `adc`; `demux`, `mux`, `input_register`,
    `shift_add`, `output_register`, `adder`, `merge`; `buffer_read`, `buffer_write`; `intra_tile`,
    `inter_tile`; `bus`."""
    stages: Mapping[str, float] = field(default_factory=dict)
    """Time in ns of each stage, in the order that a vector passes them."""
    overlapped: bool = False
    """Vectors follow each other at the rate of the slowest stage."""

    @property
    def latency_ns(self) -> Ns:
        """Return the time from the first input to the last output."""
        return Ns(sum(self.stages.values()))

    @property
    def interval_ns(self) -> Ns:
        """Return the time until the next vector can follow."""
        if self.overlapped:
            return Ns(max(self.stages.values(), default=0.0))
        return self.latency_ns

    @property
    def energy_pj(self) -> Pj:
        """Return the dynamic energy of all parts."""
        return Pj(sum(part.energy_pj for part in self.parts.values()))

    @property
    def power_w(self) -> float:
        """Return the power of all parts together, each as it draws while it works."""
        return sum(part.power_w for part in self.parts.values())


def vector_read(
    params: ReramParams, held: Held, bits: int, transposed: bool = False, first_tile: int = 0
) -> VectorRead:
    """Return what one vector through one copy of a matrix takes.

    Args:
        params: The device.
        held: The matrix, as programmed.
        bits: Bits of an input.
        transposed: Read along the columns.
        first_tile: Where the matrix lies in the mesh of tiles.
    """
    if not held.weights:
        return VectorRead()
    done = activity(params, held, bits, transposed)
    moved, access_ns = words(params, done, bits), params.buffer_access_ns
    dac, array = dac_part(params, done), array_part(params, done, bits)
    adc, logic = adc_part(params, done), digital_parts(params, done)
    intra, inter = intra_tile_part(params, done), inter_tile_part(params, done, first_tile)
    parts = {
        "dac": dac,
        "array": array,
        "adc": adc,
        **logic,
        "buffer_read": read_part(params, done, moved),
        "buffer_write": write_part(params, done, moved),
        "intra_tile": intra,
        "inter_tile": inter,
        "bus": _bus(params, held, bits, transposed),
    }
    stages = {
        "input_write": moved.inputs * access_ns,
        "input_read": moved.inputs * access_ns,
        "convert": converting_ns(params, dac, array, adc),
        "logic": sum(part.time_ns for part in logic.values()),
        "intra_tile": intra.time_ns,
        "output_write": moved.results * access_ns,
        "output_read": moved.outputs * access_ns,
        "inter_tile": inter.time_ns,
    }
    return VectorRead(parts, stages, params.stage_composition == "pipelined")


def _bus(params: ReramParams, held: Held, bits: int, transposed: bool) -> Part:
    """Inputs and outputs of the matrix, moved once each."""
    inputs, outputs = (held.cols, held.rows) if transposed else (held.rows, held.cols)
    moved = held.batch * (inputs * bits + outputs * params.output_bits) / BITS_PER_BYTE
    return Part(0.0, moved * params.buffer_energy_pj_per_byte)
