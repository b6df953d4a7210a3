"""An assignment under other numbers: the same devices and the same sequence, timed anew."""

from hptc.partition.decode import Schedule, follow, sequence, to_assignment
from hptc.partition.instance import Instance
from hptc.partition.memory.held import is_overfull
from hptc.partition.problem import Assignment, matrix_name


def from_assignment(instance: Instance, assignment: Assignment) -> Schedule:
    """Return an assignment in the solvers' form."""
    placements, links = assignment.placements, instance.problem.links
    return Schedule(
        modes=tuple(placement.mode for placement in placements),
        start=tuple(placement.start_ns for placement in placements),
        end=tuple(placement.end_ns for placement in placements),
        sends={(t.value, links[t.link].dst): t.start_ns for t in assignment.transfers},
    )


def replay(built: Instance, assignment: Assignment, found: Instance) -> Assignment | None:
    """Return what becomes of an assignment if the numbers are not those it was made for.

    Args:
        built: The problem that the assignment answers.
        assignment: Devices of the tasks, and the sequence on every device and link.
        found: The same tasks, values, devices and links with other times and energies, perhaps with
            more values at the end that nobody reads. A task keeps to a matrix of the same name if
            it can, else it reads the usual one.

    Returns:
        The assignment timed by `found`, each start as early as the sequence allows; None where a
        task cannot run on its device there, or the crossbars or memories do not suffice.
    """
    schedule = from_assignment(built, assignment)
    modes = [_same(built, found, task, mode) for task, mode in enumerate(schedule.modes)]
    chosen = tuple(mode for mode in modes if mode is not None)
    if len(chosen) < len(modes) or not found.admits(chosen):
        return None
    timed = follow(found, chosen, sequence(built, schedule))
    return None if is_overfull(found, timed) else to_assignment(found, timed)


def _same(built: Instance, found: Instance, task: int, mode: int) -> int | None:
    """Return the mode of another problem that is on the same device and reads a like matrix."""
    before = built.problem.tasks[task].modes[mode]
    wanted = matrix_name(built.problem, before)
    for position, other in enumerate(found.problem.tasks[task].modes):
        if other.device == before.device and matrix_name(found.problem, other) == wanted:
            return position
    return found.mode_on[task].get(before.device)
