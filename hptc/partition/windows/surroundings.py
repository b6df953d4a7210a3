"""What a schedule imposes on its windows: computed once, looked up for each of them.

A window frees tasks that are consecutive in the order of start. What comes before keeps its times;
what comes after keeps device and sequence and only shifts, so all that counts of it is its tail:
the longest path in ns from its start to the end of the step.
"""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate

import numpy as np

from hptc.partition.decode import Schedule, by_start
from hptc.partition.instance import Instance
from hptc.partition.sat.scope import Scope
from hptc.partition.windows.tails import Tails


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
class _Sent:
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
        self.at = [instance.device[task][mode] for task, mode in enumerate(schedule.modes)]
        self._tails = Tails(instance, schedule, self.at)
        self._lines = self._find_lines()
        self._wires = self._find_wires()
        self._sent_to: dict[int, list[int]] = defaultdict(list)
        for v, device in schedule.sends:
            self._sent_to[v].append(device)
        self._ended = [0, *accumulate((schedule.end[task] for task in self.order), max)]
        values = instance.problem.values
        self._made = np.array([-1 if x.carried else self.position[x.src] for x in values])
        self._last = np.array(
            [max((self.position[r] for r in x.readers), default=-1) for x in values]
        )

    def _find_lines(self) -> dict[tuple[int, int], list[int]]:
        """Return the positions of the tasks on each unit of each row."""
        instance, found = self.instance, defaultdict[tuple[int, int], list[int]](list)
        for position, task in enumerate(self.order):
            mode = self.schedule.modes[task]
            row = instance.resource[task][mode]
            if instance.units[row] == 1 or instance.duration[task][mode]:
                found[row, self._tails.unit.get(task, 0)].append(position)
        return found

    def _find_wires(self) -> dict[int, list[_Sent]]:
        """Return the transfers on each link in sequence."""
        instance, values = self.instance, self.instance.problem.values
        found = defaultdict[int, list[_Sent]](list)
        for (v, device), begin in self.schedule.sends.items():
            pair = self.at[values[v].src] * instance.devices + device
            found[pair].append(_Sent(begin, begin + instance.send[v][pair], v, device))
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

    def scope(self, span: Span) -> Scope:
        """Return what a window may change, and what it has to respect."""
        instance, values = self.instance, self.instance.problem.values
        free = self.order[span.first : span.stop]
        row_ready, row_busy, row_tail = self._rows(span)
        wire_busy, shifting = self._links(span)
        sources = {values[v].src for v in span.touched}
        early = [task for task in sources if self.position[task] < span.first]
        fixed = {t: self.schedule.modes[t] for t in sources if not self._is_free(t, span)}
        paths = [self._ended[span.first], *self._bypassing(span)]
        paths += [row_ready.get(row, 0) + tail for (row, _), tail in row_tail.items()]
        wire_tail = {p: self._tails.sent[sent.value, sent.device] for p, sent in shifting.items()}
        for pair, tail in wire_tail.items():
            paths.append(max((done for _, done in wire_busy[pair]), default=0) + tail)
        return Scope(
            options={task: self._options(task, span) for task in free},
            fixed=fixed,
            held=self._held(free) if instance.capacities else frozenset(),
            origin=span.origin,
            made={task: self.schedule.end[task] for task in early},
            arrival=dict(self._arrivals(span)),
            row_ready=row_ready,
            row_busy=row_busy,
            wire_busy=wire_busy,
            row_tail=row_tail,
            wire_tail=wire_tail,
            sent_tail=dict(self._deferred(span, shifting)),
            read_tail={
                (v, device): tail for v in span.touched for device, tail in self._read(v, span)
            },
            floor=max(paths),
        )

    def _is_free(self, task: int, span: Span) -> bool:
        return span.first <= self.position[task] < span.stop

    def _held(self, free: list[int]) -> frozenset[int]:
        """Return the rows that tasks outside the window use."""
        inside = set(free)
        rows = zip(self.instance.resource, self.schedule.modes, strict=True)
        return frozenset(row[mode] for t, (row, mode) in enumerate(rows) if t not in inside)

    def _rows(
        self, span: Span
    ) -> tuple[dict[int, int], dict[int, list[tuple[int, int]]], dict[tuple[int, int], int]]:
        """Return when rows are free from, what still runs on those of several units, and tails."""
        ready, tails = dict[int, int](), dict[tuple[int, int], int]()
        busy = defaultdict[int, list[tuple[int, int]]](list)
        for (row, unit), positions in self._lines.items():
            before = bisect_left(positions, span.first)
            behind = bisect_left(positions, span.stop)
            if before:
                last = self.order[positions[before - 1]]
                begin, done = self.schedule.start[last], self.schedule.end[last]
                if self.instance.units[row] == 1:
                    ready[row] = done
                elif done > span.origin:
                    busy[row].append((begin, done))
            if behind < len(positions):
                tails[row, unit] = self._tails.task[self.order[positions[behind]]]
        return ready, busy, tails

    def _links(self, span: Span) -> tuple[dict[int, list[tuple[int, int]]], dict[int, _Sent]]:
        """Return when links carry what stays in place, and the first transfers that shift."""
        busy, shifting = dict[int, list[tuple[int, int]]](), dict[int, _Sent]()
        for pair, wire in self._wires.items():
            first = bisect_right(wire, span.origin, key=lambda item: item.done)
            busy[pair] = [(sent.begin, sent.done) for sent in wire[max(0, first - 1) : first]]
            for sent in wire[first:]:
                if self.stays(sent.value, sent.device, span):
                    busy[pair].append((sent.begin, sent.done))
                elif sent.value not in span.touched:
                    shifting[pair] = sent
                    break
        return busy, shifting

    def _deferred(
        self, span: Span, shifting: Mapping[int, _Sent]
    ) -> Iterator[tuple[tuple[int, int, int], int]]:
        """Yield (value, source, destination) of touched transfers behind what shifts, and tails."""
        values = self.instance.problem.values
        for v in span.touched:
            for device in self._sent_to[v]:
                source = self.at[values[v].src]
                ahead = shifting.get(source * self.instance.devices + device)
                if ahead is None or self.schedule.sends[v, device] < ahead.done:
                    continue
                readers = (r for r in values[v].readers if self.at[r] == device)
                if all(self.position[reader] >= span.stop for reader in readers):
                    yield (v, source, device), self._tails.sent[v, device]

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

    def _arrivals(self, span: Span) -> Iterator[tuple[tuple[int, int, int], int]]:
        """Yield (value, source, destination) and the arrival of touched values that stay."""
        instance, values = self.instance, self.instance.problem.values
        for v in span.touched:
            source = self.at[values[v].src]
            for device in self._sent_to[v]:
                if self.stays(v, device, span):
                    length = instance.send[v][source * instance.devices + device]
                    yield (v, source, device), self.schedule.sends[v, device] + length

    def _read(self, v: int, span: Span) -> Iterator[tuple[int, int]]:
        """Yield the devices where tasks behind the window read a value, with their longest tail."""
        found: dict[int, int] = {}
        for reader in self.instance.problem.values[v].readers:
            if self.position[reader] >= span.stop:
                device = self.at[reader]
                found[device] = max(found.get(device, 0), self._tails.task[reader])
        yield from found.items()

    def _bypassing(self, span: Span) -> Iterator[int]:
        """Yield the lengths of paths by values from before a window to behind it."""
        instance, values, sends = self.instance, self.instance.problem.values, self.schedule.sends
        crossing = np.flatnonzero((self._made < span.first) & (self._last >= span.stop))
        for v in crossing.tolist():
            src = values[v].src
            if self._is_free(src, span):
                continue
            made = 0 if values[v].carried else self.schedule.end[src]
            for device, tail in self._read(v, span):
                if device == self.at[src]:
                    yield made + tail
                elif self.stays(v, device, span):
                    length = instance.send[v][self.at[src] * instance.devices + device]
                    yield sends[v, device] + length + tail
                elif v not in span.touched:
                    yield made + self._tails.sent[v, device]

    def _options(self, task: int, span: Span) -> tuple[int, ...]:
        """Return the modes a free task may take.

        The source of a carried value that early tasks read may only stay, or move to their device;
        a task stays on the device of those of its group that are not free.
        """
        instance, values = self.instance, self.instance.problem.values
        homes = {
            self.at[reader]
            for v in instance.outputs[task]
            if values[v].carried
            for reader in values[v].readers
            if self.position[reader] < span.first
        }
        homes |= {
            self.at[mate] for mate in instance.mates.get(task, ()) if not self._is_free(mate, span)
        }
        stay = self.schedule.modes[task]
        return tuple(
            mode
            for mode in instance.options[task]
            if mode == stay or homes <= {instance.device[task][mode]}
        )
