"""Quality and speed of the partitioner on graphs with known answers.

`python -m benchmarks.partitioner --data reference/scheduling [--time-limit S] [--json OUT]`
reads `hetero/BEST.csv` and `stg/OPT_*.csv` of the folder. Without `--data` it solves transformer-like
steps that it makes itself, and compares with the best single device.
"""

import argparse
import csv
import json
import random
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import permutations
from pathlib import Path

from rich.console import Console
from rich.table import Table

from hptc.errors import InfeasibleError
from hptc.partition.files import read_problem
from hptc.partition.problem import Device, Link, Matrix, Mode, Problem, Task, Value
from hptc.partition.solve import Limits, restrict, solve


@dataclass(frozen=True, slots=True)
class Case:
    """A problem and the makespan in ns it is compared with."""

    name: str
    problem: Problem
    known_ns: int | None


@dataclass(frozen=True, slots=True)
class Row:
    """What one solve reached; times in ns, wall time in s."""

    name: str
    tasks: int
    makespan_ns: int
    known_ns: int | None
    ratio: float | None
    lower_bound_ns: int
    gap: float
    status: str
    wall_s: float


def reference_cases(folder: Path) -> Iterator[Case]:
    with (folder / "hetero" / "BEST.csv").open() as rows:
        for row in csv.DictReader(rows):
            problem = read_problem(folder / "hetero" / row["file"]).problem
            yield Case(row["file"], problem, int(row["optimum_ns"]))
    for table in sorted((folder / "stg").glob("OPT_*.csv")):
        with table.open() as rows:
            for row in csv.DictReader(rows):
                processors = int(row["processors"])
                problem = read_problem(folder / "stg" / row["file"], processors=processors).problem
                known = int(row["upper_if_open"] or row["optimum_or_lower"])
                yield Case(f"{row['file']} x{processors}", problem, known)


def step_cases() -> Iterator[Case]:
    for blocks in (2, 6, 12, 40):
        problem = transformer_step(blocks, seed=blocks)
        singles = []
        for device in range(len(problem.devices)):
            try:
                alone = restrict(problem, {device})
            except InfeasibleError:
                continue
            singles.append(solve(alone, limits=Limits(time_s=2.0)).assignment.makespan_ns)
        yield Case(f"transformer step, {blocks} blocks", problem, min(singles, default=None))


