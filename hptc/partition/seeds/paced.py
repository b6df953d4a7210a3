"""Schedules whose loads are level in each stretch of the step, not only over the whole.

The relaxation levels the loads of devices and links over the whole step. But what a device lacks
in one stretch no later one makes up for, where its tasks wait for those before. So tasks take turns
along the best schedule known, the sum of what the turns take is minimised, and what comes of that
is timed; its sequence then makes better turns.
"""

from collections.abc import Callable
from math import sqrt

from hptc.partition.bounds.lp import solved, work_s
from hptc.partition.bounds.relax import paced
from hptc.partition.bounds.rounding import nearest
from hptc.partition.decode import Schedule, by_start
from hptc.partition.instance import Instance
from hptc.partition.limits import LEAST_S
from hptc.partition.search import Incumbent

TURN = 8.0
"""Tasks in a turn over the root of all tasks: a turn goes that far beyond the usual width."""
SHARE = 0.4
"""Share of the time left for all rounds."""
PATH_SHARE = 0.5
"""Share of the best schedule up to which the longest path leaves the say to the loads."""
SLACK = 1.05
"""What the first round finds may be so much longer than what is known: the next are better."""
PROGRESS = 0.001
"""Relative gain of a round below which it is the last."""


def plant_paced(search: Incumbent, paths_ns: int, beside: Callable[[], None]) -> None:
    """Offer schedules with level loads while rounds get better and there is time.

    Args:
        search: Holds a schedule.
        paths_ns: A bound in ns on the longest path.
        beside: Called before each round: takes in what is computed beside.
    """
    instance, parts = search.instance, search.clock.limits.parts
    is_wanted = parts.levels and search.objective.is_makespan and not instance.is_dense
    if not is_wanted or paths_ns > PATH_SHARE * search.value:
        return
    clock = search.clock.part(max(SHARE * search.clock.left_s, LEAST_S))
    known, longest_ns = search.schedule, SLACK * search.value
    while not search.is_done:
        beside()
        turn = _turns(instance, known)
        if work_s(instance.pairs, max(turn) + 1) > clock.left_s:
            return
        relaxed = paced(instance, search.schedule.makespan, turn)
        relaxed.minimise_makespan()
        if relaxed.rows.work_s > clock.left_s:
            return
        optimum = solved(relaxed.rows, clock)
        if optimum is None:
            return
        found = list(nearest(instance, relaxed, optimum.values, known))
        for schedule in found:
            search.offer(schedule, "paced")
        known = min(found, key=lambda schedule: schedule.makespan, default=known)
        if known.makespan > longest_ns:
            return
        longest_ns = (1 - PROGRESS) * known.makespan


def _turns(instance: Instance, known: Schedule) -> list[int]:
    """Return the turn of each task: as many tasks in each, as they start in a known schedule."""
    count = max(1, round(sqrt(instance.tasks) / TURN))
    turn = [0] * instance.tasks
    for position, task in enumerate(by_start(instance, known)):
        turn[task] = position * count // instance.tasks
    return turn
