"""Booked time against a list of bookings, searched naively."""

from hypothesis import given
from hypothesis import strategies as st

from hptc.partition.timeline import Line


def naive(booked: list[tuple[int, int]], ready: int, length: int) -> int:
    """Return the first start from `ready` that lies in no booking and overlaps none."""
    start = ready
    while any((start < end and begin < start + max(length, 0)) or begin < start < end
              for begin, end in booked):  # fmt: skip
        start += 1
    return start


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 6)), max_size=25))
def test_every_booking_takes_the_first_gap(wanted: list[tuple[int, int]]) -> None:
    line, booked = Line(), list[tuple[int, int]]()
    for ready, length in wanted:
        expected = naive(booked, ready, length)
        assert line.find(ready, length) == expected
        assert line.book(ready, length) == expected
        if length:
            booked.append((expected, expected + length))
