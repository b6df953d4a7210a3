"""Booking time on what carries one item at a time, or several on units that are all alike."""

from bisect import bisect_right, insort
from collections.abc import Sequence

Line = tuple[list[int], list[int]]
"""Starts and ends in ns of what is booked, both in ascending order."""


def first_gap(starts: list[int], ends: list[int], ready: int, length: int) -> int:
    """Book the first gap of `length` ns from `ready` on a line and return its start."""
    if not ends or ends[-1] <= ready:
        starts.append(ready)
        ends.append(ready + length)
        return ready
    index, time = bisect_right(ends, ready), ready
    while index < len(starts) and time + length > starts[index]:
        time = ends[index]
        index += 1
    starts.insert(index, time)
    ends.insert(index, time + length)
    return time


def find_gap(starts: list[int], ends: list[int], ready: int, length: int) -> int:
    """Return where `first_gap` would book, without booking."""
    if not ends or ends[-1] <= ready:
        return ready
    index, time = bisect_right(ends, ready), ready
    while index < len(starts) and time + length > starts[index]:
        time = ends[index]
        index += 1
    return time


def book(lines: Sequence[Line], ready: int, length: int) -> int:
    """Book the first gap on any of the units; of several, what takes no time needs none."""
    if len(lines) == 1:
        return first_gap(*lines[0], ready, length)
    if not length:
        return ready
    starts = [find_gap(*line, ready, length) for line in lines]
    return first_gap(*lines[starts.index(min(starts))], ready, length)


def seek(lines: Sequence[Line], ready: int, length: int) -> int:
    """Return where `book` would book, without booking."""
    if len(lines) == 1:
        return find_gap(*lines[0], ready, length)
    return min(find_gap(*line, ready, length) for line in lines) if length else ready


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
