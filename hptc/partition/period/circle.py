"""Booking time on what repeats: bookings lie on a circle, turn after turn."""

from bisect import bisect_right


class Circle:
    """What is booked of one resource in every turn.

    Bookings that touch make one run. While there are `most_gaps` gaps between runs, a booking has
    to touch one: with a single gap, whatever is left to book can be booked, down to the last ns.

    Args:
        around_ns: Length of a turn.
        most_gaps: At least 1.
    """

    __slots__ = ("_around_ns", "_ends", "_most_gaps", "_starts")

    def __init__(self, around_ns: int, most_gaps: int) -> None:
        self._around_ns = around_ns
        self._most_gaps = most_gaps
        self._starts: list[int] = []
        """Of the runs, ascending, in the first turn."""
        self._ends: list[int] = []
        """Of the same runs; that of the last one may lie in the second turn."""

    def book(self, ready: int, length: int) -> int | None:
        """Book `length` ns from `ready` on and return the start; None if no gap is that long."""
        turn, place = divmod(ready, self._around_ns)
        if not self._starts:
            if length > self._around_ns:
                return None
            self._starts, self._ends = [place], [place + length]
            return ready
        first = bisect_right(self._starts, place) - 1
        for index in range(first, first + len(self._starts) + 1):
            start = self._fit(index, place, length)
            if start is not None:
                self._insert(index, start, length)
                return start + turn * self._around_ns
        return None

    def _run(self, index: int) -> tuple[int, int]:
        """Return a run by its number, counted on from turn to turn."""
        turn, number = divmod(index, len(self._starts))
        shift = turn * self._around_ns
        return self._starts[number] + shift, self._ends[number] + shift

    def _fit(self, index: int, place: int, length: int) -> int | None:
        """Return a start from `place` on in the gap behind a run; None if there is none."""
        opens, closes = self._run(index)[1], self._run(index + 1)[0]
        start = max(opens, place)
        if start + length > closes:
            return None
        touches = start == opens or start + length == closes
        return start if touches or len(self._starts) < self._most_gaps else closes - length

    def _insert(self, index: int, start: int, length: int) -> None:
        """Add a booking behind a run; it joins the runs that it touches."""
        before, after = index % len(self._starts), (index + 1) % len(self._starts)
        joins_next = start + length == self._run(index + 1)[0]
        if start == self._run(index)[1]:
            self._ends[before] += length
            if joins_next and before != after:
                self._ends[before] += self._ends[after] - self._starts[after]
                del self._starts[after], self._ends[after]
            return
        end = self._ends[after] - self._starts[after] if joins_next else 0
        if joins_next:
            del self._starts[after], self._ends[after]
        place = start % self._around_ns
        number = bisect_right(self._starts, place)
        self._starts.insert(number, place)
        self._ends.insert(number, place + length + end)
