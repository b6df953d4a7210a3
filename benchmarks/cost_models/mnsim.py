"""Scores of the ReRAM model against MNSIM 2.0."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.cost_models.mnsim_cases import crossbar_case, layer_case
from benchmarks.cost_models.score import EXACT, NO_LIMIT, Limit, Score, score
from benchmarks.cost_models.tables import Pairs, Row, rows_of
from cost_models.reram.area import array_area_um2, tile_area_um2, tile_areas_um2
from cost_models.reram.geometry import footprint
from cost_models.reram.programming import programming
from cost_models.reram.read import vector_read
from hptc.units import PJ_PER_NJ, pj_from_power

TABLES = ("mnsim_crossbar_rw.csv", "mnsim_fc.csv")
TIGHT, ENERGY, AREA = Limit(mape_pct=0.1), Limit(mape_pct=3.0), Limit(mape_pct=5.0)
_LOGIC = ("demux", "mux", "input_register", "shift_add", "output_register", "adder", "merge")
_LIMITS = {
    "tiles": EXACT,
    "PEs": EXACT,
    "energy": ENERGY,
    "area": AREA,
    "area, xbar": AREA,
    "area, adc": AREA,
    "area, dac": AREA,
    "energy, xbar": ENERGY,
    "energy, adc": ENERGY,
    "energy, dac": ENERGY,
    "energy, buffer": ENERGY,
    "energy, digital": NO_LIMIT,
}
_NOTES = {
    "energy, digital": "MNSIM leaves the adders of a PE out",
    "write energy": "corrected: MNSIM prints one row; against printed x rows",
}

Figure = tuple[str, float, str, float]
"""Name, guess, column, and what to multiply the column by."""


def scores(data: Path) -> list[Score]:
    """Compare one crossbar, written and read, and whole layers."""
    return [
        *_scored("mnsim_crossbar_rw", data / TABLES[0], _crossbar),
        *_scored("mnsim_fc", data / TABLES[1], _layer),
    ]


def _scored(name: str, path: Path, figures: Callable[[Row], Iterator[Figure]]) -> list[Score]:
    pairs: Pairs = defaultdict(list)
    for row in rows_of(path):
        for figure, guess, column, scale in figures(row):
            pairs[figure].append((guess, float(row[column]) * scale))
    return [
        line
        for figure, found in pairs.items()
        for line in score(name, figure, found, _NOTES.get(figure, ""), _LIMITS.get(figure, TIGHT))
    ]


def _crossbar(row: Row) -> Iterator[Figure]:
    params, held = crossbar_case(row)
    written, array = programming(params, held), vector_read(params, held, 1).parts["array"]
    power_w = written.energy_pj / pj_from_power(1.0, written.time_ns)
    yield "write latency", written.time_ns, "write_latency_ns", 1
    yield "write power", power_w, "write_power_W", 1
    printed = PJ_PER_NJ * held.rows
    yield "write energy", written.energy_pj, "write_energy_nJ_as_printed", printed
    yield "read latency", array.time_ns, "read_latency_ns", 1
    yield "read power", array.power_w, "read_power_W", 1
    yield "read energy", array.energy_pj, "read_energy_nJ", PJ_PER_NJ
    yield "area", array_area_um2(params), "xbar_area_um2", 1


def _layer(row: Row) -> Iterator[Figure]:
    params, held, first_tile = layer_case(row)
    found, areas = footprint(held, params), tile_areas_um2(params)
    read = vector_read(params, held, params.input_bits, first_tile=first_tile)
    parts, readout_ns = read.parts, read.stages["output_read"]
    reading, writing = parts["buffer_read"], parts["buffer_write"]
    logic_pj = sum(parts[name].energy_pj for name in _LOGIC)
    yield "tiles", found.tiles, "tiles", 1
    yield "PEs", found.pes, "pes", 1
    yield "latency", read.latency_ns, "latency_ns", 1
    yield "latency, digital", read.stages["logic"], "digital_lat_ns", 1
    yield "latency, buffer", reading.time_ns + writing.time_ns, "buffer_lat_ns", 1
    yield "latency, intra-tile", parts["intra_tile"].time_ns, "intra_tile_ns", 1
    # MNSIM counts reading the outputs among the buffers and here as well.
    yield "latency, inter-tile", parts["inter_tile"].time_ns + readout_ns, "inter_tile_ns", 1
    for name, part in (("xbar", "array"), ("adc", "adc"), ("dac", "dac")):
        yield f"latency, {name}", parts[part].time_ns, f"{name}_lat_ns", 1
        yield f"energy, {name}", parts[part].energy_pj, f"{name}_e_nJ", PJ_PER_NJ
        yield f"area, {name}", found.tiles * areas[part], f"{name}_area_um2", 1
    yield "power", read.power_w, "power_W", 1
    yield "energy", read.energy_pj, "energy_nJ", PJ_PER_NJ
    yield "energy, buffer", reading.energy_pj + writing.energy_pj, "buf_e_nJ", PJ_PER_NJ
    yield "energy, digital", logic_pj, "digital_e_nJ", PJ_PER_NJ
    yield "area", found.tiles * tile_area_um2(params), "area_um2", 1
