"""A front of latency and energy as data."""

from collections.abc import Sequence
from dataclasses import dataclass

from hptc.errors import UsageError
from hptc.partition.problem import Assignment, relative_gap

LEAST_POINTS = 2


@dataclass(frozen=True, slots=True)
class Point:
    """A schedule of the front."""

    assignment: Assignment
    latency_ns: int
    energy_pj: float
    energy_bound_pj: float
    """No schedule that is as fast takes less."""

    @property
    def gap(self) -> float:
        """Relative distance of the energy from its bound."""
        return relative_gap(self.energy_pj, self.energy_bound_pj)


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


def thinned(points: Sequence[Point], most: int) -> tuple[Point, ...]:
    """Leave out points between the ends, those first that add least to what the front covers."""
    kept = list(points)
    while len(kept) > most:
        adds = [
            (slow.latency_ns - point.latency_ns) * (fast.energy_pj - point.energy_pj)
            for fast, point, slow in zip(kept, kept[1:], kept[2:], strict=False)
        ]
        del kept[1 + adds.index(min(adds))]
    return tuple(kept)
