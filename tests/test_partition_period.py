"""Steady states: least periods against brute force, and the judge against steps in a row."""

import math
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from hptc.errors import InfeasibleError, VerifyError
from hptc.partition.check import check
from hptc.partition.limits import Limits
from hptc.partition.period.check import check_periodic, memory_bytes
from hptc.partition.period.circle import Circle
from hptc.partition.period.periodic import Periodic
from hptc.partition.period.solve import floor_ns, solve_period
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
    Write,
)
from tests.partition_cases import Events, brute_steps, chain_of_blocks, problems

QUICK = Limits(time_s=20.0)
FEW = settings(max_examples=25)
MOST_PLACES = 3000


def load_ns(events: Events, problem: Problem) -> int:
    """Return the largest load of a row or link over its units."""
    work: dict[Any, int] = defaultdict(int)
    for event in events:
        work[event["row"]] += event["length"]
    return max(1, *(-(-load // units(problem, row)) for row, load in work.items()))


def units(problem: Problem, row: tuple[Any, ...]) -> int:
    """Return how many tasks or transfers a row takes at a time."""
    return problem.devices[row[1]].count if row[0] == "device" else 1


def least_ns(events: Events, problem: Problem) -> int:
    """Return the least period of some modes: try all, with all places of events on the circle."""
    waits = list(_waits(events, problem))
    period = load_ns(events, problem)
    while True:
        assume(period ** (len(events) - 1) <= MOST_PLACES)
        if any(
            _is_possible(places, period, events, waits)
            for places in _places(events, problem, period)
        ):
            return period
        period += 1


Wait = tuple[int, int, int, int]
"""What is waited for, who waits, how many steps later, and from when on after its own start."""


def _waits(events: Events, problem: Problem) -> Iterator[Wait]:
    for index, event in enumerate(events):
        for before in event["after"]:
            yield before, index, 0, 0
    for v, value in enumerate(problem.values):
        if value.carried:
            for reader in value.readers:
                place = events[reader]["mode"].device
                sent = [i for i, e in enumerate(events) if e.get("sent") == (v, place)]
                yield value.src, sent[0] if sent else reader, 1, 0
    for index, event in enumerate(events):
        v, place = event.get("sent", (None, None))
        for write in () if v is None else problem.values[v].writes:
            if write.device == place:
                late = event["length"] - write.duration_ns
                for reader in problem.values[v].readers:
                    if events[reader]["mode"].device == place:
                        yield reader, index, 1, late


def _places(events: Events, problem: Problem, period: int) -> Iterator[list[int]]:
    """Yield places on the circle in which no row is overloaded."""

    def extend(places: list[int]) -> Iterator[list[int]]:
        if len(places) == len(events):
            yield places
            return
        for place in range(period if places else 1):
            tried = [*places, place]
            if _fits(tried, events, problem, period):
                yield from extend(tried)

    yield from extend([])


def _fits(places: list[int], events: Events, problem: Problem, period: int) -> bool:
    row = events[len(places) - 1]["row"]
    here = [(p, e["length"]) for p, e in zip(places, events, strict=False) if e["row"] == row]
    busy = [0] * period
    for place, length in here:
        for time in range(place, place + length):
            busy[time % period] += 1
    if max(busy) > units(problem, row):
        return False
    return units(problem, row) > 1 or not any(
        0 < (instant - place) % period < length
        for instant, nothing in here
        for place, length in here
        if not nothing
    )


def _is_possible(places: list[int], period: int, events: Events, waits: list[Wait]) -> bool:
    """Return whether turns can be chosen so that all wait for what they need."""
    turns = [0] * len(events)
    for _ in range(len(events) + 1):
        before = list(turns)
        for src, reader, later, late in waits:
            end = places[src] + events[src]["length"] - places[reader] - late
            turns[reader] = max(turns[reader], turns[src] - later + -(-end // period))
        if turns == before:
            return True
    return False


@given(problems())
@FEW
def test_without_cycles_the_least_load_is_the_period(problem: Problem) -> None:
    values = tuple(replace(v, writes=()) for v in problem.values if not v.carried)
    problem = replace(problem, values=values)
    loads = [time for time, _ in brute_steps(problem, load_ns)]
    if not loads:
        with pytest.raises(InfeasibleError):
            solve_period(problem, limits=QUICK)
        return
    found = solve_period(problem, limits=QUICK)
    assert found.periodic.period_ns == found.lower_bound_ns == min(loads)
    assert found.status is Status.OPTIMAL
    assert floor_ns(prepare(problem)) <= min(loads)


@given(problems(most_tasks=3))
@FEW
def test_no_steady_state_is_shorter_than_the_bound(problem: Problem) -> None:
    assume(any(value.carried or value.writes for value in problem.values))
    periods = [time for time, _ in brute_steps(problem, least_ns)]
    assume(periods)
    found = solve_period(problem, limits=QUICK)
    assert found.lower_bound_ns <= min(periods) <= found.periodic.period_ns


def test_a_cycle_of_steps_takes_its_time() -> None:
    """Two tasks that wait for each other from step to step: no device is ever busy for long."""
    devices = (Device("a"), Device("b"))
    links = (Link(0, 1, 1.0, 2), Link(1, 0, 1.0, 3))
    tasks = (Task("t", (Mode(0, 5),)), Task("u", (Mode(1, 7),)))
    values = (Value(0, (1,), 1), Value(1, (0,), 1, carried=True))
    found = solve_period(Problem(devices, links, tasks, values), limits=QUICK)
    assert (found.periodic.period_ns, found.lower_bound_ns) == (5 + 3 + 7 + 4, 19)


def test_crossbars_are_written_when_the_step_before_has_read_them() -> None:
    """No load is above 20 ns, but the write takes 8 and the two readers 20 and 6, in a row."""
    devices = (Device("gpu"), Device("reram", 2))
    tasks = tuple(
        Task(name, (Mode(device, length, matrix=matrix),))
        for name, device, length, matrix in (("a", 0, 2, None), ("b", 1, 20, 0), ("c", 1, 6, 1))
    )
    written = Value(0, (1, 2), 4, writes=(Write(1, 8),))
    values, matrices = (written, Value(1, (2,), 0)), (Matrix("m", 1, 1), Matrix("n", 1, 1))
    problem = Problem(devices, (Link(0, 1, 1.0, 1),), tasks, values, matrices)
    found = solve_period(problem, limits=QUICK)
    assert (found.periodic.period_ns, found.lower_bound_ns) == (8 + 20 + 6, 8 + 20)
    with pytest.raises(VerifyError, match="crossbars hold the value of one step"):
        check_periodic(problem, replace(found.periodic, period_ns=33))
    in_memory = replace(problem, values=(replace(written, writes=()), values[1]))
    assert solve_period(in_memory, limits=QUICK).periodic.period_ns == 20


def test_units_share_a_task_that_is_longer_than_the_period() -> None:
    problem = Problem((Device("pair", count=2),), (), (Task("t", (Mode(0, 9),)),), ())
    found = solve_period(problem, limits=QUICK)
    assert (found.periodic.period_ns, found.status) == (5, Status.OPTIMAL)
    waiting = replace(problem, values=(Value(0, (0,), 1, carried=True),))
    assert solve_period(waiting, limits=QUICK).periodic.period_ns == 9


def steps_in_a_row(problem: Problem, periodic: Periodic, count: int) -> tuple[Problem, Assignment]:
    """Return so many steps as one problem and its answer; what a step needs of none is left out."""
    tasks = len(problem.tasks)
    values: list[Value] = []
    places: list[Placement] = []
    sent: list[Transfer] = []
    for step in range(count):
        shift = step * periodic.period_ns
        number = {}
        for v, value in enumerate(problem.values):
            source = step - value.carried
            if source >= 0:
                number[v] = len(values)
                readers = tuple(reader + step * tasks for reader in value.readers)
                src = value.src + source * tasks
                values.append(replace(value, src=src, readers=readers, carried=False))
        for place in periodic.assignment.placements:
            places.append(Placement(place.mode, place.start_ns + shift, place.end_ns + shift))
        for t in periodic.assignment.transfers:
            if t.value in number:
                times = t.start_ns + shift, t.end_ns + shift
                sent.append(Transfer(number[t.value], t.link, *times))
    devices = tuple(replace(device, memory_bytes=None) for device in problem.devices)
    row = replace(problem, devices=devices, tasks=problem.tasks * count, values=tuple(values))
    return replace(row, together=()), Assignment(tuple(places), tuple(sent))


def reads_in_time(problem: Problem, periodic: Periodic) -> bool:
    """Return whether all is read before the next step writes it."""
    tasks = list(zip(problem.tasks, periodic.assignment.placements, strict=True))
    return all(
        place.end_ns <= t.end_ns + periodic.period_ns - write.duration_ns
        for t in periodic.assignment.transfers
        for write in problem.values[t.value].writes
        if write.device == problem.links[t.link].dst
        for task, place in (tasks[reader] for reader in problem.values[t.value].readers)
        if task.modes[place.mode].device == write.device
    )


def is_right(problem: Problem, periodic: Periodic) -> bool:
    """Return what the judge says of a steady state."""
    try:
        check_periodic(problem, periodic)
    except VerifyError:
        return False
    return True


@given(problems(), st.randoms(use_true_random=False))
@FEW
def test_the_judge_agrees_with_steps_in_a_row(problem: Problem, rng: Any) -> None:
    try:
        periodic = solve_period(problem, limits=QUICK).periodic
    except InfeasibleError:
        return
    for _ in range(6):
        span = periodic.assignment.makespan_ns
        longest = max(p.end_ns - p.start_ns for p in periodic.assignment.placements)
        count = 3 + (span + longest) // periodic.period_ns
        row, answer = steps_in_a_row(problem, periodic, count)
        try:
            check(row, answer)
            stands = reads_in_time(problem, periodic)
        except VerifyError:
            stands = False
        assert is_right(problem, periodic) == stands
        periodic = _shaken(periodic, rng)


def _shaken(periodic: Periodic, rng: Any) -> Periodic:
    """Move a task, or change the period."""
    places = list(periodic.assignment.placements)
    index, shift = rng.randrange(len(places)), rng.randint(-2, 4)
    place = places[index]
    if place.start_ns + shift >= 0:
        times = place.start_ns + shift, place.end_ns + shift
        places[index] = Placement(place.mode, *times)
    step = replace(periodic.assignment, placements=tuple(places))
    return Periodic(max(1, periodic.period_ns + rng.choice([0, 0, 0, -1, 1])), step)


def test_copies_of_all_steps_count_for_the_memory() -> None:
    """A value of 10 bytes that waits for two and a half periods lies there three times."""
    devices = (Device("a"), Device("b"))
    tasks = (Task("t", (Mode(0, 4),)), Task("u", (Mode(0, 4),)))
    problem = Problem(devices, (), tasks, (Value(0, (1,), 10),))
    placements = (Placement(0, 0, 4), Placement(0, 16, 20))
    periodic = Periodic(8, Assignment(placements, ()))
    with pytest.raises(VerifyError, match="one task at a time on a"):
        check_periodic(problem, periodic)
    late = Periodic(8, Assignment((placements[0], Placement(0, 20, 24)), ()))
    check_periodic(problem, late)
    assert memory_bytes(problem, late) == [30, 0]
    weights = replace(problem, residents=(Resident((0, 1), 7),))
    assert memory_bytes(weights, late) == [37, 0]
    small = replace(problem, devices=(replace(devices[0], memory_bytes=29), devices[1]))
    with pytest.raises(VerifyError, match="memory of a"):
        check_periodic(small, late)
    assert memory_bytes(small, solve_period(small, limits=QUICK).periodic)[0] <= 29


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 6)), max_size=9), st.integers(1, 3))
def test_a_circle_with_one_gap_holds_all_that_fits(
    wanted: list[tuple[int, int]], gaps: int
) -> None:
    around = max(1, sum(length for _, length in wanted))
    circle, busy = Circle(around, gaps), [0] * around
    for ready, length in wanted:
        start = circle.book(ready, length)
        if start is None:
            assert gaps > 1
            continue
        assert ready <= start < ready + 2 * around
        for time in range(start, start + length):
            busy[time % around] += 1
    assert max(busy) <= 1


def test_the_same_work_gives_the_same_steady_state() -> None:
    problem, limits = chain_of_blocks(5), Limits(time_s=60, work_s=1.0)
    found = [solve_period(problem, limits=limits) for _ in range(2)]
    assert found[0].periodic == found[1].periodic
    assert found[0].lower_bound_ns == found[1].lower_bound_ns
    assert math.isfinite(found[0].gap)
