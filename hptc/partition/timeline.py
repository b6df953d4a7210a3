"""Booking time on what carries one item at a time, or several on units that are all alike."""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Mapping, Sequence
from heapq import heapreplace


class Line:
    """What is booked of one unit, in ns.

    Bookings that touch are kept as one run, so that a search does not walk over a busy stretch
    booking by booking; what takes no time fits between two that touch, so their edges are kept too.
    """

    __slots__ = ("_ends", "_run_ends", "_run_starts", "_starts")

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []
        self._run_starts: list[int] = []
        self._run_ends: list[int] = []

    def find(self, ready: int, length: int) -> int:
        """Return the start of the first gap of `length` ns from `ready`."""
        if not self._ends or self._ends[-1] <= ready:
            return ready
        if not length:
            index = bisect_right(self._ends, ready)
            return ready if ready <= self._starts[index] else self._ends[index]
        return self._gap(ready, length)[1]

    def book(self, ready: int, length: int) -> int:
        """Book the first gap of `length` ns from `ready` and return its start."""
        if length:
            index, time = self._gap(ready, length)
        else:
            time = self.find(ready, length)
            index = bisect_left(self._run_ends, time)
        position = bisect_right(self._ends, time)
        self._starts.insert(position, time)
        self._ends.insert(position, time + length)
        is_within = index < len(self._run_ends) and self._run_starts[index] <= time
        if length or not is_within:
            self._join(index, time, time + length)
        return time

    def _gap(self, ready: int, length: int) -> tuple[int, int]:
        """Return the first run that starts behind the gap, and the start of the gap."""
        starts, ends = self._run_starts, self._run_ends
        index, time = bisect_right(ends, ready), ready
        while index < len(starts) and time + length > starts[index]:
            time = ends[index]
            index += 1
        return index, time

    def _join(self, index: int, start: int, end: int) -> None:
        """Add a booking before the run at `index`, as part of the runs that it touches."""
        starts, ends = self._run_starts, self._run_ends
        if index < len(starts) and starts[index] == end:
            end = ends[index]
            del starts[index], ends[index]
        if index and ends[index - 1] == start:
            ends[index - 1] = end
        else:
            starts.insert(index, start)
            ends.insert(index, end)


def book(lines: Sequence[Line], ready: int, length: int) -> int:
    """Book the first gap on any of the units; of several, what takes no time needs none."""
    if len(lines) == 1:
        return lines[0].book(ready, length)
    if not length:
        return ready
    return _soonest(lines, ready, length)[1].book(ready, length)


def seek(lines: Sequence[Line], ready: int, length: int) -> int:
    """Return where `book` would book, without booking."""
    if len(lines) == 1:
        return lines[0].find(ready, length)
    return _soonest(lines, ready, length)[0] if length else ready


def _soonest(lines: Sequence[Line], ready: int, length: int) -> tuple[int, Line]:
    """Return the start of the first gap on any line, and the line."""
    best, where = lines[0].find(ready, length), lines[0]
    for line in lines:
        start = line.find(ready, length)
        if start < best:
            best, where = start, line
        if best == ready:
            break
    return best, where


def take(free: list[int], ready: int, length: int) -> int:
    """Start behind what is booked: on the unit that is idle for the shortest time, else the first.

    Args:
        free: when each unit is free from, ascending; brought up to date.
        ready: earliest start in ns.
        length: time in ns.

    Returns:
        The start. Items taken in the order of their starts never start later than they did.
    """
    if len(free) > 1 and not length:
        return ready
    begin = max(ready, free.pop(max(0, bisect_right(free, ready) - 1)))
    insort(free, begin + length)
    return begin


def deal(spans: Mapping[int, tuple[int, int, int]], units: Sequence[int]) -> dict[int, int]:
    """Return the unit of each item on a row of several: the one that is idle for longest.

    Args:
        spans: Row, start and end in ns of each item.
        units: How many each row has; never more items at a time.
    """
    idle = {
        row: [(0, unit) for unit in range(units[row])]
        for row in {row for row, _, _ in spans.values()}
        if units[row] > 1
    }
    found = {}
    for item, (row, start, end) in sorted(spans.items(), key=lambda span: span[1][1:]):
        if row in idle:
            found[item] = idle[row][0][1]
            if end > start:
                heapreplace(idle[row], (end, found[item]))
    return found
