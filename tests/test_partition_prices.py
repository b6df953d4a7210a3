"""What it costs to move one task, beside the best that a forced placement allows."""

from dataclasses import replace

from hypothesis import given, settings

from hptc.errors import InfeasibleError
from hptc.partition.check import energy_pj
from hptc.partition.explain.prices import Prices
from hptc.partition.explain.timed import Timed
from hptc.partition.goal import Objective
from hptc.partition.limits import Limits
from hptc.partition.prepare import prepare
from hptc.partition.problem import Problem
from hptc.partition.replay import from_assignment
from hptc.partition.solve import solve
from tests.partition_cases import brute_force, problems


def forced(problem: Problem, task: int, mode: int) -> Problem:
    found = problem.tasks[task]
    tasks = list(problem.tasks)
    tasks[task] = replace(found, modes=(found.modes[mode],))
    return replace(problem, tasks=tuple(tasks))


@settings(max_examples=150)
@given(problems())
def test_no_price_is_below_what_the_best_forced_answer_loses(problem: Problem) -> None:
    try:
        solution = solve(problem, limits=Limits(work_s=0.01))
    except InfeasibleError:
        return
    instance = prepare(problem)
    timed = Timed(instance, from_assignment(instance, solution.assignment))
    energy = energy_pj(problem, solution.assignment)
    for task in range(len(problem.tasks)):
        for price in Prices(timed).of(task):
            least_ns, least_pj = brute_force(forced(problem, task, price.mode))
            if price.lost_ns is None or price.lost_pj is None:
                assert price.barrier
                continue
            assert not price.barrier
            assert price.lost_ns >= 0
            assert solution.assignment.makespan_ns + price.lost_ns >= least_ns
            assert energy + price.lost_pj >= least_pj * (1 - 1e-9)


@settings(max_examples=100)
@given(problems(most_tasks=6))
def test_slack_is_what_an_item_may_wait_and_the_critical_path_fills_the_step(
    problem: Problem,
) -> None:
    try:
        solution = solve(problem, objective=Objective.ENERGY, limits=Limits(work_s=0.05))
    except InfeasibleError:
        return
    instance = prepare(problem)
    timed = Timed(instance, from_assignment(instance, solution.assignment))
    assert all(timed.slack(position) >= 0 for position in range(len(timed.items)))
    path = timed.critical_path()
    assert all(timed.slack(position) == 0 for position in path)
    spent = sum(timed.end(position) - timed.start(position) for position in path)
    assert spent == solution.assignment.makespan_ns
    assert timed.start(path[0]) == 0
