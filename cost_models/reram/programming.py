"""Writing a matrix: rows one after the other, in all arrays at once, each with verify reads.

Source: `Hardware_Model/Crossbar.py` of MNSIM 2.0, which writes the cells of a row together. It
prints the energy of one row only; here all rows count.
"""

from dataclasses import dataclass

from cost_models.reram.converters import cell_write_power_w
from cost_models.reram.geometry import Held, cells, footprint
from cost_models.reram.params import ReramParams
from hptc.units import Ns, Pj, pj_from_power


@dataclass(frozen=True, slots=True)
class Programming:
    """Writing all copies of a matrix once."""

    time_ns: Ns
    """Without regard to the power cap."""
    energy_pj: Pj


def programming(params: ReramParams, held: Held, copies: int = 1) -> Programming:
    """Return what writing a matrix takes: pulses x rows; energy of every cell, all its pulses."""
    found = footprint(held, params)
    groups = -(-found.cols // (params.write_cells_at_once or params.cols))
    group_ns = params.write_pulses * (params.write_pulse_ns + params.verify_read_ns)
    pulses_ns = params.write_pulses * params.write_pulse_ns
    cell_pj = params.write_energy_pj_per_cell + pj_from_power(
        cell_write_power_w(params, params), pulses_ns
    )
    time_ns = found.rows * groups * group_ns if held.weights else 0.0
    return Programming(Ns(time_ns), Pj(copies * cells(held, params) * cell_pj))


def capped_ns(time_ns: float, energy_pj: float, power_cap_w: float | None) -> Ns:
    """Return the time stretched so that the energy stays under a power."""
    if power_cap_w is None:
        return Ns(time_ns)
    return Ns(max(time_ns, energy_pj / pj_from_power(power_cap_w, 1.0)))
