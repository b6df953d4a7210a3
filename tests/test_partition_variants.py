"""Matrices that may be held in several sizes: alternatives, their capacity, and what is best."""

import pytest

from hptc.errors import ProblemError
from hptc.partition.bounds.paths import path_bound
from hptc.partition.check import check
from hptc.partition.harder import is_harder
from hptc.partition.limits import Limits
from hptc.partition.prepare import prepare
from hptc.partition.problem import (
    Assignment,
    Device,
    Link,
    Matrix,
    Mode,
    Placement,
    Problem,
    Status,
    Task,
    Value,
)
from hptc.partition.replay import replay
from hptc.partition.solve import solve
from hptc.partition.variants import families

GPU, RERAM = 0, 1
LIMITS = Limits(time_s=10.0)


def held(problem: Problem, modes: list[int]) -> list[str]:
    chosen = [task.modes[mode] for task, mode in zip(problem.tasks, modes, strict=True)]
    return [problem.matrices[m.matrix].name for m in chosen if m.matrix is not None]


def reading(name: str, times: dict[int, int], off_ns: int = 1000) -> Task:
    """A task on the GPU, or on matrices (by position) in given times in ns."""
    modes = [Mode(RERAM, time, matrix=matrix) for matrix, time in times.items()]
    return Task(name, (Mode(GPU, off_ns), *modes))


def posed(tasks: list[Task], sizes: list[int], capacity: int, *edges: tuple[int, int]) -> Problem:
    matrices = tuple(Matrix(f"w{i}", RERAM, size) for i, size in enumerate(sizes))
    values = tuple(Value(src, (reader,), 0) for src, reader in edges)
    devices = (Device("gpu"), Device("reram", capacity))
    links = (Link(GPU, RERAM, 1.0, 0), Link(RERAM, GPU, 1.0, 0))
    return Problem(devices, links, tuple(tasks), values, matrices)


SHARED = posed(
    [
        reading("forward", {0: 80, 1: 40}),
        reading("other", {2: 60, 3: 15}),
        reading("dx", {0: 80, 1: 40}),
    ],
    [1, 2, 2, 8],
    8,
)


def test_readers_of_one_matrix_choose_among_the_same_ones() -> None:
    first, second = families(SHARED)
    assert (first.tasks, first.crossbars, first.modes) == ((0, 2), (1, 2), ((1, 1), (2, 2)))
    assert (second.tasks, second.crossbars) == ((1,), (2, 8))


@pytest.mark.parametrize(
    ("capacity", "matrices"),
    [
        (2, ["w0", "w2"]),
        (3, ["w0", "w2"]),
        (4, ["w1", "w2"]),
        (9, ["w1", "w2"]),
        (10, ["w1", "w3"]),
    ],
)
def test_water_filling_takes_the_largest_saving_per_crossbar_that_fits(
    capacity: int, matrices: list[str]
) -> None:
    usual = prepare(posed(list(SHARED.tasks), [1, 2, 2, 8], capacity)).mode_on
    first, other, last = (on[RERAM] for on in usual)
    assert [held(SHARED, [mode, other, mode]) for mode in (first, last)] == 2 * [
        [*matrices, matrices[0]]
    ]


def test_what_nothing_waits_for_gets_fewer_copies_than_water_filling_gives() -> None:
    # w0 saves more per crossbar, but its reader runs beside the chain that decides.
    tasks = [
        reading("aside", {0: 400, 1: 100}),
        reading("chain", {2: 500, 3: 300}),
        Task("end", (Mode(GPU, 100),)),
    ]
    problem = posed(tasks, [1, 2, 1, 2], 3, (1, 2))
    usual = prepare(problem).mode_on
    assert held(problem, [usual[0][RERAM], usual[1][RERAM], 0]) == ["w1", "w2"]
    found = solve(problem, limits=LIMITS)
    check(problem, found.assignment)
    modes = [placement.mode for placement in found.assignment.placements]
    assert held(problem, modes) == ["w0", "w3"]
    assert (found.value, found.status) == (400, Status.OPTIMAL)
    assert path_bound(prepare(problem)) <= 400


def test_one_matrix_may_be_held_twice_if_both_fit() -> None:
    tasks = [reading("a", {0: 100, 1: 60}), reading("b", {0: 100, 1: 60})]
    alone = posed(tasks, [1, 2], 2)
    assert solve(alone, limits=LIMITS).value == 120
    both = posed(tasks, [1, 2], 3)
    assert solve(both, limits=LIMITS).value == 100


def test_modes_on_one_device_read_distinct_matrices() -> None:
    twice = Task("t", (Mode(RERAM, 1, matrix=0), Mode(RERAM, 2, matrix=0)))
    with pytest.raises(ProblemError, match="distinct matrices of a spatial device"):
        prepare(posed([twice], [1], 1))
    unary = Task("t", (Mode(GPU, 1), Mode(GPU, 2)))
    with pytest.raises(ProblemError, match="task 't'"):
        prepare(posed([unary], [1], 1))


def test_under_other_numbers_a_task_keeps_its_matrix_or_reads_the_usual_one() -> None:
    built = posed([reading("t", {0: 80, 1: 40})], [1, 2], 2)
    assignment = Assignment((Placement(2, 0, 40),), ())
    slower = posed([reading("t", {0: 90, 1: 70})], [1, 2], 2)
    kept = replay(prepare(built), assignment, prepare(slower))
    assert kept is not None
    assert kept.placements == (Placement(2, 0, 70),)
    fewer = posed([reading("t", {0: 90})], [1], 2)
    left = replay(prepare(built), assignment, prepare(fewer))
    assert left is not None
    assert left.placements == (Placement(1, 0, 90),)
    assert is_harder(fewer, built)
    assert not is_harder(built, fewer)
