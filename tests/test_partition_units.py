"""Devices of several identical units, and tasks that have to share a device."""

from dataclasses import replace
from itertools import permutations

import pytest

from hptc.errors import InfeasibleError, ProblemError, VerifyError
from hptc.partition.check import check
from hptc.partition.goal import Objective
from hptc.partition.limits import Limits, Progress
from hptc.partition.problem import (
    Assignment,
    Device,
    Link,
    Mode,
    Placement,
    Problem,
    Status,
    Task,
    Value,
)
from hptc.partition.solve import solve
from tests.partition_cases import QUICK, layers


def _tasks(*lengths: int) -> tuple[Task, ...]:
    return tuple(Task(f"t{i}", (Mode(0, length),)) for i, length in enumerate(lengths))


def test_tasks_share_the_units_of_a_device() -> None:
    problem = Problem((Device("array", count=3),), (), _tasks(5, 5, 4, 4, 3, 3, 3), ())
    found = solve(problem, limits=QUICK)
    assert (found.value, found.lower_bound_ns, found.status) == (9, 9, Status.OPTIMAL)


def test_many_tasks_on_units_are_bounded_by_their_load() -> None:
    problem = Problem((Device("array", count=4),), (), _tasks(*range(1, 161)), ())
    found = solve(problem, limits=QUICK)
    assert (found.value, found.lower_bound_ns) == (160 * 161 // 8, 160 * 161 // 8)


def test_more_tasks_at_a_time_than_units_are_named() -> None:
    problem = Problem((Device("array", count=2),), (), _tasks(4, 4, 0, 4), ())
    good = Assignment(tuple(Placement(0, a, b) for a, b in ((0, 4), (1, 5), (2, 2), (4, 8))), ())
    check(problem, good)
    late = replace(good, placements=(*good.placements[:3], Placement(0, 3, 7)))
    with pytest.raises(VerifyError, match="at most 2 tasks at a time on array"):
        check(problem, late)


@pytest.mark.parametrize("count", [0, -1])
def test_a_device_has_a_unit(count: int) -> None:
    with pytest.raises(ProblemError, match="one unit or more"):
        solve(Problem((Device("a", count=count),), (), _tasks(1), ()))


def test_a_spatial_device_has_one_unit() -> None:
    with pytest.raises(ProblemError, match="just one of a device with crossbars"):
        solve(Problem((Device("a", 4, count=2),), (), _tasks(1), ()))


def test_a_group_pays_for_the_device_it_shares() -> None:
    tasks = (Task("a", (Mode(0, 1), Mode(1, 9))), Task("b", (Mode(0, 9), Mode(1, 2))))
    problem = Problem((Device("x"), Device("y")), (), tasks, ())
    assert solve(problem, limits=QUICK).value == 2
    tied = solve(replace(problem, together=((0, 1),)), limits=QUICK)
    assert (tied.value, tied.status) == (10, Status.OPTIMAL)
    apart = Assignment((Placement(0, 0, 1), Placement(1, 0, 2)), ())
    with pytest.raises(VerifyError, match="groups share a device"):
        check(replace(problem, together=((0, 1),)), apart)


def test_groups_that_overlap_are_one() -> None:
    devices = (Device("x"), Device("y"))
    modes = ((Mode(0, 1),), (Mode(0, 5), Mode(1, 1)), (Mode(0, 5), Mode(1, 1)))
    tasks = tuple(Task(f"t{i}", row) for i, row in enumerate(modes))
    found = solve(Problem(devices, (), tasks, (), together=((0, 1), (2, 1))), limits=QUICK)
    assert found.value == 11


def test_a_group_without_a_common_device_is_infeasible() -> None:
    tasks = (Task("a", (Mode(0, 1),)), Task("b", (Mode(1, 2),)))
    problem = Problem((Device("x"), Device("y")), (), tasks, (), together=((0, 1),))
    with pytest.raises(InfeasibleError, match=r"colocation.*'a', 'b'"):
        solve(problem)
    with pytest.raises(ProblemError, match="together"):
        solve(replace(problem, together=((0, 7),)))


def test_groups_that_leave_no_way_are_named() -> None:
    """Both b and c have to follow a over the one link, but d cannot."""
    devices, link = (Device("x"), Device("y"), Device("z")), (Link(0, 1, 1.0, 0),)
    places = ((0,), (1, 0), (1, 2), (2, 1))
    tasks = tuple(Task(str(i), tuple(Mode(d, 1) for d in row)) for i, row in enumerate(places))
    values = (Value(0, (1,), 1), Value(0, (2,), 1), Value(1, (3,), 1))
    free = Problem(devices, link, tasks, values)
    check(free, solve(free, limits=QUICK).assignment)
    closed = replace(tasks[3], modes=tasks[3].modes[:1])
    problem = replace(free, tasks=(*tasks[:3], closed), together=((2, 3),), values=values[:2])
    with pytest.raises(InfeasibleError, match="links between devices and the colocation"):
        solve(problem, limits=QUICK)


def test_windows_improve_schedules_of_units_and_groups() -> None:
    units = (Device("a", count=2), Device("b"))
    groups = ((3, 9, 14), (40, 43), (100, 91))
    problem = replace(layers(6, 20), devices=units, together=groups)
    stages: dict[str, float] = {}

    def note(progress: Progress) -> None:
        stages[progress.stage] = progress.value

    found = solve(problem, limits=Limits(work_s=1.0), progress=note)
    check(problem, found.assignment)
    assert found.lower_bound_ns <= found.value == stages["window"] < stages["seed"]


def test_sets_of_devices_without_one_for_a_group_are_passed_over() -> None:
    """The group shares only x, which is costly to power; y and z alone hold each of its tasks."""
    devices = (Device("x", static_power_pj_per_ns=9.0), Device("y"), Device("z"))
    links = tuple(Link(a, b, 1.0, 1) for a, b in permutations(range(3), 2))
    pairs = [(0, 1 + i % 2) for i in range(90)]
    tasks = tuple(Task(f"t{i}", tuple(Mode(d, 10, 10) for d in row)) for i, row in enumerate(pairs))
    problem = Problem(devices, links, tasks, (), together=((0, 1),))
    found = solve(problem, objective=Objective.ENERGY, limits=Limits(work_s=0.3))
    check(problem, found.assignment)
    assert found.value == 900 + 9 * found.assignment.makespan_ns
