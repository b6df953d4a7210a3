"""Registers, selectors, shift-and-add and merge trees next to the arrays.

Sources: `Latency_Model/{PE_latency,Tile_latency}.py` for the times and `Hardware_Model/PE.py`,
`Tile.py` for the counts (MNSIM 2.0).
"""

from cost_models.reram.activity import Activity
from cost_models.reram.params import ReramParams
from cost_models.reram.part import Part
from cost_models.reram.tables import DigitalParams
from hptc.units import pj_from_power

_LINES_PER_LEVEL = 8


def digital_parts(params: ReramParams, done: Activity) -> dict[str, Part]:
    """Return what each kind of logic takes for one vector, by its name."""
    return {**_selectors(params, done), **_registers(params, done), **_trees(params, done)}


def tree_levels(leaves: int) -> int:
    """Return ceil(log2(leaves)), the levels of a binary tree."""
    return (max(leaves, 1) - 1).bit_length()


def selector_ns(level_ns: float, lines: int) -> float:
    """Return the delay of a selector of so many lines: a driver, then levels of eight lines."""
    levels = 1
    while lines > 0:
        levels, lines = levels + 1, lines // _LINES_PER_LEVEL
    return levels * level_ns


def selector_size(params: DigitalParams, lines: int) -> float:
    """Return the size of a selector of so many lines, as a multiple of a 2:1 selector's."""
    return params.mux_growth ** max(0, tree_levels(lines) - 1)


def _selectors(params: ReramParams, done: Activity) -> dict[str, Part]:
    side = done.side
    found: dict[str, Part] = {}
    for name, level_ns, lines, steps, events in (
        ("demux", params.demux_ns, side.lines_per_dac, done.drive_steps, done.drives),
        ("mux", params.mux_ns, side.lines_per_adc, done.convert_steps, done.conversions),
    ):
        select_ns = selector_ns(level_ns, lines)
        power_w = params.mux_power_w * selector_size(params, lines)
        found[name] = Part(steps * select_ns, events * pj_from_power(power_w, select_ns))
    return found


def _registers(params: ReramParams, done: Activity) -> dict[str, Part]:
    """Inputs are written once and read in each phase, results shifted in and stored at the end."""
    register_pj, clock_ns = params.register_energy_pj, params.clock_ns
    inputs = 1 + 1 / done.phases
    stored = done.convert_steps / (done.phases * done.side.drive_rounds)
    return {
        "input_register": Part(
            inputs * done.drive_steps * clock_ns, inputs * done.drives * register_pj
        ),
        "shift_add": Part(
            done.convert_steps * clock_ns, done.conversions * params.shift_add_energy_pj
        ),
        "output_register": Part(stored * clock_ns, done.stored * register_pj),
    }


def _trees(params: ReramParams, done: Activity) -> dict[str, Part]:
    """Outputs of the arrays of a PE are added, then those of the PEs of a tile.

    Where activity is provisioned, all adders draw for as long as their tree works.
    """
    found, side = done.found, done.side
    provisioned = params.activity == "provisioned"
    adding, merging = tree_levels(params.arrays_per_pe), tree_levels(found.pes_per_tile)
    added = done.stored / max(found.arrays_per_pe, 1)
    rounds = side.convert_rounds * side.passes
    adds = added * (found.arrays_per_pe - 1) * (adding if provisioned else 1)
    merged = added / max(found.pes_per_tile, 1) * (found.pes_per_tile - 1)
    merges = merged / rounds * merging if provisioned else merged
    return {
        "adder": Part(rounds * adding * params.clock_ns, adds * params.adder_energy_pj),
        "merge": Part(merging * params.clock_ns, merges * params.merge_energy_pj),
    }
