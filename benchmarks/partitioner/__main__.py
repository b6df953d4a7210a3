"""Quality and speed of the partitioner on graphs with known answers.

`python -m benchmarks.partitioner --data reference/scheduling [--time-limit S] [--json OUT]`
reads `hetero/BEST.csv` and `stg/OPT_*.csv` of the folder. Without `--data` it solves steps like
those of transformers, which it makes itself, and compares with the best single device.
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
from hptc.partition.limits import Limits
from hptc.partition.problem import Device, Link, Matrix, Mode, Problem, Task, Value
from hptc.partition.solve import restrict, solve


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


WIDTH = 64 * 768
"""Bytes of an activation: 64 tokens of width 768."""
SCORES = 12 * 64 * 64
ATTENTION = 4
"""Matrices of a block before the feed-forward pair."""
GPU_NS = (4_000, 7_000)
ARRAY_FACTOR = {"matrix": 3.0, "attend": 1.2, "vector": 0.6}
"""Time on the systolic array over the time on the GPU."""


class Step:
    """A training step under construction."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.tasks: list[Task] = []
        self.matrices: list[Matrix] = []
        self.sizes: list[int] = []
        self.readers: dict[int, list[int]] = {}
        self.carried: list[Value] = []

    def add(self, kind: str, inputs: list[int], size: int, matrix: int | None = None) -> int:
        gpu = self.rng.randint(*GPU_NS)
        modes = [Mode(0, gpu, gpu * 200_000)]
        if kind in ARRAY_FACTOR:
            array = int(gpu * ARRAY_FACTOR[kind] * self.rng.uniform(0.7, 1.3))
            modes.append(Mode(1, array, array * 2_000))
        if matrix is not None:
            modes.append(Mode(2, self.rng.randint(2_000, 30_000), 5_000_000, matrix))
        self.tasks.append(Task(f"{kind}{len(self.tasks)}", tuple(modes)))
        self.sizes.append(size)
        for source in inputs:
            self.readers.setdefault(source, []).append(len(self.tasks) - 1)
        return len(self.tasks) - 1

    def forward(self, block: int, x: int) -> tuple[int, list[int]]:
        """Add a block; return its output and what the backward pass reads."""
        base = len(self.matrices)
        for i in range(ATTENTION + 2):
            self.matrices.append(Matrix(f"w{block}.{i}", 2, 144 if i < ATTENTION else 576))
        norm = self.add("vector", [x], WIDTH)
        q, k, v = (self.add("matrix", [norm], WIDTH, base + i) for i in range(3))
        soft = self.add("vector", [self.add("attend", [q, k], SCORES)], SCORES)
        mixed = self.add("attend", [soft, v], WIDTH)
        mid = self.add("vector", [self.add("matrix", [mixed], WIDTH, base + 3), x], WIDTH)
        up = self.add("matrix", [mid], 4 * WIDTH, base + 4)
        act = self.add("vector", [up], 4 * WIDTH)
        down = self.add("matrix", [act], WIDTH, base + 5)
        return self.add("vector", [down, mid], WIDTH), [base, norm, q, k, v, soft, mid, up]

    def backward(self, gradient: int, saved: list[int]) -> int:
        """Add the gradients of a block and the updates of its adapters; return its gradient."""
        base, norm, q, k, v, soft, mid, up = saved
        d_act = self.add("matrix", [gradient], 4 * WIDTH, base + 5)
        d_mid = self.add("matrix", [self.add("vector", [d_act, up], 4 * WIDTH)], WIDTH, base + 4)
        d_out = self.add("vector", [d_mid, gradient, mid], WIDTH)
        d_mixed = self.add("matrix", [d_out], WIDTH, base + 3)
        d_v = self.add("attend", [d_mixed, soft], WIDTH)
        d_soft = self.add("attend", [d_mixed, v], SCORES)
        d_score = self.add("vector", [d_soft, soft], SCORES)
        d_q, d_k = (self.add("attend", [d_score, other], WIDTH) for other in (k, q))
        parts = [self.add("matrix", [d], WIDTH, base + i) for i, d in enumerate((d_q, d_k, d_v))]
        for d, reader in ((d_q, q), (d_v, v)):
            update = self.add("vector", [d, norm], 8 * 768)
            self.carried.append(Value(update, (reader,), 8 * 768 * 4, carried=True))
        return self.add("vector", [*parts, d_out], WIDTH)


def transformer_step(blocks: int, seed: int) -> Problem:
    """Return a step with frozen matrices on ReRAM, a systolic array, and a GPU over PCIe."""
    step = Step(seed)
    x = step.add("misc", [], WIDTH)
    saved = []
    for block in range(blocks):
        x, kept = step.forward(block, x)
        saved.append(kept)
    gradient = step.add("misc", [x], WIDTH)
    for kept in reversed(saved):
        gradient = step.backward(gradient, kept)
    sent = (Value(src, tuple(to), step.sizes[src]) for src, to in step.readers.items())
    devices = (
        Device("gpu", None, 5e4),
        Device("systolic", None, 1e3),
        Device("reram", 24_576, 500),
    )
    links = tuple(
        Link(a, b, 12.0 if 0 in (a, b) else 0.1, 7_000 if 0 in (a, b) else 50, 10.0)
        for a, b in permutations(range(3), 2)
    )
    values = (*step.carried, *sent)
    return Problem(devices, links, tuple(step.tasks), values, tuple(step.matrices))


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
