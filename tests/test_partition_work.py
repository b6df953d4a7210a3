"""Solves under a limit of work: the same answer at any speed of the machine."""

import math
import time
from collections.abc import Callable
from typing import Any

import pytest
from ortools.math_opt.python import mathopt
from ortools.sat.python import cp_model

from hptc.errors import UsageError
from hptc.partition.check import check
from hptc.partition.goal import Objective
from hptc.partition.limits import Clock, Limits
from hptc.partition.problem import Problem, Solution, Status
from hptc.partition.solve import solve
from tests.partition_cases import chain_of_blocks


def delayed(work: Callable[..., Any], time_s: float) -> Callable[..., Any]:
    def late(*args: object, **kwargs: object) -> object:
        time.sleep(time_s)
        return work(*args, **kwargs)

    return late


def answers(
    monkeypatch: pytest.MonkeyPatch, problem: Problem, objective: Objective, work_s: float
) -> tuple[Solution, Solution]:
    """Solve at the speed of the machine, then with pauses before and after all that is waited for.

    The time limit is so short that it would end the second before its first window.
    """
    limits = Limits(time_s=0.01, work_s=work_s)
    fast = solve(problem, objective=objective, limits=limits)
    monkeypatch.setattr(mathopt, "solve", delayed(mathopt.solve, 0.3))
    monkeypatch.setattr(cp_model.CpSolver, "solve", delayed(cp_model.CpSolver.solve, 0.02))
    slow = solve(problem, objective=objective, limits=limits, progress=lambda _: time.sleep(0.02))
    return fast, slow


@pytest.mark.parametrize(
    ("blocks", "objective", "work_s"),
    [(5, Objective.LATENCY, 0.2), (30, Objective.LATENCY, 0.5), (30, Objective.ENERGY, 0.5)],
)
def test_the_same_work_gives_the_same_answer(
    monkeypatch: pytest.MonkeyPatch, blocks: int, objective: Objective, work_s: float
) -> None:
    problem = chain_of_blocks(blocks)
    fast, slow = answers(monkeypatch, problem, objective, work_s)
    check(problem, fast.assignment)
    assert fast.assignment == slow.assignment
    told = [(s.value, s.lower_bound, s.lower_bound_ns, s.status) for s in (fast, slow)]
    assert told[0] == told[1]
    assert 0 < fast.lower_bound <= fast.value


def test_work_for_more_gives_no_worse_answer_and_little_is_enough_for_one() -> None:
    problem = chain_of_blocks(20)
    least, more = (solve(problem, limits=Limits(work_s=work_s)) for work_s in (1e-9, 0.4))
    check(problem, least.assignment)
    assert least.status is Status.FEASIBLE
    assert more.value < least.value


def test_the_clock_counts_the_work_of_its_parts() -> None:
    clock = Clock(Limits(work_s=3.0))
    part = clock.part(2.0)
    part.work.add(1.5)
    assert (part.left_s, clock.left_s) == (0.5, 1.5)
    clock.work.add(1.5)
    assert clock.is_over()
    assert part.is_over()


def test_the_wall_does_not_count_work() -> None:
    clock = Clock(Limits(time_s=60.0))
    clock.work.add(100.0)
    assert not clock.is_over()


@pytest.mark.parametrize("work_s", [0.0, -1.0, math.inf, math.nan])
def test_work_that_makes_no_sense_is_refused(work_s: float) -> None:
    with pytest.raises(UsageError, match="--work-limit"):
        Limits(work_s=work_s)
