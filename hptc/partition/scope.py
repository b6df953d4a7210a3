"""What a CP-SAT model may change, and the fixed surroundings it has to respect.

The whole problem is a scope without surroundings. A window frees some tasks that are consecutive in
the order of start: earlier items keep their times, later ones keep device and sequence and only
shift. The latter act through tails: the longest path in ns from an item to the end of the step.
"""

import heapq
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from hptc.partition.decode import Schedule
from hptc.partition.instance import Instance


@dataclass(frozen=True, slots=True)
class Scope:
    """Free tasks and their surroundings; times in ns, links as pairs a * devices + b."""

    options: Mapping[int, tuple[int, ...]]
    """Modes each free task may take."""
    fixed: Mapping[int, int] = field(default_factory=dict)
    """Modes of the other tasks."""
    origin: int = 0
    """New transfers start from here."""
    made: Mapping[int, int] = field(default_factory=dict)
    """End of each fixed earlier task."""
    arrival: Mapping[tuple[int, int, int], int] = field(default_factory=dict)
    """(value, source device, destination): arrival by a transfer that stays in place."""
    row_ready: Mapping[int, int] = field(default_factory=dict)
    row_busy: Mapping[int, Sequence[tuple[int, int]]] = field(default_factory=dict)
    """Of rows with several units: what still runs at the origin. Free tasks start from there on."""
    wire_busy: Mapping[int, Sequence[tuple[int, int]]] = field(default_factory=dict)
    row_tail: Mapping[tuple[int, int], int] = field(default_factory=dict)
    """(row, unit): longest path from the first later task there."""
    wire_tail: Mapping[int, int] = field(default_factory=dict)
    read_tail: Mapping[tuple[int, int], int] = field(default_factory=dict)
    """(value, device): longest path from the later readers there."""
    floor: int = 0
    """Makespan that the fixed items alone impose."""


def whole(instance: Instance) -> Scope:
    """Return the scope that frees every task."""
    return Scope(dict(enumerate(instance.options)))


@dataclass(frozen=True, slots=True)
class Split:
    """The items of a schedule around a window.

    `kept` holds transfers that stay in place, `later` those that only shift.
    """

    early: frozenset[int]
    late: frozenset[int]
    kept: tuple[tuple[int, int], ...]
    later: tuple[tuple[int, int], ...]
    origin: int


def split(
    instance: Instance, schedule: Schedule, free: Sequence[int], early: Sequence[int]
) -> Split:
    """Sort tasks and transfers into before, inside and after a window.

    A transfer stays in place when it starts before the window or feeds an early task; the values
    that a free task makes or reads are sent anew; the rest shifts if it starts after the window,
    and stays otherwise.
    """
    inside, first = frozenset(free), frozenset(early)
    late = frozenset(range(instance.tasks)) - inside - first
    origin = min(schedule.start[t] for t in free)
    finish = max(schedule.end[t] for t in free)
    values = instance.problem.values
    kept, later = [], []
    for (v, device), begin in schedule.sends.items():
        value = values[v]
        feeds_early = any(
            r in first and _at(instance, schedule, r) == device for r in value.readers
        )
        if begin < origin or feeds_early:
            kept.append((v, device))
        elif value.src in inside or not inside.isdisjoint(value.readers):
            continue
        elif begin >= finish or (value.src in late and not value.carried):
            later.append((v, device))
        else:
            kept.append((v, device))
    return Split(first, late, tuple(kept), tuple(later), origin)


def window(instance: Instance, schedule: Schedule, free: Sequence[int], parts: Split) -> Scope:
    """Return the scope that frees the tasks of a window of `schedule`."""
    count, values = instance.devices, instance.problem.values
    tails = _Tails(instance, schedule, parts)
    arrival, busy = {}, defaultdict(list)
    for v, device in parts.kept:
        source = _at(instance, schedule, values[v].src)
        begin = schedule.sends[v, device]
        done = begin + instance.send[v][source * count + device]
        arrival[v, source, device] = done
        if done > parts.origin:
            busy[source * count + device].append((begin, done))
    row_ready: dict[int, int] = defaultdict(int)
    row_busy: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for task in parts.early:
        row, done = instance.resource[task][schedule.modes[task]], schedule.end[task]
        if instance.units[row] == 1:
            row_ready[row] = max(row_ready[row], done)
        elif done > parts.origin:
            row_busy[row].append((schedule.start[task], done))
    made = {task: schedule.end[task] for task in parts.early}
    return Scope(
        options={t: _options(instance, schedule, t, parts) for t in free},
        fixed={t: schedule.modes[t] for t in parts.early | parts.late},
        origin=parts.origin,
        made=made,
        arrival=arrival,
        row_ready=row_ready,
        row_busy=row_busy,
        wire_busy=busy,
        row_tail=tails.row,
        wire_tail=tails.wire,
        read_tail=tails.read,
        floor=tails.floor(row_ready, arrival, made),
    )


def _at(instance: Instance, schedule: Schedule, task: int) -> int:
    return instance.device[task][schedule.modes[task]]


