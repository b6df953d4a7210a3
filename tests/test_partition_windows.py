"""Windows of a schedule that are searched side by side, and what becomes of both together."""

from itertools import islice

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from benchmarks.partitioner.generators import layered
from hptc.errors import InfeasibleError
from hptc.partition.check import check
from hptc.partition.decode import Schedule, to_assignment
from hptc.partition.goal import Objective
from hptc.partition.heuristics import seeds
from hptc.partition.instance import Instance, prepare
from hptc.partition.limits import Clock, Limits
from hptc.partition.problem import Problem
from hptc.partition.search import Incumbent
from hptc.partition.windows import Window
from tests.partition_cases import problems


def incumbent(problem: Problem) -> Incumbent:
    """Return a search that holds the first seed."""
    instance = prepare(problem)
    search = Incumbent(instance, Objective.LATENCY, Clock(Limits(work_s=100.0)), None)
    for schedule in islice(seeds(instance), 1):
        search.offer(schedule, "seed")
    return search


def searched(search: Incumbent, firsts: list[int], size: int) -> list[Window]:
    """Return windows that CP-SAT has ended with, all begun before one is waited for."""
    windows = [Window(search, first, size) for first in firsts]
    windows = [window for window in windows if window.can_help]
    for window in windows:
        window.start(10.0, 100.0)
    for window in windows:
        assert window.wait().is_proven
    return windows


def accepted(instance: Instance, schedule: Schedule) -> int:
    check(instance.problem, to_assignment(instance, schedule))
    return schedule.makespan


@given(problem=problems(most_tasks=7), size=st.integers(1, 4))
@settings(max_examples=60, deadline=None)
def test_what_windows_find_fits_together(problem: Problem, size: int) -> None:
    try:
        search = incumbent(problem)
    except InfeasibleError:
        return
    assume(search.best is not None)
    before = found = search.schedule
    firsts = list(range(0, len(problem.tasks), size))
    for window in searched(search, firsts[::-1], size):
        assert accepted(search.instance, window.merged(before)) <= before.makespan
        found = window.merged(found)
        accepted(search.instance, found)


def test_windows_far_apart_gain_both() -> None:
    search = incumbent(layered(120, seed=3))
    before = search.schedule
    late, early = searched(search, [80, 20], 12)
    alone = [accepted(search.instance, window.merged(before)) for window in (late, early)]
    both = accepted(search.instance, early.merged(late.merged(before)))
    assert max(alone) < before.makespan
    assert both < min(alone)
