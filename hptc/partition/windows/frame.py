"""What a window may change, and what it has to respect: its scope, from what surrounds it."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Mapping

import numpy as np

from hptc.partition.sat.scope import Scope
from hptc.partition.tables import Pair
from hptc.partition.windows.surroundings import Sent, Span, Surroundings

MOST_OPTIONS = 8
"""Modes of a task beyond which a window has only those where its neighbours are, and the quickest:
models grow with their square."""


class Frame:
    """A window within a schedule.

    Args:
        around: The schedule.
        span: The window.
    """

    def __init__(self, around: Surroundings, span: Span) -> None:
        self._around, self._span = around, span
        self._instance, self._schedule = around.instance, around.schedule

    def scope(self) -> Scope:
        """Return what the window may change, and what it has to respect."""
        instance, values = self._instance, self._instance.problem.values
        free = self._around.order[self._span.first : self._span.stop]
        row_ready, row_busy, row_tail, past = self._rows()
        wire_busy, shifting = self._links()
        sources = {values[v].src for v in self._span.touched}
        early = [task for task in sources if self._around.position[task] < self._span.first]
        fixed = {t: self._schedule.modes[t] for t in sources if not self._is_free(t)}
        paths = [self._around.ended[self._span.first], *past, *self._bypassing(shifting)]
        wire_tail = {
            p: self._around.tails.sent[sent.value, sent.device] for p, sent in shifting.items()
        }
        for pair, tail in wire_tail.items():
            paths.append(max((done for _, done in wire_busy[pair]), default=0) + tail)
        return Scope(
            options={task: self._options(task) for task in free},
            fixed=fixed,
            held=self._held(free) if instance.capacities else frozenset(),
            origin=self._span.origin,
            made={task: self._schedule.end[task] for task in early},
            arrival=dict(self._arrivals()),
            row_ready=row_ready,
            row_busy=row_busy,
            wire_busy=wire_busy,
            row_tail=row_tail,
            wire_tail=wire_tail,
            sent_tail=dict(self._deferred(shifting)),
            read_tail={
                (v, device): tail for v in self._span.touched for device, tail in self._read(v)
            },
            floor=max(paths),
        )

    def _is_free(self, task: int) -> bool:
        return self._span.first <= self._around.position[task] < self._span.stop

    def _held(self, free: list[int]) -> frozenset[int]:
        """Return the rows that tasks outside the window use."""
        inside = self._around.rows_of(free)
        return frozenset(row for row, users in self._around.users.items() if users > inside[row])

    def _rows(
        self,
    ) -> tuple[
        dict[int, int], dict[int, list[tuple[int, int]]], dict[tuple[int, int], int], list[int]
    ]:
        """Return when rows are free from, what still runs on those of several units, and tails.

        Last come the lengths of the paths that stay on one unit and take nothing of the window.
        """
        ready, tails = dict[int, int](), dict[tuple[int, int], int]()
        busy, paths = defaultdict[int, list[tuple[int, int]]](list), list[int]()
        for (row, unit), positions in self._around.lines.items():
            before = bisect_left(positions, self._span.first)
            behind = bisect_left(positions, self._span.stop)
            done = 0
            if before:
                last = self._around.order[positions[before - 1]]
                begin, done = self._schedule.start[last], self._schedule.end[last]
                if self._instance.units[row] == 1:
                    ready[row] = done
                elif done > self._span.origin:
                    busy[row].append((begin, done))
            if behind < len(positions):
                tails[row, unit] = self._around.tails.task[self._around.order[positions[behind]]]
                paths.append(done + tails[row, unit])
        return ready, busy, tails, paths

    def _links(self) -> tuple[dict[Pair, list[tuple[int, int]]], dict[Pair, Sent]]:
        """Return when links carry what stays in place, and the first transfers that shift."""
        busy, shifting = dict[Pair, list[tuple[int, int]]](), dict[Pair, Sent]()
        origin = self._span.origin
        for pair, wire in self._around.wires.items():
            # What takes no time may end at the origin, and yet shift.
            first = bisect_left(wire, True, key=lambda s: s.begin >= origin or s.done > origin)
            busy[pair] = [(sent.begin, sent.done) for sent in wire[max(0, first - 1) : first]]
            for sent in wire[first:]:
                if self._around.stays(sent.value, sent.device, self._span):
                    busy[pair].append((sent.begin, sent.done))
                elif sent.value not in self._span.touched:
                    shifting[pair] = sent
                    break
        return busy, shifting

    def _deferred(
        self, shifting: Mapping[Pair, Sent]
    ) -> Iterator[tuple[tuple[int, int, int], int]]:
        """Yield (value, source, destination) of touched transfers behind what shifts, and tails."""
        values = self._instance.problem.values
        for v in self._span.touched:
            for device in self._around.sent_to[v]:
                readers = (r for r in values[v].readers if self._around.at[r] == device)
                late = (self._around.position[r] >= self._span.stop for r in readers)
                if self._is_behind(v, device, shifting) and all(late):
                    source = self._around.at[values[v].src]
                    yield (v, source, device), self._around.tails.sent[v, device]

    def _is_behind(self, v: int, device: int, shifting: Mapping[Pair, Sent]) -> bool:
        """Return whether a transfer follows one that shifts on its link."""
        source = self._around.at[self._instance.problem.values[v].src]
        ahead = shifting.get((source, device))
        return ahead is not None and self._schedule.sends[v, device] >= ahead.done

    def _keeps_time(self, v: int, device: int, shifting: Mapping[Pair, Sent]) -> bool:
        stays = self._around.stays(v, device, self._span)
        return stays and not self._is_behind(v, device, shifting)

    def _arrivals(self) -> Iterator[tuple[tuple[int, int, int], int]]:
        """Yield (value, source, destination) and the arrival of touched values that stay."""
        instance, values = self._instance, self._instance.problem.values
        for v in self._span.touched:
            source = self._around.at[values[v].src]
            for device in self._around.sent_to[v]:
                if self._around.stays(v, device, self._span):
                    length = instance.send[v][source][device]
                    yield (v, source, device), self._schedule.sends[v, device] + length

    def _read(self, v: int) -> Iterator[tuple[int, int]]:
        """Yield the devices where tasks behind the window read a value, with their longest tail."""
        found: dict[int, int] = {}
        for reader in self._instance.problem.values[v].readers:
            if self._around.position[reader] >= self._span.stop:
                device = self._around.at[reader]
                found[device] = max(found.get(device, 0), self._around.tails.task[reader])
        yield from found.items()

    def _bypassing(self, shifting: Mapping[Pair, Sent]) -> Iterator[int]:
        """Yield the lengths of paths by values from before a window to behind it."""
        instance, values, sends = (
            self._instance,
            self._instance.problem.values,
            self._schedule.sends,
        )
        crossing = np.flatnonzero(
            (self._around.made < self._span.first) & (self._around.last >= self._span.stop)
        )
        for v in crossing.tolist():
            src = values[v].src
            if self._is_free(src):
                continue
            made = 0 if values[v].carried else self._schedule.end[src]
            for device, tail in self._read(v):
                if device == self._around.at[src]:
                    yield made + tail
                elif self._keeps_time(v, device, shifting):
                    length = instance.send[v][self._around.at[src]][device]
                    yield sends[v, device] + length + tail
                elif v not in self._span.touched:
                    yield made + self._around.tails.sent[v, device]

    def _options(self, task: int) -> tuple[int, ...]:
        """Return the modes a free task may take.

        The source of a carried value that early tasks read may only stay, or move to their device;
        a task stays on the device of those of its group that are not free.
        """
        instance, values = self._instance, self._instance.problem.values
        homes = {
            self._around.at[reader]
            for v in instance.outputs[task]
            if values[v].carried
            for reader in values[v].readers
            if self._around.position[reader] < self._span.first
        }
        homes |= {
            self._around.at[mate]
            for mate in instance.mates.get(task, ())
            if not self._is_free(mate)
        }
        stay, places = self._schedule.modes[task], instance.device[task]
        found = [m for m in instance.options[task] if m == stay or homes <= {places[m]}]
        if len(found) > MOST_OPTIONS:
            near = self._neighbours(task)
            duration = instance.duration[task]
            found.sort(key=lambda m: (m != stay, places[m] not in near, duration[m]))
        return tuple(sorted(found[:MOST_OPTIONS]))

    def _neighbours(self, task: int) -> set[int]:
        """Return the devices of what a task reads from and what reads from it."""
        instance, values = self._instance, self._instance.problem.values
        sources = {values[v].src for v in instance.inputs[task]}
        readers = {reader for v in instance.outputs[task] for reader in values[v].readers}
        return {self._around.at[other] for other in sources | readers}
