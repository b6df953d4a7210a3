"""What the benchmark solves: files of a folder, or graphs that it makes, and what is promised."""

import csv
import math
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.partitioner.generators import layered, training
from hptc.errors import InfeasibleError, ProblemError
from hptc.partition.files.read import read_problem
from hptc.partition.problem import Problem

WALL_S = ((1_000, 10.0), (5_000, 30.0))
"""Up to so many tasks, a checked schedule with a bound comes within so many s."""
LONGEST_S = 120.0
"""And for more tasks."""
OPTIMUM_S, STG_S = 15.0, 30.0
STG_RATIO = 1.01
FAST_LINKS, SLOW_LINKS = 0.1, 1.0
"""Factors of communication to computation."""


@dataclass(frozen=True, slots=True)
class Case:
    """A problem, and what the solver has to reach on it."""

    name: str
    problem: Problem
    wall_s: float
    known_ns: int | None = None
    """The best makespan there is; None: other schedulers show what can be reached."""
    max_ratio: float = 1.0
    """Of the makespan to that, or to the best of the others; infinite: no promise."""
    max_gap: float | None = None
    is_stg: bool = False
    """Whether it counts among the STG instances with a known optimum."""


def time_for(tasks: int) -> float:
    """Return the time in s that a problem of so many tasks may take."""
    return next((time_s for most, time_s in WALL_S if tasks <= most), LONGEST_S)


def folder_cases(folder: Path, processors: int) -> Iterator[Case]:
    """Yield every `.json` and `.stg` file below a folder.

    A `BEST.csv` or `OPT_*.csv` beside a file tells its optimum; `processors` is for the `.stg`
    files without one.
    """
    for path in sorted((*folder.rglob("*.json"), *folder.rglob("*.stg"))):
        try:
            if path.suffix == ".stg":
                yield from _stg_cases(path, folder, processors)
            else:
                yield _json_case(path, folder)
        except (ProblemError, InfeasibleError) as error:
            print(f"left out: {error}", file=sys.stderr)


def _json_case(path: Path, folder: Path) -> Case:
    problem, known = read_problem(path).problem, _best(path)
    wall_s = time_for(len(problem.tasks)) if known is None else OPTIMUM_S
    return Case(str(path.relative_to(folder)), problem, wall_s, known)


def _best(path: Path) -> int | None:
    table = path.parent / "BEST.csv"
    rows = _rows(table) if table.is_file() else ()
    return next((int(row["optimum_ns"]) for row in rows if row["file"] == path.name), None)


def _stg_cases(path: Path, folder: Path, processors: int) -> Iterator[Case]:
    title = str(path.relative_to(folder))
    is_known = False
    for table in sorted(path.parent.glob("OPT_*.csv")):
        for row in (row for row in _rows(table) if row["file"] == path.name):
            is_known = True
            count, upper = int(row["processors"]), row["upper_if_open"]
            problem = read_problem(path, processors=count).problem
            best = int(upper or row["optimum_or_lower"])
            ratio = math.inf if upper else STG_RATIO
            yield Case(f"{title} x{count}", problem, STG_S, best, ratio, is_stg=not upper)
    if not is_known:
        problem = read_problem(path, processors=processors).problem
        yield Case(f"{title} x{processors}", problem, STG_S)


def _rows(table: Path) -> list[dict[str, str]]:
    with table.open(encoding="utf-8") as lines:
        return list(csv.DictReader(lines))


def generated_cases(sizes: Sequence[int], ccrs: Sequence[float], seed: int) -> Iterator[Case]:
    """Yield graphs of both families in all sizes and factors of communication."""
    for size in sizes:
        for ccr in ccrs:
            tail = f"{size} ccr {ccr:g} seed {seed}"
            made = (
                ("layered", layered(size, seed=seed, ccr=ccr), _layered_gap(size, ccr)),
                ("training", training(size, seed=seed, ccr=ccr), _training_gap(ccr)),
            )
            for family, problem, gap in made:
                yield Case(f"{family} {tail}", problem, time_for(size), max_gap=gap)


def _layered_gap(size: int, ccr: float) -> float | None:
    thousand, five_thousand = (most for most, _ in WALL_S)
    if size == five_thousand:
        return 0.05
    return 0.02 if size == thousand and ccr <= FAST_LINKS else None


def _training_gap(ccr: float) -> float | None:
    return 0.25 if ccr >= SLOW_LINKS else None
