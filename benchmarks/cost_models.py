"""How far the cost models are from tables measured or simulated by others.

    python -m benchmarks.cost_models [--data DIR] [--json OUT]

Nothing is fitted here: parameters come from the built-in targets, and what a stand-alone timing
adds (issue, start) from `gpu_fit.json`. Point `--data` at other rows of the same tables to score
the models on cases that they were not fitted to.
"""

import argparse
import json
import os
from collections import defaultdict
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.gpu_scores import gpu_scores
from benchmarks.gpu_tables import rows_of
from benchmarks.score import Score, score
from benchmarks.stamp import stamp
from cost_models.crossbar import Geometry, Held, SliceLayout, program_time_ns
from cost_models.systolic_gemm import (
    Array,
    Dataflow,
    FoldOverlap,
    Gemm,
    compute_utilisation,
    cycles,
    dram_words,
    mapping_efficiency,
    overall_utilisation,
    sram_words,
)
from hptc.partition.instance import transfer_ns
from hptc.partition.problem import Link
from hptc.units import NS_PER_MS

Pairs = dict[str, list[tuple[float, float]]]
ENVIRONMENT_DIR = "HPTC_REFERENCE_DIR"
PUBLISHED_LINKS = {
    "h100_dgx": Link(0, 1, 62.6, 3_000),  # reference README section 4, on Vidur
    "a100_dgx": Link(0, 1, 195.0, 10_000),  # Calculon: 300 GB/s x 0.65, 10 us
}
"""Constants read elsewhere for links that Vidur measured."""


def scale_sim_scores(data: Path) -> list[Score]:
    """Compare the closed forms with SCALE-Sim's counts."""
    pairs: Pairs = defaultdict(list)
    for row in rows_of(data / "scalesim_gemm.csv"):
        for name, guess, column, scale in _counts(row):
            pairs[name].append((guess, float(row[column]) / scale))
    return [line for name, found in pairs.items() for line in score("scalesim_gemm", name, found)]


def _shape(row: dict[str, str]) -> tuple[Gemm, Array, Dataflow]:
    gemm = Gemm(*(int(row[key]) for key in ("M", "K", "N")))
    return gemm, Array(int(row["rows"]), int(row["cols"])), Dataflow(row["dataflow"])


def _counts(row: dict[str, str]) -> list[tuple[str, float, str, float]]:
    """Name, guess, column and scale of everything SCALE-Sim prints for one case."""
    gemm, array, dataflow = shape = _shape(row)
    sram = sram_words(*shape)
    dram = dram_words(*shape, _half_buffer_words(row))
    return [
        ("cycles", cycles(gemm, array, dataflow, FoldOverlap.SCALE_SIM), "total_cycles", 1),
        ("overall utilisation", overall_utilisation(*shape), "overall_util_pct", 100),
        ("mapping efficiency", mapping_efficiency(*shape), "mapping_eff_pct", 100),
        ("compute utilisation", compute_utilisation(*shape), "compute_util_pct", 100),
        ("SRAM ifmap", sram.ifmap, "sram_ifmap_reads", 1),
        ("SRAM filter", sram.filter, "sram_filter_reads", 1),
        ("SRAM ofmap", sram.ofmap, "sram_ofmap_writes", 1),
        ("DRAM ifmap", dram.ifmap, "dram_ifmap_reads", 1),
        ("DRAM filter", dram.filter, "dram_filter_reads", 1),
        ("DRAM ofmap", dram.ofmap, "dram_ofmap_writes", 1),
    ]


def _half_buffer_words(row: dict[str, str]) -> int:
    """SCALE-Sim rounds half a buffer down to 50 words."""
    return 50 * (int(row["sram_kb"]) * 1024 // 100)


def stall_scores(data: Path) -> list[Score]:
    """Compare a physical stall (compute or memory, the longer) with SCALE-Sim's double count."""
    pairs = []
    for row in rows_of(data / "scalesim_gemm_userbw.csv"):
        shape = _shape(row)
        moved = dram_words(*shape, _half_buffer_words(row)).total
        compute = cycles(*shape, FoldOverlap.SCALE_SIM)
        pairs.append((max(compute, moved / float(row["bw"])), float(row["total_cycles"])))
    note = "not aimed at: SCALE-Sim counts stalls twice (issue #130)"
    return score("scalesim_gemm_userbw", "cycles with stalls", pairs, note)


def mnsim_scores(data: Path) -> list[Score]:
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
        *score("mnsim_crossbar_rw", "write time", writes),
        *score("mnsim_fc", "layer latency from crossbar and ADC", reads, note),
    ]


def link_scores(data: Path) -> list[Score]:
    """Compare latency + bytes/bandwidth, with published constants, with measured sends."""
    pairs: Pairs = defaultdict(list)
    for row in rows_of(data / "interconnect_vidur.csv"):
        link = PUBLISHED_LINKS.get(row["cluster"])
        if link and row["collective"] == "send_recv":
            guess = transfer_ns(link, int(row["bytes"]))
            pairs[row["cluster"]].append((guess, float(row["time_ms"]) * NS_PER_MS))
    note = "published constants, not fitted"
    return [
        line
        for name, found in pairs.items()
        for line in score("interconnect_vidur", f"{name} send/recv", found, note)
    ]


def show(lines: list[Score]) -> None:
    """Print the scores."""
    table = Table(title="Cost models against reference tables")
    for name in ("table", "family", "cases", "exact", "MAPE %", "worst %", "note"):
        table.add_column(name, justify="right" if name[0] in "cewM" else "left")
    for line in lines:
        table.add_row(
            line.table, line.family, str(line.cases), str(line.exact),
            f"{line.mape_pct:.2f}", f"{line.worst_pct:.1f}", line.note,
        )  # fmt: skip
    Console().print(table)


def report(lines: list[Score], data: Path) -> dict[str, object]:
    """Return the scores with what is needed to repeat them."""
    return {
        **stamp(),
        "data": str(data),
        "scores": [asdict(line) for line in lines],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="Score the cost models on reference tables.")
    parser.add_argument(
        "--data", type=Path, help=f"folder of the tables (default {ENVIRONMENT_DIR}/cost_models)"
    )
    parser.add_argument("--json", type=Path, help="where to write the scores")
    options = parser.parse_args()
    data = options.data or Path(os.environ.get(ENVIRONMENT_DIR, "")) / "cost_models"
    if not data.is_dir():
        parser.error(f"{data} is no folder: give --data, or set {ENVIRONMENT_DIR}")
    lines = [
        *scale_sim_scores(data),
        *stall_scores(data),
        *gpu_scores(data),
        *mnsim_scores(data),
        *link_scores(data),
    ]
    show(lines)
    if options.json:
        options.json.write_text(json.dumps(report(lines, data), indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
