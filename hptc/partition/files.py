"""Task graphs from files: the JSON form and the Standard Task Graph form (`.stg`).

JSON: `devices` (names), `links` (src, dst, bw_bytes_per_ns, latency_ns), `tasks` (id, name, cost
per device in ns or null), `edges` (src, dst, bytes). Every edge is a value of its own.
"""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hptc.errors import InfeasibleError, ProblemError, UsageError
from hptc.partition.instance import prepare
from hptc.partition.json_graph import Reader, malformed
from hptc.partition.problem import Device, Problem, Solution, relative_gap
from hptc.partition.stg_graph import stg_problem

MAX_PROCESSORS = 1024


@dataclass(frozen=True, slots=True)
class FileProblem:
    """A problem with the names its file uses."""

    problem: Problem
    task_ids: tuple[int | str, ...]
    link_indices: tuple[int, ...] | None
    """Position in the file of each link; None where the file has no links."""


def read_problem(path: Path, *, processors: int | None = None) -> FileProblem:
    """Read a task graph.

    Args:
        path: a `.stg` file, or JSON under any other name.
        processors: how many identical processors an `.stg` graph runs on.

    Raises:
        ProblemError: the file is malformed or contradicts itself.
        InfeasibleError: a task has no device.
        UsageError: `processors` is missing, below 1, or given for a JSON file.
    """
    is_stg = path.suffix.lower() == ".stg"
    if is_stg and (processors is None or not 1 <= processors <= MAX_PROCESSORS):
        raise UsageError(
            f"{path}",
            expected=f"--processors M with M from 1 to {MAX_PROCESSORS} for an .stg graph",
            found="none" if processors is None else str(processors),
        )
    if not is_stg and processors is not None:
        raise UsageError(
            f"{path}",
            expected="--processors only with an .stg graph",
            found=f"--processors {processors} with a JSON problem",
            hint="Devices are listed in the file.",
        )
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise malformed(path, "a readable text file", error) from None
    if processors is None:
        found = _from_json(path, text)
    else:
        problem = stg_problem(path, text, processors)
        found = FileProblem(problem, tuple(range(len(problem.tasks))), None)
    try:
        prepare(found.problem)
    except (ProblemError, InfeasibleError) as error:
        raise type(error)(
            f"{path}: {error.where}", expected=error.expected, found=error.found, hint=error.hint
        ) from None
    return found


def solution_json(file_problem: FileProblem, solution: Solution) -> dict[str, Any]:
    """Return the object that `hptc solve --json` prints; times in ns, wall time in s."""
    problem, ids = file_problem.problem, file_problem.task_ids
    makespan, bound = solution.assignment.makespan_ns, solution.lower_bound_ns
    gap = relative_gap(makespan, bound)
    assignment = [
        {
            "task": ids[t],
            "device": problem.devices[problem.tasks[t].modes[placement.mode].device].name,
            "start_ns": placement.start_ns,
            "end_ns": placement.end_ns,
        }
        for t, placement in enumerate(solution.assignment.placements)
    ]
    transfers = []
    if file_problem.link_indices is not None:
        for sent in solution.assignment.transfers:
            value = problem.values[sent.value]
            transfers.append(
                {
                    "src": ids[value.src],
                    "dst": ids[value.readers[0]],
                    "link": file_problem.link_indices[sent.link],
                    "start_ns": sent.start_ns,
                    "end_ns": sent.end_ns,
                }
            )
    return {
        "makespan_ns": makespan,
        "lower_bound_ns": bound,
        "gap": gap if math.isfinite(gap) else None,
        "status": solution.status.value,
        "wall_s": solution.wall_s,
        "assignment": assignment,
        "transfers": transfers,
    }


def _from_json(path: Path, text: str) -> FileProblem:
    try:
        data = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        raise malformed(path, "JSON", error) from None
    except ValueError as error:
        raise malformed(path, "numbers of a sensible length", error) from None
    reader = Reader(str(path))
    top = reader.record("the file", data, ("devices", "links", "tasks", "edges"))
    names = reader.array("devices", top["devices"])
    if any(not isinstance(name, str) for name in names) or len(set(map(str, names))) < len(names):
        raise malformed(f"{path}: devices", "distinct names", names)
    links = [
        reader.link(i, raw, len(names)) for i, raw in enumerate(reader.array("links", top["links"]))
    ]
    ids: dict[int | str, int] = {}
    tasks = [
        reader.task(i, raw, len(names), ids)
        for i, raw in enumerate(reader.array("tasks", top["tasks"]))
    ]
    values = [reader.edge(i, raw, ids) for i, raw in enumerate(reader.array("edges", top["edges"]))]
    for task, task_id in zip(tasks, ids, strict=True):
        if not task.modes:
            raise InfeasibleError(
                f"{path}: task {task_id!r} ({task.name})",
                expected="a cost on at least one device",
                found="null on all of them",
            )
    kept = [i for i, link in enumerate(links) if link.src != link.dst]
    problem = Problem(
        tuple(Device(name) for name in names),
        tuple(links[i] for i in kept),
        tuple(tasks),
        tuple(values),
    )
    return FileProblem(problem, tuple(ids), tuple(kept))
