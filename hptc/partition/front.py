"""A front of latency and energy as data."""

from dataclasses import dataclass

from hptc.errors import UsageError
from hptc.partition.problem import Assignment

LEAST_POINTS = 2


@dataclass(frozen=True, slots=True)
class Point:
    """A schedule of the front."""

    assignment: Assignment
    latency_ns: int
    energy_pj: float
    energy_bound_pj: float
    """No schedule that is as fast takes less."""


@dataclass(frozen=True, slots=True)
class Front:
    """The points, the fastest first."""

    points: tuple[Point, ...]
    latency_bound_ns: int
    """No schedule is faster."""
    is_complete: bool
    """Whether all other schedules are proven to be no better than one of the points."""


def check_points(points: int) -> int:
    """Return the number of points; raises UsageError where it is too small."""
    if points < LEAST_POINTS:
        wanted = f"at least {LEAST_POINTS} points"
        raise UsageError("--pareto", expected=wanted, found=str(points))
    return points
