"""Random small problems and a brute force that knows nothing of the solvers."""

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import product
from typing import Any

from hypothesis import strategies as st

from hptc.partition.limits import Limits
from hptc.partition.problem import Device, Link, Matrix, Mode, Problem, Task, Value, Write

QUICK = Limits(time_s=10.0, workers=1)
"""Enough for any of these problems."""
Events = list[dict[str, Any]]
"""Tasks, then transfers."""


@st.composite
def problems(draw: st.DrawFn, most_tasks: int = 4, *, has_matrices: bool = False) -> Problem:
    """Draw a problem of up to three devices; the last may be spatial, the first of two units."""
    devices = draw(st.integers(2 if has_matrices else 1, 3))
    tasks = draw(st.integers(1, most_tasks))
    spatial = has_matrices or (devices > 1 and draw(st.booleans()))
    capacity = draw(st.integers(1, 3)) if spatial else None
    power = st.sampled_from([0.0, 1.5, 7.0])
    last = devices - 1
    units = [draw(st.sampled_from([1, 1, 2])), 1, 1]
    found = [Device(f"d{i}", None, draw(power), units[i]) for i in range(last)]
    found.append(Device(f"d{last}", capacity, draw(power), units[last]))
    matrices = tuple(Matrix(f"w{i}", last, draw(st.integers(1, 2))) for i in range(2))
    rows = tuple(_task(draw, i, devices, spatial) for i in range(tasks))
    return Problem(
        tuple(found),
        tuple(_links(draw, devices)),
        rows,
        tuple(_values(draw, tasks, devices)),
        matrices if spatial else (),
        _groups(draw, rows),
    )


def _links(draw: st.DrawFn, devices: int) -> list[Link]:
    found = []
    for a, b in product(range(devices), repeat=2):
        if a != b and draw(st.integers(0, 9)):
            speed = draw(st.sampled_from([0.5, 1.0, 3.0]))
            found.append(
                Link(a, b, speed, draw(st.integers(0, 3)), draw(st.sampled_from([0.0, 0.5])))
            )
    return found


def _task(draw: st.DrawFn, index: int, devices: int, spatial: bool) -> Task:
    places = draw(st.sets(st.integers(0, devices - 1), min_size=1))
    modes = []
    for place in sorted(places):
        choice = st.lists(st.sampled_from([0, 1, None]), min_size=1, unique=True)
        read: list[int | None] = [None]
        if spatial and place == devices - 1:
            read = draw(choice)
        for matrix in read:
            modes.append(Mode(place, draw(st.integers(0, 9)), draw(st.integers(0, 20)), matrix))
    return Task(f"t{index}", tuple(modes))


def _values(draw: st.DrawFn, tasks: int, devices: int) -> list[Value]:
    def written() -> tuple[Write, ...]:
        place = draw(st.sampled_from([None, None, *range(devices)]))
        if place is None:
            return ()
        return (Write(place, draw(st.integers(0, 9)), draw(st.integers(0, 20))),)

    found = []
    for src in range(tasks):
        later = list(range(src + 1, tasks))
        readers = draw(st.sets(st.sampled_from(later))) if later else set()
        if readers:
            size = draw(st.integers(0, 6))
            found.append(Value(src, tuple(sorted(readers)), size, writes=written()))
        if draw(st.integers(0, 3)) == 0:
            reader = draw(st.integers(0, tasks - 1))
            found.append(Value(src, (reader,), draw(st.integers(0, 6)), True, written()))
    return found


def _groups(draw: st.DrawFn, tasks: Sequence[Task]) -> tuple[tuple[int, ...], ...]:
    """Draw at most one group, of tasks that have a device in common."""
    place = tasks[0].modes[0].device
    able = [i for i, task in enumerate(tasks) if place in {mode.device for mode in task.modes}]
    if len(able) < 2 or draw(st.integers(0, 2)):
        return ()
    return (tuple(draw(st.lists(st.sampled_from(able), min_size=2, unique=True))),)