def transformer_step(blocks: int, seed: int) -> Problem:
    """Return a training step with frozen matrices on ReRAM, a systolic array and a GPU over PCIe."""
    rng = random.Random(seed)
    tasks: list[Task] = []
    values: list[Value] = []
    readers: dict[int, list[int]] = {}
    sizes: dict[int, int] = {}
    matrices: list[Matrix] = []

    def add(kind: str, inputs: list[int], size: int, matrix: int | None = None) -> int:
        gpu = rng.randint(4_000, 7_000)
        modes = [Mode(0, gpu, gpu * 200_000)]
        if kind != "misc":
            slow = {"matrix": 3.0, "attend": 1.2, "vector": 0.6}[kind]
            array = int(gpu * slow * rng.uniform(0.7, 1.3))
            modes.append(Mode(1, array, array * 2_000))
        if matrix is not None:
            modes.append(Mode(2, rng.randint(2_000, 30_000), 5_000_000, matrix))
        tasks.append(Task(f"{kind}{len(tasks)}", tuple(modes)))
        for source in inputs:
            readers.setdefault(source, []).append(len(tasks) - 1)
        sizes[len(tasks) - 1] = size
        return len(tasks) - 1

    width = 64 * 768
    x = add("misc", [], width)
    saved: list[tuple[int, list[int]]] = []
    for block in range(blocks):
        base = len(matrices)
        matrices += [Matrix(f"w{block}.{i}", 2, 144 if i < 4 else 576) for i in range(6)]
        norm = add("vector", [x], width)
        q, k, v = (add("matrix", [norm], width, base + i) for i in range(3))
        score = add("attend", [q, k], 12 * 64 * 64)
        soft = add("vector", [score], 12 * 64 * 64)
        mixed = add("attend", [soft, v], width)
        out = add("matrix", [mixed], width, base + 3)
        mid = add("vector", [out, x], width)
        up = add("matrix", [mid], 4 * width, base + 4)
        act = add("vector", [up], 4 * width)
        down = add("matrix", [act], width, base + 5)
        x = add("vector", [down, mid], width)
        saved.append((base, [norm, q, k, v, soft, mid, up]))
    gradient = add("misc", [x], width)
    for base, (norm, q, k, v, soft, mid, up) in reversed(saved):
        d_act = add("matrix", [gradient], 4 * width, base + 5)
        d_up = add("vector", [d_act, up], 4 * width)
        d_mid = add("matrix", [d_up], width, base + 4)
        d_out = add("vector", [d_mid, gradient, mid], width)
        d_mixed = add("matrix", [d_out], width, base + 3)
        d_v, d_soft = add("attend", [d_mixed, soft], width), add("attend", [d_mixed, v], 12 * 4096)
        d_score = add("vector", [d_soft, soft], 12 * 4096)
        d_q, d_k = add("attend", [d_score, k], width), add("attend", [d_score, q], width)
        parts = [add("matrix", [d], width, base + i) for i, d in enumerate((d_q, d_k, d_v))]
        for d in (d_q, d_v):
            update = add("vector", [d, norm], 8 * 768)
            values.append(Value(update, (q if d == d_q else v,), 8 * 768 * 4, carried=True))
        gradient = add("vector", [*parts, d_out], width)
    values += [Value(source, tuple(to), sizes[source]) for source, to in readers.items()]
    devices = (
        Device("gpu", None, 5e4),
        Device("systolic", None, 1e3),
        Device("reram", 24_576, 500.0),
    )
    links = tuple(
        Link(a, b, 12.0 if 0 in (a, b) else 0.1, 7_000 if 0 in (a, b) else 50, 10.0)
        for a, b in permutations(range(3), 2)
    )
    return Problem(devices, links, tuple(tasks), tuple(values), tuple(matrices))


def measure(case: Case, time_limit_s: float) -> Row:
    found = solve(case.problem, limits=Limits(time_s=time_limit_s))
    makespan = found.assignment.makespan_ns
    return Row(
        name=case.name,
        tasks=len(case.problem.tasks),
        makespan_ns=makespan,
        known_ns=case.known_ns,
        ratio=makespan / case.known_ns if case.known_ns else None,
        lower_bound_ns=found.lower_bound_ns,
        gap=found.gap,
        status=found.status.value,
        wall_s=found.wall_s,
    )


def show(rows: list[Row], known: str) -> Table:
    table = Table("instance", "tasks", "makespan ns", known, "ratio", "bound ns", "gap", "wall s")
    for row in rows:
        table.add_row(
            row.name,
            str(row.tasks),
            f"{row.makespan_ns:,}",
            "" if row.known_ns is None else f"{row.known_ns:,}",
            "" if row.ratio is None else f"{row.ratio:.4f}",
            f"{row.lower_bound_ns:,}",
            row.status if row.status == "optimal" else f"{row.gap:.2%}",
            f"{row.wall_s:.2f}",
        )
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="folder with hetero/ and stg/")
    parser.add_argument("--time-limit", type=float, default=15.0, help="per instance, in s")
    parser.add_argument("--json", type=Path, help="write the rows there")
    options = parser.parse_args()
    cases = step_cases() if options.data is None else reference_cases(options.data)
    rows = [measure(case, options.time_limit) for case in cases]
    Console().print(show(rows, "best single device" if options.data is None else "optimum"))
    if options.json is not None:
        options.json.write_text(json.dumps([asdict(row) for row in rows], indent=2) + "\n")


if __name__ == "__main__":
    main()
