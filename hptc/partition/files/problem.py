"""A problem under the names of its file, and its answers as JSON."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from hptc.partition.files.figures import finite, periodic_json
from hptc.partition.files.runs import Id, Runs
from hptc.partition.period.periodic import PeriodicSolution
from hptc.partition.problem import (
    Assignment,
    Problem,
    Rerun,
    Solution,
    Transfer,
    relative_gap,
)


@dataclass(frozen=True, slots=True)
class FileProblem:
    """A problem with the names its file uses."""

    problem: Problem
    task_ids: tuple[Id, ...]
    link_indices: tuple[int, ...] | None
    """Position in the file of each link; None where the file has no links."""
    edges: int
    """So many values, the first ones, are edges of the file; the rest are its values."""

    def runs(self, reruns: Sequence[Rerun]) -> Runs:
        """Return all runs of an answer under the names of the file."""
        return Runs(self.problem, self.task_ids, reruns)

    def transfer_key(self, value: int) -> tuple[str, int]:
        """Return "edge" or "value", and the position of a value among those of the file."""
        return ("edge", value) if value < self.edges else ("value", value - self.edges)


def solution_json(file_problem: FileProblem, solution: Solution) -> dict[str, Any]:
    """Return the object that `hptc solve --json` prints; times in ns, wall time in s."""
    makespan, bound = solution.assignment.makespan_ns, solution.lower_bound_ns
    return {
        "makespan_ns": makespan,
        "lower_bound_ns": bound,
        "gap": finite(relative_gap(makespan, bound)),
        "status": solution.status.value,
        "wall_s": solution.wall_s,
        **assignment_json(file_problem, solution.assignment),
    }


def periodic_solution_json(file_problem: FileProblem, solution: PeriodicSolution) -> dict[str, Any]:
    """Return the object that `hptc solve --objective period --json` prints.

    Times are those of step 0; each is also told as the period it falls in, and how long after the
    start of that.
    """
    period_ns, step = solution.periodic.period_ns, solution.periodic.assignment
    found = assignment_json(file_problem, step)
    for row in chain(*found.values()):
        row["stage"], row["offset_ns"] = divmod(row["start_ns"], period_ns)
    return {
        "makespan_ns": step.makespan_ns,
        "status": solution.status.value,
        "wall_s": solution.wall_s,
        **periodic_json(file_problem.problem, solution),
        **found,
    }


def assignment_json(
    file_problem: FileProblem, assignment: Assignment
) -> dict[str, list[dict[str, Any]]]:
    """Return where and when tasks and transfers run."""
    runs = file_problem.runs(assignment.reruns)
    rows = []
    for t, placement in enumerate(assignment.placements):
        mode = runs.problem.tasks[t].modes[placement.mode]
        row: dict[str, Any] = {
            **runs.row(t),
            "device": runs.problem.devices[mode.device].name,
            "start_ns": placement.start_ns,
            "end_ns": placement.end_ns,
        }
        if mode.matrix is not None:
            row["matrix"] = runs.problem.matrices[mode.matrix].name
        rows.append(row)
    sent = assignment.transfers if file_problem.link_indices is not None else ()
    return {
        "assignment": rows,
        "transfers": [_transfer(file_problem, runs, assignment, transfer) for transfer in sent],
    }


def _transfer(
    file_problem: FileProblem, runs: Runs, assignment: Assignment, sent: Transfer
) -> dict[str, Any]:
    """Return one transfer; `dst` is the first of the readers on the device it goes to."""
    problem, links = runs.problem, file_problem.link_indices
    value, target = problem.values[sent.value], problem.links[sent.link].dst
    placements = assignment.placements
    there = (
        reader
        for reader in value.readers
        if problem.tasks[reader].modes[placements[reader].mode].device == target
    )
    kind, position = file_problem.transfer_key(runs.sources[sent.value])
    return {
        "src": runs.label(value.src),
        "dst": runs.label(next(there)),
        kind: position,
        "link": sent.link if links is None else links[sent.link],
        "start_ns": sent.start_ns,
        "end_ns": sent.end_ns,
    }
