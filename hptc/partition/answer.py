"""Answers from files: what `hptc solve --json` prints, read back for the checker."""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hptc.errors import VerifyError
from hptc.partition.check import check
from hptc.partition.check_period import check_periodic
from hptc.partition.file_problem import FileProblem
from hptc.partition.files import read_json
from hptc.partition.json_reader import Reader
from hptc.partition.periodic import Periodic
from hptc.partition.problem import Assignment, Placement, Transfer, matrix_name
from hptc.partition.tables import transfer_ns

TIMES = ("start_ns", "end_ns")


def check_answer(file_problem: FileProblem, path: Path) -> Assignment:
    """Read an answer to a problem, or a steady state, and prove that it keeps every rule.

    Returns:
        The assignment, whose makespan is the one that the answer tells, if it does.

    Raises:
        ProblemError: the file does not have the form of an answer.
        VerifyError: names the rule that the answer breaks.
    """
    reader = Reader(str(path))
    top = reader.record("the file", read_json(path), ("assignment", "transfers"))
    placements = _placements(reader, file_problem, top["assignment"])
    rows = reader.array("transfers", top["transfers"])
    if file_problem.link_indices is None:
        transfers = _instant(file_problem, placements)
    else:
        sent = _Sent(reader, file_problem)
        transfers = [sent.read(index, raw) for index, raw in enumerate(rows)]
    found = Assignment(tuple(placements), tuple(transfers))
    if "period_ns" in top:
        period_ns, least = (
            _time(reader, key, top.get(key, 0)) for key in ("period_ns", "period_bound_ns")
        )
        check_periodic(file_problem.problem, Periodic(period_ns, found))
        if least > period_ns:
            raise _broken("no bound above the period", period_ns, least)
    else:
        check(file_problem.problem, found)
    told = top.get("makespan_ns", found.makespan_ns)
    if told != found.makespan_ns:
        raise _broken("the makespan is the end of the last task", found.makespan_ns, told)
    bound = top.get("lower_bound_ns", 0)
    if not isinstance(bound, int | float):
        raise reader.malformed("lower_bound_ns", "a number", repr(bound))
    if not bound <= found.makespan_ns:
        raise _broken("no bound above the makespan", found.makespan_ns, bound)
    return found


def _broken(rule: str, expected: object, found: object) -> VerifyError:
    return VerifyError(f"answer breaks the rule {rule!r}", expected=str(expected), found=str(found))


def _placements(reader: Reader, file_problem: FileProblem, raw: object) -> list[Placement]:
    tasks = {task_id: index for index, task_id in enumerate(file_problem.task_ids)}
    found: dict[int, Placement] = {}
    for index, row in enumerate(reader.array("assignment", raw)):
        where = f"assignment {index}"
        record = reader.record(where, row, ("task", "device", *TIMES))
        task_id = reader.identifier(f"{where}: task", record["task"])
        if task_id not in tasks or tasks[task_id] in found:
            raise _broken("one placement per task", "each task once", f"task {task_id!r}")
        start, end = (_time(reader, f"{where}: {key}", record[key]) for key in TIMES)
        mode = _mode(file_problem, tasks[task_id], record, end - start)
        found[tasks[task_id]] = Placement(mode, start, end)
    missing = [task_id for task_id, index in tasks.items() if index not in found]
    if missing:
        raise _broken("one placement per task", f"task {missing[0]!r} placed", "no placement")
    return [found[index] for index in range(len(tasks))]


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
        raise _broken("known mode", wanted, f"device {record['device']!r}")
    fit = {i: (m.duration_ns != length, m.matrix is not None, i) for i, m in modes}
    return min(fit, key=fit.__getitem__)


def _time(reader: Reader, where: str, raw: object) -> int:
    if not isinstance(raw, int) or isinstance(raw, bool):
        raise reader.malformed(where, "an integer", repr(raw))
    return raw


def _instant(file_problem: FileProblem, placements: Sequence[Placement]) -> list[Transfer]:
    """Return the transfers of a file without links: no answer tells them, as they take no time."""
    problem = file_problem.problem
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

    def __init__(self, reader: Reader, file_problem: FileProblem) -> None:
        self._reader = reader
        self._problem = file_problem.problem
        self._links = {raw: i for i, raw in enumerate(file_problem.link_indices or ())}
        self._tasks = {task_id: i for i, task_id in enumerate(file_problem.task_ids)}
        values = self._problem.values
        self._keys = {file_problem.transfer_key(v): v for v in range(len(values))}
        self._open: dict[tuple[int | None, ...], list[int]] = defaultdict(list)
        for v, value in enumerate(values):
            for reading in value.readers:
                self._open[value.src, reading].append(v)

    def read(self, index: int, raw: object) -> Transfer:
        """Return one transfer."""
        where = f"transfer {index}"
        record = self._reader.record(where, raw, ("src", "dst", "link", *TIMES))
        start, end = (_time(self._reader, f"{where}: {key}", record[key]) for key in TIMES)
        link = self._links.get(_time(self._reader, f"{where}: link", record["link"]))
        value = None if link is None else self._value(where, record, link, end - start)
        if link is None or value is None:
            raise _broken("known transfer", "an edge or value, and a link, of the problem", record)
        return Transfer(value, link, start, end)

    def _value(self, where: str, record: dict[str, Any], link: int, length: int) -> int | None:
        """Return the value between the ends told: the one named, or one that takes this long."""
        ends = [
            self._tasks.get(self._reader.identifier(f"{where}: {key}", record[key]))
            for key in ("src", "dst")
        ]
        values, candidates = self._problem.values, self._open[tuple(ends)]
        for key in ("edge", "value"):
            if key in record:
                v = self._keys.get((key, _time(self._reader, f"{where}: {key}", record[key])))
                is_fit = v is not None and values[v].src == ends[0] and ends[1] in values[v].readers
                return v if is_fit else None
        if not candidates:
            return None
        over = self._problem.links[link]
        best = min(candidates, key=lambda v: transfer_ns(over, values[v].bytes) != length)
        candidates.remove(best)
        return best
