"""What a schedule imposes on its windows: computed once, looked up for each of them.

A window frees tasks that are consecutive in the order of start. What comes before keeps its times;
what comes after keeps device and sequence and only shifts, so all that counts of it is its tail:
the longest path in ns from its start to the end of the step.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import accumulate

import numpy as np

from hptc.partition.decode import Schedule, by_start
from hptc.partition.instance import Instance
from hptc.partition.tables import Pair
from hptc.partition.tails import Tails


@dataclass(frozen=True, slots=True)
class Span:
    """A window: the positions of its tasks in the order of start, and its times in ns."""

    first: int
    stop: int
    origin: int
    """Start of its first task."""
    finish: int
    """End of its last task."""
    touched: frozenset[int]
    """Values that its tasks make or read; they are sent anew, unless they were before."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A transfer on a link; times in ns."""

    begin: int
    done: int
    value: int
    device: int


class Surroundings:
    """A schedule, prepared for its windows.

    Args:
        instance: The problem.
        schedule: One of its schedules.
    """

    def __init__(self, instance: Instance, schedule: Schedule) -> None:
        self.instance, self.schedule = instance, schedule
        self.order = by_start(instance, schedule)
        self.position = [0] * instance.tasks
        for position, task in enumerate(self.order):
            self.position[task] = position
        self.at = instance.places(schedule.modes)
        self.tails = Tails(instance, schedule, self.at)
        self.users = self.rows_of(range(instance.tasks))
        """How many tasks use each row."""
        self.lines = self._find_lines()
        self.wires = self._find_wires()
        self.sent_to: dict[int, list[int]] = defaultdict(list)
        for v, device in schedule.sends:
            self.sent_to[v].append(device)
        self.ended = [0, *accumulate((schedule.end[task] for task in self.order), max)]
        values = instance.problem.values
        self.made = np.array([-1 if x.carried else self.position[x.src] for x in values])
        self.last = np.array(
            [max((self.position[r] for r in x.readers), default=-1) for x in values]
        )

    def rows_of(self, tasks: Iterable[int]) -> Counter[int]:
        """Return the rows that some tasks use, each with how many of them."""
        return Counter(self.instance.resource[t][self.schedule.modes[t]] for t in tasks)

    def _find_lines(self) -> dict[tuple[int, int], list[int]]:
        """Return the positions of the tasks on each unit of each row."""
        instance, found = self.instance, defaultdict[tuple[int, int], list[int]](list)
        for position, task in enumerate(self.order):
            mode = self.schedule.modes[task]
            row = instance.resource[task][mode]
            if instance.units[row] == 1 or instance.duration[task][mode]:
                found[row, self.tails.unit.get(task, 0)].append(position)
        return found

    def _find_wires(self) -> dict[Pair, list[Sent]]:
        """Return the transfers on each link in sequence."""
        instance, values = self.instance, self.instance.problem.values
        found = defaultdict[Pair, list[Sent]](list)
        for (v, device), begin in self.schedule.sends.items():
            source = self.at[values[v].src]
            done = begin + instance.send[v][source][device]
            found[source, device].append(Sent(begin, done, v, device))
        for sent in found.values():
            sent.sort(key=lambda item: (item.begin, item.done))
        return found

    def span(self, first: int, size: int) -> Span:
        """Return the window of `size` tasks from a position on."""
        free, instance = self.order[first : first + size], self.instance
        return Span(
            first,
            first + len(free),
            self.schedule.start[free[0]],
            max(self.schedule.end[task] for task in free),
            frozenset(v for t in free for v in (*instance.inputs[t], *instance.outputs[t])),
        )

    def stays(self, v: int, device: int, span: Span) -> bool:
        """Return whether a transfer keeps its time: what begins before, or feeds what does.

        Beside a window that also holds for what it does not touch and what need not shift.
        """
        begin, value = self.schedule.sends[v, device], self.instance.problem.values[v]
        if begin <= span.origin:
            return begin < span.origin or any(
                self.position[r] < span.first and self.at[r] == device for r in value.readers
            )
        is_early = value.carried or self.position[value.src] < span.first
        return is_early and begin < span.finish and v not in span.touched
