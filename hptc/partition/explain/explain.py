"""Why an answer is as it is: what each task would cost elsewhere, and what the step waits for."""

from collections.abc import Iterator
from dataclasses import dataclass

from hptc.partition.explain.prices import Price, Prices
from hptc.partition.explain.timed import Timed
from hptc.partition.prepare import prepare
from hptc.partition.problem import Assignment, Problem
from hptc.partition.replay import from_assignment
from hptc.partition.tables import Pair


@dataclass(frozen=True, slots=True)
class Choice:
    """One task: where it runs, how long it may wait, and what every other way to run it costs."""

    task: int
    mode: int
    start_ns: int
    end_ns: int
    slack_ns: int
    """By how much it may start later, the sequence kept, before the step takes longer."""
    alternatives: tuple[Price, ...]


@dataclass(frozen=True, slots=True)
class Hop:
    """A piece of the critical path: a task, or the transfer of a value that it makes."""

    task: int
    value: int | None
    device: int
    """Where the task runs, or where the value goes."""
    start_ns: int
    end_ns: int


@dataclass(frozen=True, slots=True)
class Load:
    """How busy a device or a link is."""

    name: str
    busy_ns: int
    """Of all units together; of a spatial device, of its busiest matrix."""
    share: float
    """Of what its units could do in a step."""


@dataclass(frozen=True, slots=True)
class Room:
    """Crossbars of a spatial device."""

    device: str
    used: int
    capacity: int


@dataclass(frozen=True, slots=True)
class Bounds:
    """What keeps the step from being shorter, in ns; each holds for every answer."""

    paths_ns: int
    """The longest path, everything at its fastest."""
    loads_ns: int
    """The work of the devices, shared out as well as it can be; 0 where the solver failed."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """All about one answer."""

    makespan_ns: int
    choices: tuple[Choice, ...]
    """Of every task, in order."""
    critical: tuple[Hop, ...]
    """From the start to the end of the step without a pause."""
    loads: tuple[Load, ...]
    """Devices and links in use, the busiest first."""
    rooms: tuple[Room, ...]


class Explainer:
    """Explains one answer, task by task or as a whole.

    Args:
        problem: What was asked.
        assignment: The answer; it keeps the rules of the problem.
    """

    def __init__(self, problem: Problem, assignment: Assignment) -> None:
        self._instance = prepare(problem)
        self._timed = Timed(self._instance, from_assignment(self._instance, assignment))
        self._prices = Prices(self._timed)

    def choice(self, task: int) -> Choice:
        """Explain the placement of one task."""
        schedule, position = self._timed.schedule, self._timed.of_task[task]
        return Choice(
            task=task,
            mode=schedule.modes[task],
            start_ns=schedule.start[task],
            end_ns=schedule.end[task],
            slack_ns=self._timed.slack(position),
            alternatives=tuple(self._prices.of(task)),
        )

    def critical(self) -> tuple[Hop, ...]:
        """Return the critical path."""
        timed = self._timed
        hops = []
        for position in timed.critical_path():
            task, v, there = timed.items[position]
            value, device = (None, timed.at[task]) if v < 0 else (v, there)
            hops.append(Hop(task, value, device, timed.start(position), timed.end(position)))
        return tuple(hops)

    def whole(self) -> Explanation:
        """Explain all of it."""
        return Explanation(
            makespan_ns=self._timed.makespan,
            choices=tuple(map(self.choice, range(self._instance.tasks))),
            critical=self.critical(),
            loads=tuple(sorted(self._loads(), key=lambda load: (-load.share, load.name))),
            rooms=tuple(self._rooms()),
        )

    def _loads(self) -> Iterator[Load]:
        instance, timed = self._instance, self._timed
        devices, makespan = instance.problem.devices, timed.makespan
        busy: dict[int | Pair, int] = {}
        for position, (task, v, device) in enumerate(timed.items):
            row = instance.resource[task][timed.schedule.modes[task]]
            key = row if v < 0 else (timed.at[task], device)
            busy[key] = busy.get(key, 0) + timed.end(position) - timed.start(position)
        rows: dict[int, tuple[int, int]] = {}
        for key, time_ns in busy.items():
            if isinstance(key, tuple):
                a, b = (devices[d].name for d in key)
                yield Load(f"{a}->{b}", time_ns, time_ns / makespan if makespan else 0.0)
            else:
                device = instance.resources[key][0]
                rows[device] = max(rows.get(device, (0, 1)), (time_ns, instance.units[key]))
        for device, (time_ns, units) in rows.items():
            share = time_ns / (units * makespan) if makespan else 0.0
            yield Load(devices[device].name, time_ns, share)

    def _rooms(self) -> Iterator[Room]:
        instance, modes = self._instance, self._timed.schedule.modes
        for index, device in enumerate(instance.problem.devices):
            if device.capacity_crossbars is not None:
                used = instance.crossbars_used(modes, index)
                yield Room(device.name, used, device.capacity_crossbars)
