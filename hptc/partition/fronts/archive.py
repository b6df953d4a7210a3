"""The schedules that a search for a front has come across."""

import bisect

from hptc.partition.fronts.front import Point, thinned
from hptc.partition.goal import Objective
from hptc.partition.problem import Assignment


class Archive:
    """Keeps those of which none beats another in both latency and energy, the fastest first.

    Args:
        within: Its limits hold for all that is kept.
        most: How many are kept; beyond that, those that add least are left out.
    """

    def __init__(self, within: Objective, most: int) -> None:
        self._within = within
        self._most = most
        self._points: list[Point] = []

    @property
    def points(self) -> tuple[Point, ...]:
        """What is kept, each with a bound of 0."""
        return tuple(self._points)

    def best_within(self, cap_ns: int) -> Point:
        """Return the most frugal schedule of those that keep a cap; there is one."""
        return [point for point in self._points if point.latency_ns <= cap_ns][-1]

    def note(self, assignment: Assignment, energy_pj: float) -> None:
        """Take a schedule, and leave out what it beats."""
        latency_ns = assignment.makespan_ns
        if not self._within.admits(latency_ns, energy_pj):
            return
        first = bisect.bisect_left(self._points, latency_ns, key=lambda p: p.latency_ns)
        last = bisect.bisect_right(self._points, latency_ns, key=lambda p: p.latency_ns)
        if last and self._points[last - 1].energy_pj <= energy_pj:
            return
        while last < len(self._points) and self._points[last].energy_pj >= energy_pj:
            last += 1
        self._points[first:last] = [Point(assignment, latency_ns, energy_pj, 0.0)]
        if len(self._points) > self._most:
            self._points = list(thinned(self._points, self._most))
