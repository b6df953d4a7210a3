"""Booked time against a list of bookings, searched naively."""

from hypothesis import given
from hypothesis import strategies as st

from hptc.partition.timeline import Line


def naive(booked: list[tuple[int, int]], ready: int, length: int) -> int:
    """Return the first start from `ready` that ends before or begins after every booking.

    That holds for bookings without length too: nothing runs across them.
    """
    start = ready
    while any(start + length > begin and start < end for begin, end in booked):
        start += 1
    return start


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 6)), max_size=25))
def test_every_booking_takes_the_first_gap(wanted: list[tuple[int, int]]) -> None:
    line, booked = Line(), list[tuple[int, int]]()
    for ready, length in wanted:
        expected = naive(booked, ready, length)
        assert line.find(ready, length) == expected
        assert line.book(ready, length) == expected
        booked.append((expected, expected + length))


def test_nothing_is_booked_across_what_takes_no_time() -> None:
    line = Line()
    assert (line.book(3, 0), line.book(0, 5), line.book(0, 3)) == (3, 3, 0)
    assert (line.book(0, 0), line.book(1, 0), line.book(8, 0), line.book(6, 9)) == (0, 3, 8, 8)
