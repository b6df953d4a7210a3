"""From modes to a steady state: tasks and transfers laid round the circle of a period."""

import math
from collections import defaultdict
from collections.abc import Sequence

from hptc.partition.decode import Schedule, to_assignment
from hptc.partition.instance import Instance
from hptc.partition.period.circle import Circle
from hptc.partition.period.periodic import Periodic
from hptc.partition.tables import Pair

Key = int | Pair
"""A row of tasks, or the ends of a link."""


def loads(instance: Instance, modes: Sequence[int]) -> dict[Key, tuple[int, int]]:
    """Return for every row of tasks and every link in use its units and its load in ns."""
    work = lengths(instance, modes)
    return {key: (units_of(instance, key), sum(each)) for key, each in work.items()}


def lengths(instance: Instance, modes: Sequence[int]) -> dict[Key, list[int]]:
    """Return for every row of tasks and every link in use how long each use takes in ns."""
    found: dict[Key, list[int]] = defaultdict(list)
    at = instance.places(modes)
    for task, mode in enumerate(modes):
        found[instance.resource[task][mode]].append(instance.duration[task][mode])
    for v, value in enumerate(instance.problem.values):
        source = at[value.src]
        for device in {at[reader] for reader in value.readers} - {source}:
            found[source, device].append(instance.send[v][source][device])
    return found


def units_of(instance: Instance, key: Key) -> int:
    """Return how many tasks or transfers a row or link takes at a time."""
    if isinstance(key, tuple):
        return 1
    return instance.problem.devices[instance.resources[key][0]].count


def least_period(instance: Instance, modes: Sequence[int]) -> int:
    """Return the period in ns that modes ask for by loads, and by what waits for itself alone.

    Crossbars are written and read in turn.
    """
    found = [-(-load // units) for units, load in loads(instance, modes).values()]
    values = (value for value in instance.problem.values if value.src in value.readers)
    found += [instance.duration[value.src][modes[value.src]] for value in values]
    at = instance.places(modes)
    for value in instance.problem.values:
        for r in value.readers:
            if at[r] != at[value.src] and value.is_written(at[r]):
                write = value.written(at[r])
                found.append(write.duration_ns + instance.duration[r][modes[r]])
    return max([1, *found])


def fold(
    instance: Instance,
    modes: Sequence[int],
    order: Sequence[int],
    period_ns: int,
    spread: int,
) -> Periodic | None:
    """Place tasks in an order, with their transfers, on circles; None if one does not fit.

    The units of a device are one circle as many times as long as the period: of the steps, each
    unit takes every so-manyth.

    Args:
        instance: The tasks.
        modes: Of each task.
        order: The tasks, as `Recurrences.order` returns them.
        period_ns: From step to step.
        spread: How many gaps a circle may have for each time that its idle time could hold its
            longest use; with at most one, everything fits.
    """
    folding = _Folding(instance, modes, period_ns, spread)
    if not all(map(folding.place, order)):
        return None
    schedule = Schedule(tuple(modes), tuple(folding.start), tuple(folding.end), folding.sends)
    return Periodic(period_ns, to_assignment(instance, schedule))


class _Folding:
    """What is placed so far; times in ns."""

    def __init__(
        self,
        instance: Instance,
        modes: Sequence[int],
        period_ns: int,
        spread: int,
    ) -> None:
        self._instance, self._modes, self._period_ns = instance, modes, period_ns
        self._spread, self._lengths = spread, lengths(instance, modes)
        self._circles: dict[Key, Circle] = {}
        self._at = instance.places(modes)
        self._due: list[float] = [math.inf] * instance.tasks
        """Latest end of each task that its readers in the next step allow."""
        self._is_placed = [False] * instance.tasks
        self.start = [0] * instance.tasks
        self.end = [0] * instance.tasks
        self.sends: dict[tuple[int, int], int] = {}

    def place(self, task: int) -> bool:
        """Place a task behind what it reads; return whether it fits."""
        instance, mode = self._instance, self._modes[task]
        ready = 0
        for v in instance.inputs[task]:
            here = self._arrival(v, self._at[task])
            if here is None:
                return False
            ready = max(ready, here)
        row, length = instance.resource[task][mode], instance.duration[task][mode]
        start = self._book(row, ready, length)
        if start is None:
            return False
        self.start[task], self.end[task] = start, start + length
        self._is_placed[task] = True
        if not all(self._is_read_in_time(v, task) for v in instance.inputs[task]):
            return False
        for v in instance.inputs[task]:
            source = instance.problem.values[v].src
            if instance.problem.values[v].carried and self._at[source] == self._at[task]:
                self._due[source] = min(self._due[source], start + self._period_ns)
        return all(self.end[t] <= self._due[t] for t in self._sources(task) if self._is_placed[t])

    def _is_read_in_time(self, v: int, task: int) -> bool:
        """Return whether a task is done with a value when the next step writes its crossbars."""
        value, device = self._instance.problem.values[v], self._at[task]
        if (v, device) not in self.sends or not value.is_written(device):
            return True
        there = self.sends[v, device] + self._instance.send[v][self._at[value.src]][device]
        return self.end[task] - (there - value.written(device).duration_ns) <= self._period_ns

    def _sources(self, task: int) -> set[int]:
        instance = self._instance
        return {task, *(instance.problem.values[v].src for v in instance.inputs[task])}

    def _arrival(self, v: int, device: int) -> int | None:
        """Return when a value is on a device, which it may have to be sent to."""
        instance, value = self._instance, self._instance.problem.values[v]
        made = self.end[value.src]
        if value.carried:
            made = max(0, made - self._period_ns)
        source = self._at[value.src]
        if source == device:
            return made
        length = instance.send[v][source][device]
        if (v, device) not in self.sends:
            begin = self._book((source, device), made, length)
            if begin is None:
                return None
            self.sends[v, device] = begin
            if value.carried:
                self._due[value.src] = min(self._due[value.src], begin + self._period_ns)
        return self.sends[v, device] + length

    def _book(self, key: Key, ready: int, length: int) -> int | None:
        units = units_of(self._instance, key)
        if units > 1 and not length:
            return ready
        if key not in self._circles:
            around, uses = units * self._period_ns, self._lengths[key]
            spare = (around - sum(uses)) // max([1, *uses])
            self._circles[key] = Circle(around, 1 + self._spread * max(0, spare))
        return self._circles[key].book(ready, length)
