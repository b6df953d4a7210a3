"""Windows of a schedule that are searched side by side, and what becomes of both together."""

from itertools import islice

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from benchmarks.partitioner.generators import layered
from hptc.errors import InfeasibleError
from hptc.partition.check import check
from hptc.partition.decode import to_assignment
from hptc.partition.goal import Objective
from hptc.partition.limits import Clock, Limits
from hptc.partition.prepare import prepare
from hptc.partition.problem import Problem
from hptc.partition.search import Incumbent
from hptc.partition.seeds.heuristics import seeds
from hptc.partition.windows.splice import Found, splice
from hptc.partition.windows.surroundings import Surroundings
from hptc.partition.windows.window import Window
from tests.partition_cases import problems


def incumbent(problem: Problem) -> Incumbent:
    """Return a search that holds the first seed."""
    instance = prepare(problem)
    search = Incumbent(instance, Objective.LATENCY, Clock(Limits(work_s=100.0)), None)
    for schedule in islice(seeds(instance), 1):
        search.offer(schedule, "seed")
    return search


Promised = list[tuple[Found, int]]
"""What windows found, and the makespan in ns that it is to give."""


def searched(search: Incumbent, firsts: list[int], size: int) -> tuple[Surroundings, Promised]:
    """Return what windows of the incumbent found that were searched side by side to the end."""
    around = Surroundings(search.instance, search.schedule)
    windows = [Window(search, around, first, size) for first in firsts]
    windows = [window for window in windows if window.can_help]
    for window in windows:
        window.start(10.0, 100.0)
    outcomes = [window.wait() for window in windows]
    assert all(done.is_proven for done, _ in outcomes)
    return around, [
        (found, round(done.solver.objective_value)) for done, found in outcomes if found is not None
    ]


def spliced(around: Surroundings, found: list[Found]) -> int:
    """Return the makespan in ns of a schedule with windows in their place, which is a valid one."""
    schedule = splice(around, found)
    if schedule is None:
        assert len(found) > 1
        return around.schedule.makespan
    check(around.instance.problem, to_assignment(around.instance, schedule))
    return schedule.makespan


@given(problem=problems(most_tasks=7), size=st.integers(1, 4))
@settings(max_examples=100)
def test_what_windows_find_fits_into_the_schedule(problem: Problem, size: int) -> None:
    try:
        search = incumbent(problem)
    except InfeasibleError:
        return
    assume(search.best is not None)
    around, found = searched(search, list(range(0, len(problem.tasks), size)), size)
    has_pool = any(device.count > 1 for device in problem.devices)
    for window, promised_ns in found:
        assert promised_ns <= search.schedule.makespan
        makespan_ns = spliced(around, [window])
        # Retiming deals the units of a pool anew: behind the window they can be taken otherwise.
        assert has_pool or makespan_ns <= promised_ns
    spliced(around, [window for window, _ in found])


@pytest.mark.parametrize("seed", range(3))
def test_windows_far_apart_gain_together(seed: int) -> None:
    search = incumbent(layered(120, seed=seed))
    around, promised = searched(search, [80, 20, 50], 12)
    found = [window for window, _ in promised]
    gains = [search.schedule.makespan - spliced(around, [window]) for window in found]
    assert sum(gain > 0 for gain in gains) > 1
    assert search.schedule.makespan - spliced(around, found) > max(gains)
