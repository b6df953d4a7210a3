"""Assignments under other numbers, and solves that start from one."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hptc.errors import InfeasibleError, VerifyError
from hptc.partition.check import check
from hptc.partition.harder import is_harder
from hptc.partition.limits import Limits
from hptc.partition.prepare import prepare
from hptc.partition.problem import Device, Link, Matrix, Mode, Problem, Task, Value, Write
from hptc.partition.replay import replay
from hptc.partition.solve import solve
from tests.partition_cases import brute_force, chain_of_blocks, problems


def with_times(problem: Problem, factor: int, link_ns: int) -> Problem:
    """The problem with other durations and link latencies."""
    tasks = tuple(
        replace(
            task,
            modes=tuple(
                replace(mode, duration_ns=mode.duration_ns * factor) for mode in task.modes
            ),
        )
        for task in problem.tasks
    )
    links = tuple(replace(link, latency_ns=link_ns) for link in problem.links)
    return replace(problem, tasks=tasks, links=links)


@settings(max_examples=80)
@given(problems(), st.integers(0, 3), st.integers(0, 9))
def test_an_assignment_keeps_every_rule_under_other_numbers(
    problem: Problem, factor: int, link_ns: int
) -> None:
    try:
        solution = solve(problem, limits=Limits(time_s=5.0, workers=1))
    except InfeasibleError:
        return
    built, other = prepare(problem), with_times(problem, factor, link_ns)
    same = replay(built, solution.assignment, built)
    assert same is not None
    assert same.makespan_ns == solution.assignment.makespan_ns
    moved = replay(built, solution.assignment, prepare(other))
    assert moved is not None
    check(other, moved)
    again = solve(other, start=moved, limits=Limits(time_s=5.0, workers=1))
    assert again.value <= moved.makespan_ns


def test_an_assignment_without_its_device_has_no_replay() -> None:
    tasks = (Task("a", (Mode(0, 5), Mode(1, 1))),)
    problem = Problem((Device("x"), Device("y")), (), tasks, ())
    built = prepare(problem)
    solution = solve(problem)
    only = replace(problem, tasks=(Task("a", (Mode(0, 5),)),))
    assert replay(built, solution.assignment, prepare(only)) is None


def test_crossbars_that_no_longer_suffice_have_no_replay() -> None:
    device = Device("reram", capacity_crossbars=4)
    tasks = (Task("a", (Mode(0, 5, matrix=0),)),)
    problem = Problem((device,), (), tasks, (), (Matrix("w", 0, 3),))
    small = replace(problem, devices=(replace(device, capacity_crossbars=2),))
    assert replay(prepare(problem), solve(problem).assignment, prepare(small)) is None


def test_a_start_that_breaks_a_rule_is_refused() -> None:
    problem = chain_of_blocks(3)
    answer = solve(problem, limits=Limits(work_s=0.1)).assignment
    early = tuple(replace(placement, start_ns=0, end_ns=1) for placement in answer.placements)
    with pytest.raises(VerifyError):
        solve(problem, start=replace(answer, placements=early))


def test_a_start_is_the_answer_where_time_allows_no_other() -> None:
    problem = chain_of_blocks(40)
    good = solve(problem, limits=Limits(work_s=0.3))
    again = solve(problem, start=good.assignment, limits=Limits(time_s=0.01, workers=1))
    assert again.value <= good.value


def test_a_value_that_takes_less_to_write_is_not_harder() -> None:
    devices, link = (Device("gpu"), Device("reram", 4)), Link(0, 1, 1.0, 1)
    tasks = (Task("a", (Mode(0, 5),)), Task("b", (Mode(1, 5),)))
    value = Value(0, (1,), 3, writes=(Write(1, 4, 2),))
    known = Problem(devices, (link,), tasks, (value,))
    for writes, is_so in (
        ((Write(1, 4, 2),), True),
        ((Write(1, 5, 2), Write(0, 1)), True),
        ((Write(1, 3, 2),), False),
        ((Write(1, 4, 1),), False),
        ((), False),
    ):
        assert is_harder(replace(known, values=(replace(value, writes=writes),)), known) == is_so


@settings(max_examples=80)
@given(problems(), problems())
def test_an_optimum_holds_below_every_harder_problem(problem: Problem, other: Problem) -> None:
    worse = with_times(problem, 2, 20)
    assert is_harder(problem, problem)
    assert is_harder(worse, problem)
    for harder, known in ((worse, problem), (problem, worse), (other, problem)):
        if is_harder(harder, known):
            pairs = zip(brute_force(harder), brute_force(known), strict=True)
            assert all(new >= old for new, old in pairs)


def test_a_problem_with_something_better_is_not_harder() -> None:
    device, task = Device("reram", 4, 1.0), Task("a", (Mode(0, 5, 7, matrix=0),))
    known = Problem((device,), (), (task,), (), (Matrix("w", 0, 3),))
    assert is_harder(replace(known, tasks=(Task("a", (Mode(0, 6, 7, matrix=0),)),)), known)
    for better in (
        replace(known, tasks=(Task("a", (Mode(0, 4, 7, matrix=0),)),)),
        replace(known, tasks=(Task("a", (Mode(0, 5, 6, matrix=0),)),)),
        replace(known, devices=(replace(device, capacity_crossbars=5),)),
        replace(known, devices=(replace(device, static_power_pj_per_ns=0.5),)),
        replace(known, devices=(replace(device, count=2),)),
        replace(known, together=((0,),)),
        replace(known, matrices=(Matrix("w", 0, 2),)),
        replace(known, matrices=(Matrix("v", 0, 3),)),
    ):
        assert not is_harder(better, known)
