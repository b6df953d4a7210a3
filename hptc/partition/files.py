"""Task graphs from files: the JSON form and the Standard Task Graph form (`.stg`).

JSON: `devices` (names), `links` (src, dst, bw_bytes_per_ns, latency_ns), `tasks` (id, name, cost
per device in ns or null), `edges` (src, dst, bytes). Every edge is a value of its own.
"""

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path
from typing import Any

from hptc.errors import InfeasibleError, ProblemError, UsageError
from hptc.partition.instance import prepare
from hptc.partition.problem import Device, Link, Mode, Problem, Solution, Task, Value

LARGEST = 10**18
"""Largest time or size accepted, in ns or bytes: beyond it is a mistake of units."""

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
        raise _malformed(path, "a readable text file", error) from None
    found = _from_stg(path, text, processors or 1) if is_stg else _from_json(path, text)
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
    gap = 0.0 if makespan <= bound else makespan / bound - 1 if bound else None
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
        "gap": gap,
        "status": solution.status.value,
        "wall_s": solution.wall_s,
        "assignment": assignment,
        "transfers": transfers,
    }


def _malformed(where: object, expected: str, found: object, hint: str = "") -> ProblemError:
    shown = str(found)
    return ProblemError(
        str(where), expected=expected, found=shown if len(shown) <= 200 else f"{shown[:200]}…", hint=hint
    )