def stretched(problem: Problem, factor: int) -> Problem:
    """Return the problem with all times and sizes so many times as long."""
    return replace(
        problem,
        links=tuple(replace(link, latency_ns=factor * link.latency_ns) for link in problem.links),
        values=tuple(
            replace(
                value,
                bytes=factor * value.bytes,
                writes=tuple(replace(w, duration_ns=factor * w.duration_ns) for w in value.writes),
            )
            for value in problem.values
        ),
        tasks=tuple(
            replace(
                task,
                modes=tuple(replace(m, duration_ns=factor * m.duration_ns) for m in task.modes),
            )
            for task in problem.tasks
        ),
    )


def brute_force(problem: Problem) -> tuple[float, float]:
    """Return the least makespan in ns and the least energy in pJ (infinite if infeasible)."""
    steps = brute_steps(problem)
    return (
        min((time for time, _ in steps), default=math.inf),
        min((energy for _, energy in steps), default=math.inf),
    )


def brute_front(problem: Problem) -> list[tuple[int, float]]:
    """Return every (makespan in ns, energy in pJ) that no other step beats in both."""
    front: list[tuple[int, float]] = []
    for time, energy in sorted(brute_steps(problem)):
        if not front or energy < front[-1][1] - 1e-9:
            front.append((time, energy))
    return front


def brute_steps(
    problem: Problem, shortest: Callable[[Events, Problem], float] | None = None
) -> set[tuple[int, float]]:
    """Return the shortest makespan in ns, and its energy in pJ, for all choices of modes."""
    return set(brute_choices(problem, shortest).values())


def brute_choices(
    problem: Problem, shortest: Callable[[Events, Problem], float] | None = None
) -> dict[tuple[Mode, ...], tuple[int, float]]:
    """Return the shortest makespan in ns, and its energy in pJ, by the modes of all tasks.

    The shortest is also the most frugal of a choice. With memories, `shortest` has to keep them.
    """
    found = {}
    for modes in product(*(task.modes for task in problem.tasks)):
        if any(len({modes[task].device for task in group}) > 1 for group in problem.together):
            continue
        used: dict[int, set[int]] = {}
        for mode in modes:
            if mode.matrix is not None:
                used.setdefault(mode.device, set()).add(mode.matrix)
        if any(
            sum(problem.matrices[m].crossbars for m in held)
            > (problem.devices[d].capacity_crossbars or 0)
            for d, held in used.items()
        ):
            continue
        events = _events(problem, modes)
        if events is None:
            continue
        time = (shortest or _shortest)(events, problem)
        if time == math.inf:
            continue
        moved = sum(event["energy"] for event in events)
        power = sum(
            problem.devices[d].static_power_pj_per_ns for d in {mode.device for mode in modes}
        )
        found[modes] = (int(time), moved + power * time)
    return found


def _events(problem: Problem, modes: tuple[Mode, ...]) -> Events | None:
    """Return tasks and transfers as events with resource, length, energy and predecessors."""
    events: list[dict[str, Any]] = [
        {
            "row": ("device", mode.device, mode.matrix),
            "length": mode.duration_ns,
            "energy": mode.energy_pj,
            "after": set(),
            "task": True,
            "mode": mode,
        }
        for mode in modes
    ]
    links = {(link.src, link.dst): link for link in problem.links}
    for v, value in enumerate(problem.values):
        source = modes[value.src].device
        for place in {modes[reader].device for reader in value.readers}:
            readers = [r for r in value.readers if modes[r].device == place]
            before = set() if value.carried else {value.src}
            if place != source:
                if (source, place) not in links:
                    return None
                link = links[source, place]
                length = math.ceil(link.latency_ns + value.bytes / link.bandwidth_bytes_per_ns)
                written = [write for write in value.writes if write.device == place]
                sent_pj = value.bytes * link.energy_pj_per_byte
                events.append(
                    {
                        "row": ("link", source, place),
                        "length": length + sum(write.duration_ns for write in written),
                        "energy": sent_pj + sum(write.energy_pj for write in written),
                        "after": before,
                        "task": False,
                        "sent": (v, place),
                    }
                )
                before = {len(events) - 1}
            for reader in readers:
                events[reader]["after"] |= before
    return events


