"""Score the cost models on tables measured or simulated by others.

    python -m benchmarks.cost_models [--data DIR] [--json OUT]

Parameters come from the targets, and what a stand-alone timing adds (issue, start) from
`*_fit.json`; nothing is fitted here, but for GPUs left out in turn. Point `--data` at other rows of
the same tables to score the models on cases that they were not fitted to. Exits with 1 where a
figure misses its limit.
"""

import argparse
import sys
from collections.abc import Callable
from dataclasses import asdict
from math import inf, isfinite
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.cost_models import (
    gpu_gemm,
    gpu_steps,
    gpu_streams,
    links,
    mnsim,
    published,
    scalesim,
)
from benchmarks.cost_models.score import EXACT, Limit, Score
from benchmarks.reference import ENVIRONMENT_DIR, reference_dir
from benchmarks.stamp import write_stamped

BESIDE = Path(__file__).parents[2] / ".." / "shared" / "reference" / "cost_models"
"""Where the tables lie on the project's machines."""
PARTS: tuple[tuple[tuple[str, ...], Callable[[Path], list[Score]]], ...] = (
    (scalesim.TABLES, scalesim.scores),
    (gpu_gemm.TABLES, gpu_gemm.scores),
    (gpu_streams.TABLES, gpu_streams.scores),
    (gpu_steps.TABLES, gpu_steps.scores),
    (mnsim.TABLES, mnsim.scores),
    (links.TABLES, links.scores),
    (published.TABLES, published.scores),
)
"""Tables that a part reads, if any, and how it scores them."""


def all_scores(data: Path) -> tuple[list[Score], list[str]]:
    """Return the scores of every part, and the tables that the folder lacks (their part is left
    out)."""
    lines: list[Score] = []
    lacking: list[str] = []
    for tables, scores in PARTS:
        absent = [name for name in tables if not (data / name).is_file()]
        lacking += absent
        if not absent:
            lines += scores(data)
    return lines, lacking


def show(lines: list[Score]) -> None:
    """Print the scores."""
    table = Table(title="Cost models against reference tables")
    names = ("table", "family", "cases", "exact", "MAPE %", "worst %", "limit", "", "note")
    for name in names:
        table.add_column(name, justify="right" if name[:1] in "cewMl" else "left")
    for line in lines:
        table.add_row(
            line.table, line.family, str(line.cases), *_figures(line),
            _limit_text(line.limit), _verdict(line), line.note,
        )  # fmt: skip
    Console(width=None if sys.stdout.isatty() else 160).print(table)


def _figures(line: Score) -> tuple[str, str, str]:
    if isfinite(line.speedup):
        return "", f"{line.speedup:,.0f}x", ""
    return str(line.exact), f"{line.mape_pct:.2f}", f"{line.worst_pct:.1f}"


def _limit_text(limit: Limit) -> str:
    if limit == EXACT:
        return "exact"
    if isfinite(limit.speedup):
        return f"at least {limit.speedup:,.0f}x"
    parts = (("mean", limit.mape_pct), ("worst", limit.worst_pct))
    return ", ".join(f"{name} {value:g}" for name, value in parts if isfinite(value))


def _verdict(line: Score) -> str:
    if not _limit_text(line.limit):
        return ""
    return "MISSED" if line.missed else "ok"


def _line_json(line: Score) -> dict[str, object]:
    limit = {key: value for key, value in asdict(line.limit).items() if isfinite(value)}
    figures = {key: value for key, value in asdict(line).items() if value != inf}
    return {**figures, "limit": limit, "missed": line.missed}


def main() -> None:
    """Print the table; exit with 1 where a limit is missed."""
    parser = argparse.ArgumentParser(description="Score the cost models on reference tables.")
    parser.add_argument("--data", type=Path, help="folder of the tables (default: the reference)")
    parser.add_argument("--json", type=Path, help="where to write the scores")
    options = parser.parse_args()
    data = options.data or reference_dir("cost_models") or BESIDE
    if not data.is_dir():
        parser.error(f"{data} is no folder: give --data, or set {ENVIRONMENT_DIR}")
    lines, lacking = all_scores(data)
    show(lines)
    for name in lacking:
        print(f"not scored: {data} has no {name}", file=sys.stderr)
    if options.json:
        scored = [_line_json(line) for line in lines]
        write_stamped(options.json, {"data": str(data), "scores": scored})
    missed = [line for line in lines if line.missed]
    for line in missed:
        print(
            f"missed: {line.table} {line.family}: limit {_limit_text(line.limit)}",
            file=sys.stderr,
        )
    if lacking == [name for tables, _ in PARTS for name in tables]:
        parser.error(f"{data} has none of the tables")
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