def _options(instance: Instance, schedule: Schedule, task: int, parts: Split) -> tuple[int, ...]:
    """Return the modes a free task may take.

    The source of a carried value that early tasks read may only stay, or move to their device; a
    task stays on the device of those of its group that are not free.
    """
    values = instance.problem.values
    homes = {
        _at(instance, schedule, reader)
        for v in instance.outputs[task]
        if values[v].carried
        for reader in values[v].readers
        if reader in parts.early
    }
    homes |= {
        _at(instance, schedule, mate)
        for mate in instance.mates.get(task, ())
        if mate in parts.early or mate in parts.late
    }
    stay = schedule.modes[task]
    return tuple(
        mode
        for mode in instance.options[task]
        if mode == stay or homes <= {instance.device[task][mode]}
    )


class _Tails:
    """Longest paths through the items that only shift, in the order they keep."""

    def __init__(self, instance: Instance, schedule: Schedule, parts: Split) -> None:
        self.instance, self.schedule, self.parts = instance, schedule, parts
        self.row: dict[tuple[int, int], int] = {}
        self.wire: dict[int, int] = {}
        self.read: dict[tuple[int, int], int] = {}
        self._sent: dict[tuple[int, int], int] = {}
        self._unit = dealt(instance, schedule, parts.late)
        for task, v, device in self._backwards():
            if v < 0:
                self._pass_task(task)
            else:
                self._pass_transfer(task, v, device)

    def floor(
        self,
        row_ready: Mapping[int, int],
        arrival: Mapping[tuple[int, int, int], int],
        made: Mapping[int, int],
    ) -> int:
        """Return the makespan in ns that early items and tails impose without the window."""
        instance, values = self.instance, self.instance.problem.values
        early, late = self.parts.early, self.parts.late
        found = [max(made.values(), default=0)]
        found += [ready + self.row.get((row, 0), 0) for row, ready in row_ready.items()]
        for (v, source, device), done in arrival.items():
            pair = source * instance.devices + device
            found.append(done + self.wire.get(pair, 0))
            if values[v].src in early or values[v].src in late:
                found.append(done + self.read.get((v, device), 0))
        for (v, device), tail in self.read.items():
            src = values[v].src
            if src in made and _at(instance, self.schedule, src) == device:
                found.append((0 if values[v].carried else made[src]) + tail)
            elif src in late and values[v].carried:
                found.append(tail)
        for v, device in self.parts.later:
            src = values[v].src
            if src in made:
                found.append((0 if values[v].carried else made[src]) + self._sent[v, device])
        return max(*found, *self.row.values(), *self.wire.values(), 0)

    def _backwards(self) -> list[tuple[int, int, int]]:
        instance, schedule = self.instance, self.schedule
        values, count = instance.problem.values, instance.devices
        items = [
            (schedule.start[t], schedule.end[t], 2 * instance.rank[t], (t, -1, -1))
            for t in self.parts.late
        ]
        for v, device in self.parts.later:
            src, begin = values[v].src, schedule.sends[v, device]
            done = begin + instance.send[v][_at(instance, schedule, src) * count + device]
            place = -1 if values[v].carried else 2 * instance.rank[src] + 1
            items.append((begin, done, place, (src, v, device)))
        return [item[-1] for item in sorted(items, reverse=True)]

    def _pass_task(self, task: int) -> None:
        instance, values = self.instance, self.instance.problem.values
        mode = self.schedule.modes[task]
        device, row = instance.device[task][mode], instance.resource[task][mode]
        length, unit = instance.duration[task][mode], self._unit.get(task, 0)
        needs_unit = bool(length) or instance.units[row] == 1
        tail = self.row.get((row, unit), 0) if needs_unit else 0
        for v in instance.outputs[task]:
            if not values[v].carried:
                for reader in values[v].readers:
                    there = _at(instance, self.schedule, reader)
                    path = self.read if there == device else self._sent
                    tail = max(tail, path[v, there])
        tail += length
        if needs_unit:
            self.row[row, unit] = tail
        for v in instance.inputs[task]:
            self.read[v, device] = max(self.read.get((v, device), 0), tail)

    def _pass_transfer(self, src: int, v: int, device: int) -> None:
        pair = _at(self.instance, self.schedule, src) * self.instance.devices + device
        tail = max(self.wire.get(pair, 0), self.read[v, device]) + self.instance.send[v][pair]
        self._sent[v, device] = self.wire[pair] = tail


def dealt(instance: Instance, schedule: Schedule, tasks: Iterable[int]) -> dict[int, int]:
    """Return the unit of each of some tasks that takes time on a row of several units."""
    free: dict[int, list[tuple[int, int]]] = {}
    found = {}
    for task in sorted(tasks, key=lambda t: (schedule.start[t], schedule.end[t])):
        mode = schedule.modes[task]
        row = instance.resource[task][mode]
        if instance.units[row] > 1 and instance.duration[task][mode]:
            if row not in free:
                free[row] = [(0, unit) for unit in range(instance.units[row])]
            unit = free[row][0][1]
            found[task] = unit
            heapq.heapreplace(free[row], (schedule.end[task], unit))
    return found
