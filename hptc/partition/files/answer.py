"""Assignments from files: what `hptc solve --json` prints, read back for the checker."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from hptc.partition.check_busy import broken
from hptc.partition.files.json_reader import Reader
from hptc.partition.files.problem import FileProblem
from hptc.partition.files.runs import Runs
from hptc.partition.problem import (
    Assignment,
    Placement,
    Problem,
    Rerun,
    Transfer,
    matrix_name,
)
from hptc.partition.reruns import check_reruns
from hptc.partition.tables import bringing_ns

TIMES = ("start_ns", "end_ns")


def read_assignment(
    reader: Reader, where: str, raw: object, file_problem: FileProblem
) -> Assignment:
    """Return the assignment that an object describes; that it keeps the rules is not checked.

    Raises:
        ProblemError: it does not have the form of an answer.
        VerifyError: a task has no placement, or there is no such task, mode or transfer.
    """
    top = reader.record(where, raw, ("assignment", "transfers"))
    placed = _Placed(reader, file_problem, top["assignment"])
    check_reruns(file_problem.problem, placed.reruns)
    runs = file_problem.runs(placed.reruns)
    rows = reader.array("transfers", top["transfers"])
    if file_problem.link_indices is None:
        transfers = _instant(runs.problem, placed.placements)
    else:
        sent = _Sent(reader, file_problem, placed, runs)
        transfers = [sent.read(index, raw) for index, raw in enumerate(rows)]
    return Assignment(placed.placements, tuple(transfers), placed.reruns)


class _Placed:
    """Reads where and when tasks run, and which of them again."""

    def __init__(self, reader: Reader, file_problem: FileProblem, raw: object) -> None:
        self._reader, self._file = reader, file_problem
        self._tasks = {task_id: index for index, task_id in enumerate(file_problem.task_ids)}
        rows = reader.array("assignment", raw)
        keys = ("task", "device", *TIMES)
        records = [reader.record(f"assignment {i}", row, keys) for i, row in enumerate(rows)]
        first = {(task, 1): task for task in range(len(self._tasks))}
        again = [(i, self._name(i, record)) for i, record in enumerate(records)]
        again = [(i, name) for i, name in again if name[1] != 1]
        self.position = first | {name: len(first) + i for i, (_, name) in enumerate(again)}
        """Of each run, by task and number."""
        found = self._placements(records)
        missing = [name for name in self.position if name not in found]
        if missing:
            task_id = file_problem.task_ids[missing[0][0]]
            raise broken("one placement per task", f"task {task_id!r} placed", "no placement")
        self.placements = tuple(found[name] for name in self.position)
        self.reruns = tuple(Rerun(task, self._served(i, records[i])) for i, (task, _) in again)

    def _placements(self, records: Sequence[dict[str, Any]]) -> dict[tuple[int, int], Placement]:
        found: dict[tuple[int, int], Placement] = {}
        for i, record in enumerate(records):
            name = self._name(i, record)
            if name in found:
                task_id = self._file.task_ids[name[0]]
                raise broken("one placement per task", "each run once", f"task {task_id!r}")
            start, end = (
                read_time(self._reader, f"assignment {i}: {key}", record[key]) for key in TIMES
            )
            found[name] = Placement(_mode(self._file, name[0], record, end - start), start, end)
        return found

    def _name(self, index: int, record: dict[str, Any]) -> tuple[int, int]:
        """Return task and number of the run that a row places."""
        where = f"assignment {index}"
        task_id = self._reader.identifier(f"{where}: task", record["task"])
        number = read_time(self._reader, f"{where}: run", record.get("run", 1))
        if task_id not in self._tasks:
            raise broken("one placement per task", "tasks of the problem", f"task {task_id!r}")
        return self._tasks[task_id], number

    def _served(self, index: int, record: dict[str, Any]) -> tuple[int, ...]:
        where = f"assignment {index}: serves"
        labels = self._reader.array(where, record.get("serves", []))
        found = [self.run(where, label) for label in labels]
        if None in found:
            raise broken("a rerun serves readers of its task", "runs of the answer", labels)
        return tuple(run for run in found if run is not None)

    def run(self, where: str, label: object) -> int | None:
        """Return the run that is called so; None if there is none."""
        raw, number = label, 1
        if isinstance(label, dict):
            record = self._reader.record(where, label, ("task", "run"))
            raw, number = record["task"], read_time(self._reader, where, record["run"])
        task = self._tasks.get(self._reader.identifier(where, raw))
        return None if task is None else self.position.get((task, number))


def _mode(file_problem: FileProblem, task: int, record: dict[str, Any], length: int) -> int:
    """Return the mode on the named device; of several, with the matrix or the time told.

    An answer that tells no matrix reads none where the time allows that.
    """
    problem = file_problem.problem
    modes = [
        (index, mode)
        for index, mode in enumerate(problem.tasks[task].modes)
        if problem.devices[mode.device].name == record["device"]
        and record.get("matrix", matrix_name(problem, mode)) == matrix_name(problem, mode)
    ]
    if not modes:
        wanted = f"a mode of task {file_problem.task_ids[task]!r}"
        raise broken("known mode", wanted, f"device {record['device']!r}")
    fit = {i: (m.duration_ns != length, m.matrix is not None, i) for i, m in modes}
    return min(fit, key=fit.__getitem__)


def read_time(reader: Reader, where: str, raw: object) -> int:
    """Return an integer; one below 0 breaks a rule, not the form."""
    if not isinstance(raw, int) or isinstance(raw, bool):
        raise reader.malformed(where, "an integer", repr(raw))
    return raw


def _instant(problem: Problem, placements: Sequence[Placement]) -> list[Transfer]:
    """Return the transfers of a file without links: no answer tells them, as they take no time."""
    at = [task.modes[p.mode].device for task, p in zip(problem.tasks, placements, strict=True)]
    link_of = {(link.src, link.dst): index for index, link in enumerate(problem.links)}
    found = []
    for v, value in enumerate(problem.values):
        for device in sorted({at[reader] for reader in value.readers} - {at[value.src]}):
            time = placements[value.src].end_ns
            found.append(Transfer(v, link_of[at[value.src], device], time, time))
    return found


class _Sent:
    """Reads transfers; one that does not name its edge or value gets the first left that fits."""

    def __init__(
        self, reader: Reader, file_problem: FileProblem, placed: _Placed, runs: Runs
    ) -> None:
        self._reader, self._placed = reader, placed
        self._problem = runs.problem
        self._links = {raw: i for i, raw in enumerate(file_problem.link_indices or ())}
        values = self._problem.values
        self._keys: dict[tuple[str, int, int | None], int] = {
            (*file_problem.transfer_key(source), values[v].src): v
            for v, source in enumerate(runs.sources)
        }
        self._open: dict[tuple[int | None, ...], list[int]] = defaultdict(list)
        for v, value in enumerate(values):
            for reading in value.readers:
                self._open[value.src, reading].append(v)

    def read(self, index: int, raw: object) -> Transfer:
        """Return one transfer."""
        where = f"transfer {index}"
        record = self._reader.record(where, raw, ("src", "dst", "link", *TIMES))
        start, end = (read_time(self._reader, f"{where}: {key}", record[key]) for key in TIMES)
        link = self._links.get(read_time(self._reader, f"{where}: link", record["link"]))
        value = None if link is None else self._value(where, record, link, end - start)
        if link is None or value is None:
            raise broken("known transfer", "an edge or value, and a link, of the problem", record)
        return Transfer(value, link, start, end)

    def _value(self, where: str, record: dict[str, Any], link: int, length: int) -> int | None:
        """Return the value between the ends told: the one named, or one that takes this long."""
        ends = [self._placed.run(f"{where}: {key}", record[key]) for key in ("src", "dst")]
        values, candidates = self._problem.values, self._open[tuple(ends)]
        for key in ("edge", "value"):
            if key in record:
                position = read_time(self._reader, f"{where}: {key}", record[key])
                v = self._keys.get((key, position, ends[0]))
                return v if v is not None and ends[1] in values[v].readers else None
        if not candidates:
            return None
        over = self._problem.links[link]
        best = min(candidates, key=lambda v: bringing_ns(over, values[v]) != length)
        candidates.remove(best)
        return best
