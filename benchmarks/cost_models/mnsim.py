"""Scores of the ReRAM model against MNSIM 2.0."""

from pathlib import Path

from benchmarks.cost_models.score import EXACT, Score, score
from benchmarks.cost_models.tables import rows_of
from cost_models.reram.geometry import Geometry, Held, SliceLayout, program_time_ns

TABLES = ("mnsim_crossbar_rw.csv", "mnsim_fc.csv")


def scores(data: Path) -> list[Score]:
    """Compare write times with MNSIM, and show what lies outside crossbar and converters."""
    writes = []
    for row in rows_of(data / "mnsim_crossbar_rw.csv"):
        size = int(row["xbar"])
        geometry = Geometry(size, size, 1, SliceLayout.ADJACENT)
        held = Held(int(row["rows"]), int(row["cols"]))
        guess = program_time_ns(held, geometry, float(row["write_pulse_ns"]))
        writes.append((guess, float(row["write_latency_ns"])))
    reads = [
        (max(float(row["xbar_lat_ns"]), float(row["adc_lat_ns"])), float(row["latency_ns"]))
        for row in rows_of(data / "mnsim_fc.csv")
    ]
    note = "MNSIM's own crossbar and ADC times: buffers and inter-tile wires are not modelled"
    return [
        *score("mnsim_crossbar_rw", "write time", writes, limit=EXACT),
        *score("mnsim_fc", "layer latency from crossbar and ADC", reads, note),
    ]
