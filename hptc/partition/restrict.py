"""Problems on some of their devices, and the search of one set of devices after the other.

A device that runs anything is powered over the whole step, so where energies count the best
schedules of different sets of devices have little in common: windows do not lead from one to the
other. The sets are few, and each is searched on its own.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace

from hptc.errors import InfeasibleError, TimeLimitError
from hptc.partition.decode import Schedule
from hptc.partition.fronts.frontiers import Frontiers, Proven
from hptc.partition.instance import Instance
from hptc.partition.limits import Clock
from hptc.partition.outcome import TOLERANCE
from hptc.partition.prepare import prepare
from hptc.partition.problem import Problem
from hptc.partition.search import Incumbent

FIRST_SHARE = 0.4
"""Share of the time left for the most promising set."""
NEXT_SHARE = 0.5
"""What each further set has of the time of the one before."""


def restrict(problem: Problem, devices: Collection[int]) -> Problem:
    """Return the problem with the modes on `devices` only (positions stay).

    Raises:
        InfeasibleError: a task has no mode there.
    """
    tasks = []
    for task in problem.tasks:
        modes = tuple(mode for mode in task.modes if mode.device in devices)
        if not modes:
            names = ", ".join(problem.devices[d].name for d in sorted(devices))
            raise InfeasibleError(
                f"task {task.name!r}",
                expected=f"a mode on one of the devices {names or 'given (none)'}",
                found="none",
                hint="Allow another device for it.",
            )
        tasks.append(replace(task, modes=modes))
    return replace(problem, tasks=tuple(tasks))


def search_sets(
    search: Incumbent, solve_part: Callable[[Instance, Clock, Proven], Schedule]
) -> None:
    """Offer the best schedules of all sets of devices that may hold a better one.

    Args:
        search: Gains the schedules.
        solve_part: Returns the best schedule of an instance and adds to what is proven of it, or
            raises one of the errors of `hptc.partition.solve.solve`.
    """
    instance, clock = search.instance, search.clock
    frontiers = Frontiers(search.objective, search.proven)
    used = {device for row in instance.device for device in row}
    sets = frontiers.promising(search.bound_ns, search.value / (1 + TOLERANCE))
    parts = replace(clock.limits.parts, sets=False, segments=False)
    span_s = FIRST_SHARE * clock.left_s
    for devices in (devices for devices in sets if devices < used):
        if search.is_done:
            return
        own = clock.part(span_s)
        span_s *= NEXT_SHARE
        own = replace(own, limits=replace(own.limits, parts=parts))
        known = search.proven.part(devices)
        try:
            part = prepare(restrict(instance.problem, devices))
            found = solve_part(part, own, known)
            search.offer(replace(found, modes=widened(instance, devices, found.modes)), "set")
        except (InfeasibleError, TimeLimitError):
            continue
        finally:
            search.proven.take(devices, known)


def widened(instance: Instance, devices: Collection[int], modes: Sequence[int]) -> tuple[int, ...]:
    """Return modes of the problem restricted to `devices` as modes of the whole."""
    return tuple(
        [position for position, device in enumerate(row) if device in devices][mode]
        for row, mode in zip(instance.device, modes, strict=True)
    )
