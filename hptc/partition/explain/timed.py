"""A schedule in sequence: what waits for what, and how long each task and transfer may wait."""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from hptc.partition.decode import Schedule, dealt, sequence
from hptc.partition.instance import Instance
from hptc.partition.tails import Tails

Key = tuple[str, int, int]
"""("row", row, unit) or ("wire", source device, device): what carries one item at a time."""


@dataclass(frozen=True, slots=True)
class Line:
    """What a row's unit or a link carries, in sequence: positions, starts and ends in ns."""

    positions: list[int] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)

    def seek(
        self, ready: int, length: int, before: int, without: Collection[int]
    ) -> tuple[int, int | None]:
        """Find the first gap from `ready` among the items at positions below `before`.

        Args:
            ready: earliest start in ns.
            length: of the gap in ns.
            before: a position of the sequence.
            without: positions to pass over, as if they were not there.

        Returns:
            The start of the gap in ns, and the position of the first item from `before` on.
        """
        cut = bisect_left(self.positions, before)
        starts, ends = self.starts[:cut], self.ends[:cut]
        for position in sorted(without, reverse=True):
            index = bisect_left(self.positions, position, hi=cut)
            if index < cut and self.positions[index] == position:
                del starts[index], ends[index]
        later = (p for p in self.positions[cut:] if p not in without)
        return _first_gap(starts, ends, ready, length), next(later, None)


class Timed:
    """The items of a schedule: (task, -1, -1) for tasks, (source, value, device) for transfers."""

    def __init__(self, instance: Instance, schedule: Schedule) -> None:
        self.instance, self.schedule, self.makespan = instance, schedule, schedule.makespan
        self.items = sequence(instance, schedule)
        self.at = instance.places(schedule.modes)
        self.of_task = [0] * instance.tasks
        """Position of each task in the sequence."""
        self.of_send: dict[tuple[int, int], int] = {}
        for position, (task, v, device) in enumerate(self.items):
            if v < 0:
                self.of_task[task] = position
            else:
                self.of_send[v, device] = position

    def start(self, position: int) -> int:
        """Return the start of an item in ns."""
        task, v, device = self.items[position]
        return self.schedule.start[task] if v < 0 else self.schedule.sends[v, device]

    def end(self, position: int) -> int:
        """Return the end of an item in ns."""
        task, v, device = self.items[position]
        if v < 0:
            return self.schedule.end[task]
        return self.schedule.sends[v, device] + self.instance.send[v][self.at[task]][device]

    def slack(self, position: int) -> int:
        """Return by how many ns an item may start later in the same sequence, nothing lost."""
        return self.makespan - self.start(position) - self.tails[position]

    @cached_property
    def keys(self) -> list[Key | None]:
        """The line of each item; None for a task that takes none of several units."""
        found: list[Key | None] = []
        unit = dealt(self.instance, self.schedule)
        for task, v, device in self.items:
            row = self.instance.resource[task][self.schedule.modes[task]]
            if v >= 0:
                found.append(("wire", self.at[task], device))
            elif self.instance.units[row] == 1 or task in unit:
                found.append(("row", row, unit.get(task, 0)))
            else:
                found.append(None)
        return found

    @cached_property
    def lines(self) -> dict[Key, Line]:
        """What every row's unit and link carries."""
        found: dict[Key, Line] = defaultdict(Line)
        for position, key in enumerate(self.keys):
            if key is not None:
                line = found[key]
                line.positions.append(position)
                line.starts.append(self.start(position))
                line.ends.append(self.end(position))
        return found

    @cached_property
    def tails(self) -> list[int]:
        """The longest path from the start of each item to the end of the step, in ns."""
        found = Tails(self.instance, self.schedule, self.at)
        return [found.task[t] if v < 0 else found.sent[v, device] for t, v, device in self.items]

    def needs(self, position: int) -> Iterator[int]:
        """Yield the items that an item waits for: those that it reads, and the one before it."""
        task, v, _ = self.items[position]
        values, here = self.instance.problem.values, self.at[task]
        for read in self.instance.inputs[task] if v < 0 else (v,):
            src = values[read].src
            if v < 0 and self.at[src] != here:
                yield self.of_send[read, here]
            elif not values[read].carried:
                yield self.of_task[src]
        key = self.keys[position]
        if key is not None:
            line = self.lines[key].positions
            index = bisect_left(line, position)
            if index:
                yield line[index - 1]

    def critical_path(self) -> list[int]:
        """Return items without a pause between them, the last of which ends the step."""
        ends = (p for p in self.of_task if self.end(p) == self.makespan)
        last = min(ends, default=None)
        path = []
        while last is not None:
            path.append(last)
            begin = self.start(last)
            last = next((p for p in self.needs(last) if self.end(p) == begin), None)
        return path[::-1]


def _first_gap(starts: Sequence[int], ends: Sequence[int], ready: int, length: int) -> int:
    index, time = bisect_right(ends, ready), ready
    while index < len(starts) and time + length > starts[index]:
        time = ends[index]
        index += 1
    return time
