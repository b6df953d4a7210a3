"""The bound from segments of a long path."""

import math
from collections.abc import Sequence
from itertools import pairwise

from hypothesis import given, settings

from hptc.partition.bounds.chain import Stretch, between, longest_chain, waists
from hptc.partition.bounds.lp import solved
from hptc.partition.bounds.paths import path_bound
from hptc.partition.bounds.relax import Detail, relaxation
from hptc.partition.bounds.segments import segment_bound, segments
from hptc.partition.instance import Instance
from hptc.partition.limits import Clock, Limits, Parts
from hptc.partition.prepare import prepare
from hptc.partition.problem import Device, Link, Mode, Problem, Task, Value
from hptc.partition.solve import solve
from tests.partition_cases import brute_force, chain_of_blocks, problems


def clock() -> Clock:
    """A clock that starts now."""
    return Clock(Limits(time_s=60.0))


def blocks(count: int) -> Problem:
    """Blocks of one task, three beside each other, and one that joins them; slow links."""
    tasks: list[Task] = []
    values: list[Value] = []
    for _ in range(count):
        first = len(tasks)
        for cost in ((4, 9), (30, 30), (31, 29), (29, 31), (3, 8)):
            tasks.append(Task(f"t{len(tasks)}", (Mode(0, cost[0]), Mode(1, cost[1]))))
        if first:
            values.append(Value(first - 1, (first,), 10))
        values.append(Value(first, (first + 1, first + 2, first + 3), 10))
        values += [Value(first + i, (first + 4,), 10) for i in (1, 2, 3)]
    links = (Link(0, 1, 1.0, 5), Link(1, 0, 1.0, 5))
    return Problem((Device("a"), Device("b")), links, tuple(tasks), tuple(values))


def joined_ns(instance: Instance, stretches: Sequence[Stretch]) -> int:
    """Return what the relaxation proves with stretches of a path."""
    relaxed = relaxation(instance, 1000, Detail.SIDES, stretches)
    relaxed.minimise_makespan()
    optimum = solved(relaxed.rows, clock())
    assert optimum is not None
    return optimum.bound


@settings(max_examples=60)
@given(problems(most_tasks=5))
def test_the_bound_never_exceeds_the_optimum(problem: Problem) -> None:
    time_ns, _ = brute_force(problem)
    if time_ns < math.inf:
        instance = prepare(problem)
        found = segment_bound(instance, clock(), 10.0)
        assert found.bound_ns <= time_ns
        assert joined_ns(instance, found.stretches) <= time_ns


def test_blocks_in_a_row_are_bounded_exactly_where_paths_and_loads_are_not() -> None:
    problem = blocks(3)
    instance = prepare(problem)
    exact = solve(problem, limits=Limits(time_s=30.0))
    assert exact.gap == 0
    found = segment_bound(instance, clock(), 20.0)
    assert path_bound(instance) < found.bound_ns <= exact.value
    assert found.bound_ns >= 0.95 * exact.value
    assert joined_ns(instance, ()) < joined_ns(instance, found.stretches) <= exact.value


def test_a_bound_of_many_blocks_costs_the_solves_of_one() -> None:
    one, many = (segment_bound(prepare(blocks(count)), clock(), 20.0).bound_ns for count in (2, 40))
    assert many > 19 * one


def test_problems_that_cpsat_cannot_prove_at_once_are_bounded_by_segments() -> None:
    problem = blocks(12)
    bounds = [
        solve(problem, limits=Limits(work_s=1.0, parts=Parts(segments=has))).lower_bound_ns
        for has in (False, True)
    ]
    assert bounds[0] < bounds[1]


def test_without_time_the_paths_remain() -> None:
    instance = prepare(blocks(3))
    assert path_bound(instance) <= segment_bound(instance, clock(), 0.0).bound_ns <= 300


def test_waists_are_where_the_branches_meet() -> None:
    instance = prepare(blocks(2))
    chain = longest_chain(instance)
    assert [chain[position] for position in waists(instance, chain)] == [0, 4, 5, 9]
    assert between(instance, 0, 4) == [0, 1, 2, 3, 4]
    assert between(instance, 4, 0) == []


def test_segments_meet_end_to_end_and_stay_within_the_chain() -> None:
    instance = prepare(chain_of_blocks(6))
    chain = longest_chain(instance)
    found = list(segments(instance, chain))
    assert (found[0][0], found[-1][-1]) == (chain[0], chain[-1])
    assert all(a[-1] == b[0] for a, b in pairwise(found))


def test_a_graph_without_tasks_has_the_bound_zero() -> None:
    assert segment_bound(prepare(Problem((Device("a"),), (), (), ())), clock(), 1.0).bound_ns == 0
