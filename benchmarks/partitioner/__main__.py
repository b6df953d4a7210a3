"""Quality and speed of the partitioner beside its peers: `python -m benchmarks.partitioner`.

Solves generated graphs, with `--steps` the project's own step graphs too, or every `.json` and
`.stg` file of `--data DIR` (a `BEST.csv` or `OPT_*.csv` beside them tells optima). Where no optimum
is known, single devices, HEFT and PEFT and all schedulers of SAGA solve the same; one checker
judges all. `--ablate` leaves out each part of the search in turn, `--latency` and
`--micro-batches` compile HpT's models instead. Exit status 1 where a promise is missed.
"""

import argparse
import json
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict
from itertools import chain
from pathlib import Path

from rich.console import Console

from benchmarks.partitioner.ablations import ablations
from benchmarks.partitioner.cases import (
    FAST_LINKS,
    LONGEST_S,
    SLOW_LINKS,
    Case,
    folder_cases,
    generated_cases,
)
from benchmarks.partitioner.latency import placed
from benchmarks.partitioner.overlap import overlapped
from benchmarks.partitioner.peers import OUT_OF_TIME, Peer, peers
from benchmarks.partitioner.solves import SHARE, in_child, solved
from benchmarks.partitioner.steps import step_cases
from benchmarks.partitioner.tables import (
    print_ablations,
    print_overlapped,
    print_peers,
    print_placed,
    print_rows,
)
from benchmarks.partitioner.verdicts import Row, row, summary
from benchmarks.partitioner.write import problem_json
from benchmarks.reference import reference_dir
from benchmarks.stamp import PACKAGES, write_stamped
from hptc.ir.graph import Phase
from hptc.partition.limits import Limits

SIZES = (200, 1_000, 5_000, 20_000)
Json = dict[str, object]


def find_cases(options: argparse.Namespace) -> Iterator[Case]:
    if options.data:
        found = folder_cases(options.data, options.processors)
    else:
        found = generated_cases(options.sizes, options.ccr, options.seed)
        if options.steps:
            found = chain(found, step_cases(options.models, Phase(options.phase)))
    only = re.compile(options.only)
    return (case for case in found if only.search(case.name))


def compare(console: Console, options: argparse.Namespace) -> tuple[Json, bool]:
    rows: list[Row] = []
    too_slow: dict[str, int] = {}
    for case in find_cases(options):
        limits = Limits(time_s=SHARE * (options.time_limit or case.wall_s), seed=options.seed)
        own = in_child(solved, case.problem, limits)
        others: list[Peer] = []
        if options.peers and case.known_ns is None:
            tasks = len(case.problem.tasks)
            without = [name for name, most in too_slow.items() if tasks >= most]
            others = in_child(peers, case.problem, options.peer_timeout, without)
            for peer in others:
                if peer.error == OUT_OF_TIME:
                    too_slow[peer.name] = tasks
        rows.append(row(case, own, others))
        print(f"{case.name}: {', '.join(rows[-1].missed) or 'ok'}", file=sys.stderr)
    if not rows:
        sys.exit("No such problem: --data, --sizes, --steps and --only choose them.")
    total = summary(rows)
    if any(item.peers for item in rows):
        print_peers(console, [item for item in rows if item.peers])
    print_rows(console, rows, total)
    return {"results": [asdict(item) for item in rows], "summary": asdict(total)}, bool(
        total.missed
    )


def ablate(console: Console, options: argparse.Namespace) -> tuple[Json, bool]:
    found = []
    for case in find_cases(options):
        for objective in options.objectives:
            time_s = options.time_limit or case.wall_s
            for item in ablations(case, objective, time_s, options.seed):
                print(f"{item.name} without {item.without}", file=sys.stderr)
                found.append(item)
    print_ablations(console, found)
    return {"ablations": [asdict(item) for item in found]}, False


def latency(console: Console, options: argparse.Namespace) -> tuple[Json, bool]:
    wanted = re.compile(options.only).search
    found = list(placed(options.time_limit or LONGEST_S, options.seed, wanted))
    print_placed(console, found)
    return {"latency": [asdict(item) for item in found]}, False


def overlap(console: Console, options: argparse.Namespace) -> tuple[Json, bool]:
    wanted, time_s = re.compile(options.only).search, options.time_limit or LONGEST_S
    found = list(overlapped(options.micro_batches, time_s, options.seed, wanted))
    print_overlapped(console, found)
    return {"micro_batches": [asdict(item) for item in found]}, False


def write(options: argparse.Namespace) -> None:
    """Write the problems as JSON instead of solving them."""
    options.write.mkdir(parents=True, exist_ok=True)
    for case in find_cases(options):
        name = re.sub(r"[^\w.-]+", "_", case.name.removesuffix(".json"))
        path = options.write / f"{name}.json"
        path.write_text(json.dumps(problem_json(case.problem)) + "\n", encoding="utf-8")


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.partitioner", description=__doc__)
    add = parser.add_argument
    add("--data", type=Path, metavar="DIR", help="solve the files of this folder")
    add("--processors", type=int, default=4, help="for .stg files without a table (4)")
    add("--sizes", type=_numbers(int), default=SIZES, help="of generated graphs: 200,1000,...")
    add(
        "--ccr",
        type=_numbers(float),
        default=(SLOW_LINKS, FAST_LINKS),
        help="slowness of their links: 1,0.1",
    )
    add("--steps", action="store_true", help="the project's own step graphs too")
    add("--models", type=Path, default=reference_dir("models"), help="folder of their ONNX models")
    add("--phase", default=Phase.LOW.value, choices=[phase.value for phase in Phase])
    add("--only", default="", metavar="REGEX", help="problems whose names hold it")
    add("--time-limit", type=float, help="in s for each (default: as promised for its size)")
    add("--peer-timeout", type=float, default=30.0, help="in s for each scheduler (30)")
    add("--no-peers", dest="peers", action="store_false", help="hptc alone")
    add("--seed", type=int, default=0)
    add("--ablate", action="store_true", help="leave out each part of the search, instead")
    add("--objectives", type=_names, default=("latency",), help="of --ablate: latency,energy,edp")
    add("--latency", action="store_true", help="steps of HpT's models beside all-GPU, instead")
    add(
        "--micro-batches",
        type=_numbers(int),
        metavar="4,16",
        help="the same, in steps of micro-batches that overlap",
    )
    add("--write", type=Path, metavar="DIR", help="write the problems as JSON, instead")
    add("--json", type=Path, help="write the results there")
    options = parser.parse_args()
    if options.data and not options.data.is_dir():
        parser.error(f"--data: {options.data} is not a folder")
    return options


def _numbers(kind: type[int] | type[float]) -> Callable[[str], tuple[float, ...]]:
    return lambda text: tuple(kind(part) for part in text.split(",") if part)


def _names(text: str) -> tuple[str, ...]:
    return tuple(filter(None, text.split(",")))


def main() -> int:
    options = parse_options()
    console = Console(width=180)
    if options.write:
        write(options)
        return 0
    instead = {ablate: options.ablate, latency: options.latency, overlap: options.micro_batches}
    run = next((run for run, is_wanted in instead.items() if is_wanted), compare)
    found, missed = run(console, options)
    if options.json:
        write_stamped(options.json, found, (*PACKAGES, "anrg-saga"))
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
