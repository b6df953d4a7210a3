"""Tasks that are alike, and the smaller problem made of a few of each."""

from dataclasses import replace

from hypothesis import given, settings

from hptc.partition.check import check
from hptc.partition.decode import decode_by_rank, to_assignment
from hptc.partition.goal import Objective
from hptc.partition.limits import Clock, Limits
from hptc.partition.prepare import prepare
from hptc.partition.problem import Device, Link, Mode, Problem, Task, Value
from hptc.partition.search import Incumbent
from hptc.partition.seeds.plant import plant_repeats
from hptc.partition.seeds.repeats import find_repeats, shrink
from hptc.partition.solve import solve
from tests.partition_cases import problems


def blocks(count: int) -> Problem:
    """Return equal blocks of three tasks in a row, the middle one better on the other device."""
    costs = ((10, None), (90, 12), (11, 40))
    tasks, values = [], []
    for block in range(count):
        for step, (here, there) in enumerate(costs):
            modes = (Mode(0, here), *(() if there is None else (Mode(1, there),)))
            tasks.append(Task(f"b{block}.{step}", modes))
            if len(tasks) > 1:
                values.append(Value(len(tasks) - 2, (len(tasks) - 1,), 8))
    links = (Link(0, 1, 1.0, 2), Link(1, 0, 1.0, 2))
    return Problem((Device("a"), Device("b")), links, tuple(tasks), tuple(values))


def test_tasks_of_equal_blocks_are_alike_but_at_the_ends() -> None:
    repeats = find_repeats(prepare(blocks(5)))
    assert sorted(map(len, repeats.members)) == [1, 1, 4, 4, 5]


def test_a_change_in_one_block_is_made_in_all() -> None:
    repeats = find_repeats(prepare(blocks(4)))
    before = [0] * 12
    after = [0] * 12
    after[4] = 1
    assert repeats.echoed(before, after) == [0, 1, 0] * 4


def test_the_smaller_problem_is_one_row_of_first_and_last_blocks() -> None:
    instance = prepare(blocks(30))
    smaller = shrink(instance, find_repeats(instance))
    part = prepare(smaller.problem)
    assert part.tasks < 12
    assert len(part.problem.values) == part.tasks - 1
    found = solve(smaller.problem, limits=Limits(time_s=10.0))
    modes = [placement.mode for placement in found.assignment.placements]
    spread = [decode_by_rank(instance, row).makespan for row in smaller.spread(modes)]
    whole = solve(blocks(30), limits=Limits(time_s=10.0)).value
    assert whole <= min(spread) <= 1.05 * whole


def test_of_so_many_blocks_that_windows_would_not_come_round_few_are_solved_first() -> None:
    instance = prepare(blocks(120))
    for work_s, value in ((1.0, 120 * 53), (10.0, 120 * 111)):
        search = Incumbent(instance, Objective.LATENCY, Clock(Limits(work_s=work_s)), None)
        search.offer(decode_by_rank(instance, [0] * instance.tasks), "seed")
        plant_repeats(search, beside=lambda: 0)
        assert search.value == value


@settings(max_examples=80)
@given(problems(most_tasks=6))
def test_any_problem_shrinks_to_one_whose_modes_fit_the_whole(problem: Problem) -> None:
    instance = prepare(problem)
    smaller = shrink(instance, find_repeats(instance))
    part = prepare(smaller.problem)
    for modes in smaller.spread([0] * part.tasks):
        if instance.admits(modes):
            check(problem, to_assignment(instance, decode_by_rank(instance, modes)))


def test_labels_say_which_tasks_are_alike() -> None:
    problem = blocks(4)
    tasks = tuple(
        replace(task, block=task.name.partition(".")[2], modes=_slower(task.modes, index))
        for index, task in enumerate(problem.tasks)
    )
    instance = prepare(replace(problem, tasks=tasks))
    assert find_repeats(instance).members == ((0, 3, 6, 9), (1, 4, 7, 10), (2, 5, 8, 11))
    bare = tuple(replace(task, block=None) for task in tasks)
    assert len(find_repeats(prepare(replace(problem, tasks=bare))).members) == 12


def _slower(modes: tuple[Mode, ...], by: int) -> tuple[Mode, ...]:
    return tuple(replace(mode, duration_ns=mode.duration_ns + by) for mode in modes)
