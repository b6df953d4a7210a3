"""Memory of devices: nobody exceeds it, and what cannot be kept is refused."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import product

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from hptc.errors import InfeasibleError, VerifyError
from hptc.partition.bounds.lp import dual_bound, solved
from hptc.partition.bounds.relax import Detail, relaxation
from hptc.partition.check import check
from hptc.partition.decode import Schedule, decode_by_rank, to_assignment
from hptc.partition.goal import Objective
from hptc.partition.limits import Clock, Limits, Parts
from hptc.partition.memory.decode import decode_within, fitted, follow_within, frugal_order
from hptc.partition.memory.held import is_overfull
from hptc.partition.memory.pack import packed
from hptc.partition.prepare import prepare
from hptc.partition.problem import (
    Assignment,
    Device,
    Link,
    Matrix,
    Mode,
    Placement,
    Problem,
    Resident,
    Status,
    Task,
    Transfer,
    Value,
)
from hptc.partition.replay import from_assignment
from hptc.partition.search import Incumbent
from hptc.partition.seeds.greedy import earliest_finish
from hptc.partition.solve import solve
from hptc.partition.windows.splice import splice
from hptc.partition.windows.surroundings import Surroundings
from hptc.partition.windows.window import Window
from tests.memory_cases import shortest_within, tight_problems
from tests.partition_cases import QUICK, brute_steps, layers


@settings(max_examples=60)
@given(tight_problems())
def test_small_problems_reach_the_brute_force_optimum(problem: Problem) -> None:
    assume(len(problem.values) < 4)
    steps = brute_steps(problem, shortest_within)
    if not steps:
        with pytest.raises(InfeasibleError) as caught:
            solve(problem, limits=QUICK)
        assert "no proof" not in str(caught.value)
        return
    fast = solve(problem, limits=QUICK)
    least = min(time for time, _ in steps)
    assert (fast.value, fast.lower_bound_ns, fast.status) == (least, least, Status.OPTIMAL)
    frugal = solve(problem, objective=Objective.ENERGY, limits=QUICK)
    assert frugal.value == pytest.approx(min(energy for _, energy in steps))


@settings(max_examples=150)
@given(tight_problems())
def test_the_decoder_and_the_checker_agree_on_memory(problem: Problem) -> None:
    try:
        instance = prepare(problem)
    except InfeasibleError:
        return
    modes = [options[0] for options in instance.options]
    assume(instance.admits(modes))
    loose = decode_by_rank(instance, modes)
    if is_overfull(instance, loose):
        with pytest.raises(VerifyError, match="memory of"):
            check(problem, to_assignment(instance, loose))
    else:
        check(problem, to_assignment(instance, loose))
    for order in (instance.order, frugal_order(instance, modes)):
        found = decode_within(instance, modes, order)
        if isinstance(found, Schedule):
            check(problem, to_assignment(instance, found))
    within = fitted(instance, loose, moves=4)
    assert within is None or not is_overfull(instance, within)


@settings(max_examples=100)
@given(tight_problems())
def test_an_order_that_fits_in_the_ledger_fits_in_time(problem: Problem) -> None:
    try:
        instance = prepare(problem)
    except InfeasibleError:
        return
    flat = [[0.0] * len(row) for row in instance.device]
    modes = earliest_finish(instance, instance.options, instance.order, flat)
    if modes is not None and instance.memories:
        found = decode_within(instance, modes, instance.order)
        assert isinstance(found, Schedule)
        check(problem, to_assignment(instance, found))


@settings(max_examples=50)
@given(tight_problems(), st.integers(0, 3))
def test_a_packed_sequence_fits_in_time(problem: Problem, seed: int) -> None:
    try:
        instance = prepare(problem)
    except InfeasibleError:
        return
    for modes in product(*instance.options):
        stock = (
            packed(instance, modes, Clock(QUICK), noise=1.0, seed=seed)
            if instance.admits(modes)
            else None
        )
        if stock is not None:
            found = follow_within(instance, stock.modes, stock.items)
            assert isinstance(found, Schedule)
            check(problem, to_assignment(instance, found))


@settings(max_examples=100)
@given(tight_problems(), st.integers(0, 2), st.integers(1, 3))
def test_windows_keep_the_memory_of_what_they_change(
    problem: Problem, first: int, size: int
) -> None:
    try:
        known = solve(problem, limits=Limits(time_s=2.0, workers=1, parts=Parts(windows=False)))
    except InfeasibleError:
        return
    instance = prepare(problem)
    search = Incumbent(instance, Objective.LATENCY, Clock(QUICK), None)
    search.offer(from_assignment(instance, known.assignment), "start")
    around = Surroundings(instance, search.schedule)
    window = Window(search, around, min(first, instance.tasks - 1), size)
    if window.can_help:
        window.start(1.0, 1.0)
        _, found = window.wait()
        assert found is not None
        merged = splice(around, [found])
        assert merged is not None
        assert is_overfull(instance, merged) or merged.makespan >= known.lower_bound_ns
        check(replace(problem, devices=_roomy(problem)), to_assignment(instance, merged))


@settings(max_examples=60)
@given(tight_problems())
def test_relaxations_that_know_the_memory_bound_all_schedules(problem: Problem) -> None:
    assume(len(problem.values) < 4)
    steps = brute_steps(problem, shortest_within)
    if steps:
        instance, least = prepare(problem), min(time for time, _ in steps)
        for detail in Detail:
            relaxed = relaxation(instance, 1000, detail)
            relaxed.minimise_makespan()
            optimum = solved(relaxed.rows, Clock(QUICK))
            assert optimum is not None
            assert optimum.bound <= least
            assert dual_bound(relaxed.rows, [0.37] * len(relaxed.rows.low)) <= least


def test_the_relaxation_knows_what_the_memory_keeps_from_the_fastest_device() -> None:
    """Weights that fit only by halves, and values that wait in little room for slow links."""
    tasks = tuple(Task(f"t{i}", (Mode(0, 1), Mode(1, 100))) for i in range(8))
    weights = tuple(Resident((task,), 10) for task in range(8))
    devices = (Device("fast", memory_bytes=40), Device("slow"))
    loose = Problem(devices, (), tasks, (), residents=weights)
    relaxed = relaxation(prepare(loose), 1000)
    relaxed.minimise_makespan()
    optimum = solved(relaxed.rows, Clock(QUICK))
    assert optimum is not None
    assert optimum.bound >= 390
    assert solve(loose, limits=QUICK).value == 400


def _roomy(problem: Problem) -> tuple[Device, ...]:
    return tuple(replace(device, memory_bytes=None) for device in problem.devices)


def _chain(memory: int | None, *sizes: int) -> Problem:
    """Return a row of tasks whose values have these sizes, on one device."""
    tasks = tuple(Task(f"t{i}", (Mode(0, 5),)) for i in range(len(sizes) + 1))
    values = tuple(Value(i, (i + 1,), size) for i, size in enumerate(sizes))
    return Problem((Device("d", memory_bytes=memory),), (), tasks, values)


def test_a_value_lies_there_until_its_last_reader_has_ended() -> None:
    answer = Assignment(tuple(Placement(0, 5 * i, 5 * i + 5) for i in range(4)), ())
    check(_chain(7, 3, 4, 2), answer)
    with pytest.raises(VerifyError, match="memory of d"):
        check(_chain(6, 3, 4, 2), answer)


def test_a_transfer_holds_room_at_both_ends() -> None:
    tasks = (Task("a", (Mode(0, 1),)), Task("b", (Mode(0, 1),)), Task("c", (Mode(1, 1),)))
    values = (Value(0, (2,), 6), Value(1, (2,), 1))
    devices = (Device("x", memory_bytes=6), Device("y", memory_bytes=7))
    problem = Problem(devices, (Link(0, 1, 1.0, 0),), tasks, values)
    found = solve(problem, limits=QUICK)
    assert (found.value, found.status) == (1 + 6 + 1 + 1 + 1, Status.OPTIMAL)
    early = Assignment(
        (Placement(0, 0, 1), Placement(0, 1, 2), Placement(0, 8, 9)),
        (Transfer(0, 0, 1, 7), Transfer(1, 0, 7, 8)),
    )
    with pytest.raises(VerifyError, match="memory of x"):
        check(problem, early)


def test_a_carried_value_always_takes_room_at_home() -> None:
    tasks = (Task("read", (Mode(0, 3),)), Task("write", (Mode(0, 3), Mode(1, 90))))
    values = (Value(1, (1,), 5, carried=True), Value(0, (), 4))
    devices = (Device("x", memory_bytes=8), Device("y"))
    found = solve(Problem(devices, (), tasks, values), limits=QUICK)
    assert (found.value, found.status) == (90, Status.OPTIMAL)


def test_what_takes_no_time_needs_no_room() -> None:
    """The first mode of both tasks, and the usual one, would need it."""
    tasks = tuple(Task(name, (Mode(0, 1, 0, 0), Mode(0, 0))) for name in ("make", "read"))
    devices, matrices = (Device("x", 1, memory_bytes=4),), (Matrix("w", 0, 1),)
    found = solve(Problem(devices, (), tasks, (Value(0, (1,), 5),), matrices), limits=QUICK)
    assert (found.value, found.status) == (0, Status.OPTIMAL)


def test_what_one_task_alone_needs_is_refused_at_once() -> None:
    with pytest.raises(InfeasibleError, match=r"memory: task 't1'.*7 bytes"):
        solve(_chain(6, 3, 4))


def test_what_all_tasks_together_need_is_refused_with_its_proof() -> None:
    """Every order keeps one value of an earlier pair beside the three of a join."""
    tasks = tuple(Task(f"t{i}", (Mode(0, 1),)) for i in range(5))
    values = (Value(0, (2, 4), 3), Value(1, (2, 3), 3), Value(2, (3, 4), 3), Value(3, (4,), 3))
    fits = Problem((Device("d", memory_bytes=12),), (), tasks, values)
    check(fits, solve(fits, limits=QUICK).assignment)
    tight = replace(fits, devices=(Device("d", memory_bytes=11),))
    with pytest.raises(InfeasibleError, match=r"memory of the devices.*a proof that there is none"):
        solve(tight, limits=QUICK)


def test_a_tree_needs_as_many_values_at_a_time_as_it_is_deep() -> None:
    """A binary tree of 31 tasks: its pebble number is 6."""
    tasks = tuple(Task(f"t{i}", (Mode(0, 1),)) for i in range(31))
    values = tuple(Value(child, ((child - 1) // 2,), 1) for child in range(1, 31))
    fits = Problem((Device("d", memory_bytes=6),), (), tasks, values)
    check(fits, solve(fits, limits=QUICK).assignment)
    tight = replace(fits, devices=(Device("d", memory_bytes=5),))
    with pytest.raises(InfeasibleError, match="a proof that there is none"):
        solve(tight, limits=Limits(work_s=2.0))


def test_large_problems_keep_their_memory_and_their_bound() -> None:
    loose = layers(6, 20)
    free = solve(loose, limits=Limits(work_s=0.2))
    devices = tuple(replace(device, memory_bytes=1500) for device in loose.devices)
    problem = replace(loose, devices=devices)
    with pytest.raises(VerifyError, match="memory of"):
        check(problem, free.assignment)
    found = solve(problem, limits=Limits(work_s=0.5))
    check(problem, found.assignment)
    assert found.lower_bound_ns <= found.value


def test_windows_of_large_problems_pass_over_what_nobody_reads() -> None:
    """Moments that only their own task reads, results whose readers all wait for a rerun."""
    loose = layers(6, 20)
    unread = tuple(Value(task, (), 5, carried=bool(task % 2)) for task in range(0, 120, 5))
    devices = tuple(replace(device, memory_bytes=1800) for device in loose.devices)
    problem = replace(loose, devices=devices, values=(*loose.values, *unread))
    found = solve(problem, limits=Limits(work_s=0.5))
    check(problem, found.assignment)


def _star(places: Sequence[tuple[int, ...]], memory: int) -> Problem:
    """Return tasks in given places, each with 6 bytes for the last one."""
    tasks = tuple(Task(f"t{i}", tuple(Mode(d, 5) for d in row)) for i, row in enumerate(places))
    values = tuple(Value(i, (len(places) - 1,), 6) for i in range(len(places) - 1))
    devices = (Device("x", memory_bytes=memory), Device("y", memory_bytes=18))
    return Problem(devices, (Link(0, 1, 1.0, 0), Link(1, 0, 1.0, 0)), tasks, values)


@pytest.mark.parametrize(
    ("places", "memory", "modes"),
    [
        pytest.param([(0,), (0,), (1,)], 10, [0, 0, 0], id="sent early"),
        pytest.param([(0, 1), (0, 1), (0, 1)], 10, [0, 0, 0], id="reader moved"),
    ],
)
def test_a_packed_sequence_makes_room(
    places: list[tuple[int, ...]], memory: int, modes: list[int]
) -> None:
    problem = _star(places, memory)
    instance = prepare(problem)
    stock = packed(instance, modes, Clock(QUICK))
    assert stock is not None
    found = follow_within(instance, stock.modes, stock.items)
    assert isinstance(found, Schedule)
    check(problem, to_assignment(instance, found))


def test_a_large_problem_without_room_says_what_it_knows() -> None:
    """All values meet at the last task, two at a time."""
    tasks = tuple(Task(f"t{i}", (Mode(0, 1),)) for i in range(101))
    values = tuple(Value(i, (i + 1,), 2) for i in range(100))
    first = tuple(Value(i, (100 - i,), 2) for i in range(40))
    problem = Problem((Device("d", memory_bytes=12),), (), tasks, values + first)
    with pytest.raises(InfeasibleError, match=r"memory.*no proof"):
        solve(problem, limits=QUICK)