def _from_json(path: Path, text: str) -> FileProblem:
    try:
        data = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        raise _malformed(path, "JSON", error) from None
    except ValueError as error:
        raise _malformed(path, "numbers of a sensible length", error) from None
    reader = _Reader(str(path))
    top = reader.record("the file", data, ("devices", "links", "tasks", "edges"))
    names = reader.array("devices", top["devices"])
    if any(not isinstance(name, str) for name in names) or len(set(map(str, names))) < len(names):
        raise _malformed(f"{path}: devices", "distinct names", names)
    links = [reader.link(i, raw, len(names)) for i, raw in enumerate(reader.array("links", top["links"]))]
    ids: dict[int | str, int] = {}
    tasks = [
        reader.task(i, raw, len(names), ids) for i, raw in enumerate(reader.array("tasks", top["tasks"]))
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


@dataclass(frozen=True, slots=True)
class _Reader:
    """Checks the pieces of a JSON problem; every complaint names file and place."""

    path: str

    def record(self, where: str, raw: object, keys: tuple[str, ...]) -> dict[str, Any]:
        if not isinstance(raw, dict):
            raise _malformed(f"{self.path}: {where}", "an object", raw)
        missing = [key for key in keys if key not in raw]
        if missing:
            raise _malformed(f"{self.path}: {where}", f"the keys {', '.join(keys)}", f"no {missing}")
        return raw

    def array(self, where: str, raw: object) -> list[Any]:
        if not isinstance(raw, list):
            raise _malformed(f"{self.path}: {where}", "a list", raw)
        return raw

    def whole(self, where: str, raw: object, limit: int = LARGEST) -> int:
        """Return an integer from 0 to `limit`; 5.0 counts as 5."""
        fine = isinstance(raw, int | float) and not isinstance(raw, bool)
        if not fine or not math.isfinite(raw) or raw != int(raw) or not 0 <= raw <= limit:
            raise _malformed(f"{self.path}: {where}", f"an integer from 0 to {limit}", json.dumps(raw))
        return int(raw)

    def position(self, where: str, raw: object, count: int) -> int:
        if not isinstance(raw, int) or isinstance(raw, bool) or not 0 <= raw < count:
            raise _malformed(f"{self.path}: {where}", f"a device from 0 to {count - 1}", raw)
        return raw

    def link(self, index: int, raw: object, devices: int) -> Link:
        where = f"link {index}"
        record = self.record(where, raw, ("src", "dst", "bw_bytes_per_ns", "latency_ns"))
        speed = record["bw_bytes_per_ns"]
        fine = isinstance(speed, int | float) and not isinstance(speed, bool)
        if not fine or not 1 / LARGEST <= speed <= LARGEST:
            raise _malformed(f"{self.path}: {where}", "a positive bw_bytes_per_ns", speed)
        return Link(
            self.position(f"{where}: src", record["src"], devices),
            self.position(f"{where}: dst", record["dst"], devices),
            float(speed),
            self.whole(f"{where}: latency_ns", record["latency_ns"]),
        )

    def task(self, index: int, raw: object, devices: int, ids: dict[int | str, int]) -> Task:
        record = self.record(f"task {index}", raw, ("id", "cost"))
        task_id = record["id"]
        if not isinstance(task_id, int | str) or isinstance(task_id, bool):
            raise _malformed(f"{self.path}: task {index}", "an id (integer or string)", task_id)
        if task_id in ids:
            raise _malformed(f"{self.path}: task {index}", "ids used once", f"id {task_id!r} again")
        ids[task_id] = index
        costs = self.array(f"task {task_id!r}: cost", record["cost"])
        if len(costs) != devices:
            wanted = f"one cost per device ({devices})"
            raise _malformed(f"{self.path}: task {task_id!r}", wanted, f"{len(costs)} costs")
        modes = tuple(
            Mode(device, self.whole(f"task {task_id!r}: cost", cost))
            for device, cost in enumerate(costs)
            if cost is not None
        )
        return Task(str(record.get("name", task_id)), modes)

    def edge(self, index: int, raw: object, ids: dict[int | str, int]) -> Value:
        record = self.record(f"edge {index}", raw, ("src", "dst", "bytes"))
        for end in (record["src"], record["dst"]):
            if not isinstance(end, int | str) or isinstance(end, bool) or end not in ids:
                raise _malformed(f"{self.path}: edge {index}", "the ids of two tasks", end)
        size = self.whole(f"edge {index}: bytes", record["bytes"])
        return Value(ids[record["src"]], (ids[record["dst"]],), size)


def _from_stg(path: Path, text: str, processors: int) -> FileProblem:
    """Read tasks 0 to n + 1 (dummy entry and exit included) and connect processors for free."""
    lines = [line.split() for line in text.splitlines()]
    rows = [words for words in lines if words and not words[0].startswith("#")]
    number: Callable[[int, str], int] = lambda row, word: _stg_number(path, row, word)
    if not rows or len(rows[0]) != 1:
        raise _malformed(path, "a first line with the number of tasks", " ".join(sum(rows[:1], [])))
    count = number(0, rows[0][0]) + 2
    if len(rows) - 1 != count:
        wanted = f"{count} rows of tasks after the first (entry and exit included)"
        raise _malformed(path, wanted, f"{len(rows) - 1}")
    tasks, values = [], []
    for task, words in enumerate(rows[1:]):
        numbers = [number(task + 1, word) for word in words]
        if len(numbers) < 3 or numbers[0] != task or len(numbers) != 3 + numbers[2]:
            wanted = f"row {task} as: {task}, time, number of predecessors, predecessors"
            raise _malformed(path, wanted, " ".join(words))
        modes = tuple(Mode(device, numbers[1]) for device in range(processors))
        tasks.append(Task(f"t{task}", modes))
        for before in numbers[3:]:
            if before >= count:
                raise _malformed(f"{path}: task {task}", f"tasks below {count}", before)
            values.append(Value(before, (task,), 0))
    devices = tuple(Device(f"p{i}") for i in range(processors))
    links = tuple(Link(a, b, 1.0, 0) for a, b in permutations(range(processors), 2))
    problem = Problem(devices, links, tuple(tasks), tuple(values))
    return FileProblem(problem, tuple(range(count)), None)


def _stg_number(path: Path, row: int, word: str) -> int:
    if not (word.isascii() and word.isdigit()) or len(word) > len(str(LARGEST)):
        raise _malformed(f"{path}: row {row}", "integers of at least 0", word)
    return int(word)