def _shortest(events: Events, problem: Problem) -> int:
    """Return the least makespan over all sequences of events, each started when it can be.

    `free` holds when each unit of a row is free; what takes no time needs none of several.
    """
    best: int = sum(event["length"] for event in events) + 1
    idle = {
        row: (0,) * (problem.devices[row[1]].count if row[0] == "device" else 1)
        for row in {event["row"] for event in events}
    }

    def extend(ends: dict[int, int], free: dict[Any, tuple[int, ...]], makespan: int) -> None:
        nonlocal best
        if makespan >= best:
            return
        if len(ends) == len(events):
            best = makespan
            return
        for index, event in enumerate(events):
            if index not in ends and event["after"] <= ends.keys():
                ready = max((ends[before] for before in event["after"]), default=0)
                units = free[event["row"]]
                for unit, since in enumerate(units):
                    needs_unit = len(units) == 1 or event["length"]
                    end = (max(since, ready) if needs_unit else ready) + event["length"]
                    rest = sorted((*units[:unit], end, *units[unit + 1 :])) if needs_unit else units
                    later = max(makespan, end) if event["task"] else makespan
                    extend(ends | {index: end}, free | {event["row"]: tuple(rest)}, later)

    extend({}, idle, 0)
    return best


def chain_of_blocks(blocks: int, seed: int = 0) -> Problem:
    """Return a transformer-like step: forward and backward chains with side branches."""
    state = seed * 7919 + 17

    def number(low: int, high: int) -> int:
        nonlocal state
        state = (state * 1103515245 + 12345) % (1 << 31)
        return low + state % (high - low + 1)

    tasks: list[Task] = []
    values: list[Value] = []
    for _ in range(blocks):
        base = len(tasks)
        for step in range(6):
            modes = [Mode(0, number(3000, 9000), number(10**6, 10**8))]
            if step != 3:
                modes.append(Mode(1, number(1000, 12000), number(10**4, 10**6)))
            if step in (1, 4):
                modes.append(Mode(2, number(200, 4000), number(10**3, 10**5), len(tasks) % 5))
            tasks.append(Task(f"t{len(tasks)}", tuple(modes)))
        ends: tuple[tuple[int, tuple[int, ...]], ...] = (
            (base, (base + 1, base + 2, base + 5)),
            (base + 1, (base + 3,)),
        )
        ends += ((base + 2, (base + 3,)), (base + 3, (base + 4,)), (base + 4, (base + 5,)))
        values += [Value(src, readers, number(1000, 60000)) for src, readers in ends]
        if base:
            values.append(Value(base - 1, (base, base + 5), number(1000, 60000)))
        values.append(Value(base + 5, (base + 1,), 4096, carried=True))
    devices = (Device("gpu", None, 5e4), Device("systolic", None, 500.0), Device("reram", 9, 200.0))
    fast, slow = (16.0, 20), (12.0, 5000)
    links = tuple(
        Link(a, b, *(slow if 0 in (a, b) else fast), 2.0)
        for a, b in product(range(3), repeat=2)
        if a != b
    )
    matrices = tuple(Matrix(f"w{i}", 2, 2 + i % 2) for i in range(5))
    return Problem(devices, links, tuple(tasks), tuple(values), matrices)


def layers(width: int, depth: int) -> Problem:
    """Return layers of tasks on two devices that read two of the layer before."""
    rng = random.Random(1)
    tasks, values = [], []
    for layer in range(depth):
        for place in range(width):
            modes = tuple(Mode(device, rng.randint(50, 500)) for device in range(2))
            tasks.append(Task(f"t{layer}.{place}", modes))
            for before in rng.sample(range(width), 2) if layer else ():
                edge = ((layer - 1) * width + before, (layer * width + place,))
                values.append(Value(*edge, rng.randint(1, 200)))
    links = (Link(0, 1, 1.0, 20), Link(1, 0, 1.0, 20))
    return Problem((Device("a"), Device("b")), links, tuple(tasks), tuple(values))
