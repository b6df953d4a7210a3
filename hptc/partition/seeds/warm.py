"""A first assignment from places that are known beforehand."""

from collections.abc import Mapping, Sequence

from hptc.partition.decode import decode_by_rank, to_assignment
from hptc.partition.memory.decode import fitted
from hptc.partition.prepare import prepare
from hptc.partition.problem import Assignment, Mode, Problem

Place = tuple[int, str | None]
"""A device, and the matrix read there."""


def assign(problem: Problem, places: Sequence[Place | None]) -> Assignment | None:
    """Return the tasks in given places, those with the longest way to go first.

    Args:
        problem: What is to be placed.
        places: Of each task; None if nothing is known. A task that has no such mode takes one that
            needs least crossbars, on that device if it can.

    Returns:
        The answer; None where the crossbars, the memory or the links do not suffice.
    """
    instance = prepare(problem)
    modes = instance.settled([_mode(problem, t, place) for t, place in enumerate(places)])
    if not instance.admits(modes):
        return None
    found = fitted(instance, decode_by_rank(instance, modes))
    return None if found is None else to_assignment(instance, found)


def place_of(problem: Problem, mode: Mode) -> Place:
    """Return where a mode of a problem runs."""
    return mode.device, None if mode.matrix is None else problem.matrices[mode.matrix].name


def modes_at(problem: Problem, places: Mapping[str, Place]) -> list[int]:
    """Return modes of tasks in places, by name; others take one of least crossbars and time."""
    return [_mode(problem, t, places.get(task.name)) for t, task in enumerate(problem.tasks)]


def _mode(problem: Problem, task: int, place: Place | None) -> int:
    modes = problem.tasks[task].modes

    def strangeness(position: int) -> tuple[bool, bool, int, int]:
        mode = modes[position]
        is_there = place is not None and mode.device == place[0]
        held = 0 if mode.matrix is None else problem.matrices[mode.matrix].crossbars
        return not is_there, place_of(problem, mode) != place, held, mode.duration_ns

    return min(range(len(modes)), key=strangeness)
