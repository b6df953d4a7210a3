"""How long a graph of 5,000 operations takes to verify, and in every pass.

    python -m benchmarks.passes [--runs 5] [--json OUT]

The graph is one chain, so that what a pass does for an operation and all before it would show.
Times are of the processor, medians of the runs. Exits with 1 where one is above its limit.
"""

import argparse
import sys
import time
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table

from benchmarks.stamp import write_stamped
from hptc.ir.dtypes import DType
from hptc.ir.graph import Graph, Named, Op, Phase, Ref, Update, Value, ValueKind
from hptc.ir.verify import verify
from passes import PIPELINE, run_passes

OPERATIONS = 5_000
VERIFY_LIMIT_S, PASS_LIMIT_S = 0.5, 1.0
KINDS = ("aten.mm.default", "aten.add.Tensor", "aten.exp.default")
SHAPE = (4, 4)


@dataclass(frozen=True, slots=True)
class Timed:
    """Time in s of verifying or of one pass, and its limit."""

    name: str
    time_s: float
    limit_s: float

    @property
    def missed(self) -> bool:
        """Say whether it took longer than it may."""
        return self.time_s > self.limit_s


def chain(operations: int = OPERATIONS) -> Graph:
    """Return operations that each read what the one before made; most read a buffer, too."""
    names = ["x", *(f"v{number}" for number in range(operations))]
    ops = []
    for number, (old, new) in enumerate(pairwise(names)):
        kind = KINDS[number % len(KINDS)]
        inputs = (Ref(old),) if kind == KINDS[-1] else (Ref(old), Ref("state"))
        ops.append(Op(new, kind, inputs, (new,)))
    made = (Value(name, SHAPE, DType.FLOAT32, ValueKind.COMPUTED) for name in names[1:])
    state = Value("state", SHAPE, DType.FLOAT32, ValueKind.BUFFER)
    values = (Value("x", SHAPE, DType.FLOAT32, ValueKind.BATCH), state, *made)
    left = (Named("output", names[-1]),)
    return Graph(Phase.FULL, values, tuple(ops), left, (Update("state", names[-1]),))


def timed(graph: Graph) -> dict[str, float]:
    """Return the time in s of verifying a graph, and of each pass over it."""
    marks = [time.process_time()]
    verify(graph)
    marks.append(time.process_time())
    names = ["verify"]

    def mark(name: str, _graph: Graph) -> None:
        names.append(name)
        marks.append(time.process_time())

    run_passes(graph, PIPELINE, mark)
    return {name: end - start for name, (start, end) in zip(names, pairwise(marks), strict=True)}


def measure(runs: int) -> list[Timed]:
    """Return the medians of some runs."""
    found = [timed(chain()) for _ in range(runs)]
    return [
        Timed(
            name,
            median(times[name] for times in found),
            VERIFY_LIMIT_S if name == "verify" else PASS_LIMIT_S,
        )
        for name in found[0]
    ]


def show(results: list[Timed]) -> None:
    """Print the times."""
    table = Table("pass", title=f"{OPERATIONS:,} operations: s, medians")
    for column in ("time", "limit", ""):
        table.add_column(column, justify="right")
    for line in results:
        verdict = "MISSED" if line.missed else "ok"
        table.add_row(line.name, f"{line.time_s:.3f}", f"{line.limit_s:.1f}", verdict)
    Console(width=None if sys.stdout.isatty() else 120).print(table)


def main() -> None:
    """Print the table; exit with 1 where a limit is missed."""
    parser = argparse.ArgumentParser(description="Time verifier and passes on a large graph.")
    parser.add_argument("--runs", type=int, default=5, help="of which the median counts")
    parser.add_argument("--json", type=Path, help="where to write the times")
    options = parser.parse_args()
    if options.runs < 1:
        parser.error("--runs: at least 1")
    results = measure(options.runs)
    show(results)
    if options.json:
        found = [{**asdict(line), "missed": line.missed} for line in results]
        about = {"operations": OPERATIONS, "runs": options.runs}
        write_stamped(options.json, {**about, "results": found})
    sys.exit(1 if any(line.missed for line in results) else 0)


if __name__ == "__main__":
    main()
