"""The front of latency and energy: schedules none of which beats another in both.

Its ends are the fastest schedule and the most frugal one; between them energy is minimised under
caps on the latency, where most of the front is still unknown. What time is left goes to the points
whose bounds are weakest.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise

from hptc.errors import InfeasibleError, TimeLimitError
from hptc.partition.check import energy_pj
from hptc.partition.fronts.front import Front, Point, check_points, thinned
from hptc.partition.fronts.frontiers import Frontiers, Proven, nothing_proven
from hptc.partition.goal import Measure, Objective
from hptc.partition.limits import Clock, Limits, Parts
from hptc.partition.memory.reruns import expanded
from hptc.partition.outcome import TOLERANCE
from hptc.partition.prepare import prepare
from hptc.partition.problem import Assignment, Problem, Solution, Status
from hptc.partition.restrict import restrict, widened
from hptc.partition.solve import solve

LEAST_S = 0.05
"""Least time of a search in s."""
SETS_SHARE = 0.7
"""Share of the time left for the bounds of points before others are looked for."""
REST_SHARE = 0.02
"""Share of the time that is too little for a further search."""


@dataclass(frozen=True, slots=True)
class _Cap:
    """What a cap on the latency gave: the schedule of least energy found, and the bound on it."""

    latency_ns: float
    found: Point
    is_optimal: bool


def pareto(
    problem: Problem,
    points: int,
    *,
    within: Objective = Objective.LATENCY,
    limits: Limits,
    start: Assignment | None = None,
    stop: Callable[[], bool] | None = None,
) -> Front:
    """Return up to `points` schedules of the front.

    Args:
        problem: Tasks, devices, links and values.
        points: How many, at least two.
        within: Its limits on latency and energy hold for all of them.
        limits: The time is for all of them.
        start: A schedule to begin with.
        stop: Polled; True ends the search with what there is.

    Raises:
        InfeasibleError, ProblemError, TimeLimitError: As `hptc.partition.solve.solve`.
        UsageError: Fewer than two points.
    """
    check_points(points)
    search = _Search(problem, within, Clock(limits, stop))
    search.find_ends(points, start)
    search.search_sets(points)
    search.tighten(SETS_SHARE * search.clock.left_s)
    tries = points
    while tries and len(search.front()) < points and search.has_time:
        cap_ns = search.next_cap()
        if cap_ns is None:
            break
        tries -= not search.refine(cap_ns, tries + 1)
    search.tighten(search.clock.left_s)
    return search.result(points)


class _Search:
    """The caps tried so far, the tightest first."""

    def __init__(self, problem: Problem, within: Objective, clock: Clock) -> None:
        self.clock = clock
        self._problem = problem
        self._within = within
        self._caps: list[_Cap] = []
        self._others: list[Point] = []
        """The fastest schedules of single sets of devices."""
        self._proven = replace(nothing_proven(prepare(problem)), is_shared=True)
        self._latency_bound_ns = 0

    @property
    def has_time(self) -> bool:
        """Whether a further search is worth beginning."""
        clock = self.clock
        return not clock.is_over() and clock.left_s > REST_SHARE * clock.limits.span_s

    def find_ends(self, points: int, start: Assignment | None) -> None:
        """Find the fastest schedule, the most frugal one, and the most frugal of the fastest."""
        fastest = self._solve(replace(self._within, measure=Measure.LATENCY), points + 1, start)
        self._latency_bound_ns = fastest.lower_bound_ns
        limit = self._within.latency_limit_ns
        self._try(math.inf if limit is None else limit, points, fastest.assignment)
        if self._caps[0].found.latency_ns > fastest.value:
            self._try(fastest.assignment.makespan_ns, points - 1, fastest.assignment)

    def search_sets(self, points: int) -> None:
        """Find the fastest schedule of each set of devices that may be part of the front."""
        slowest, fastest = self._caps[-1].found, self._caps[0].found
        faster_ns = max(0, slowest.latency_ns - 1)
        goal = replace(self._within, measure=Measure.ENERGY, latency_limit_ns=faster_ns)
        frontiers = Frontiers(goal, self._proven)
        sets = frontiers.promising(self._proven.bound_ns, fastest.energy_pj)
        for done, devices in enumerate(sets):
            goal = replace(self._within, measure=Measure.LATENCY)
            shares, known = points + len(sets) - done, self._proven.part(devices)
            try:
                found = self._solve(goal, shares, None, (devices, known)).assignment
            except (InfeasibleError, TimeLimitError):
                continue
            finally:
                self._proven.take(devices, known)
            whole = prepare(expanded(self._problem, found.reruns))
            modes = widened(whole, devices, [p.mode for p in found.placements])
            rows = zip(found.placements, modes, strict=True)
            placements = tuple(replace(placed, mode=mode) for placed, mode in rows)
            self._others.append(self._point(replace(found, placements=placements), 0.0))

    def next_cap(self) -> int | None:
        """Return a cap in ns amid the largest unknown part, None if all is known.

        Between neighbouring points and caps nothing is known from where the bound on the energy
        leaves room for a better schedule.
        """
        found = self._found()
        marks = {point.latency_ns for point in found}
        marks |= {int(cap.latency_ns) for cap in self._caps if cap.latency_ns < math.inf}
        best, most = None, 0.0
        for start, end in pairwise(sorted(marks)):
            known_pj = min((p.energy_pj for p in found if p.latency_ns <= start), default=0.0)
            saving_pj = known_pj * (1 - TOLERANCE) - self._bound(end - 1)
            if end - start <= 1 or saving_pj <= 0:
                continue
            first = self._first_below(known_pj * (1 - TOLERANCE), start + 1, end - 1)
            if saving_pj * (end - first) > most:
                best, most = (first + end - 1) // 2, saving_pj * (end - first)
        return best

    def _first_below(self, energy_pj: float, low_ns: int, high_ns: int) -> int:
        """Return the least latency in ns at which the bound is below an energy, as at the last."""
        while low_ns < high_ns:
            middle = (low_ns + high_ns) // 2
            if self._bound(middle) < energy_pj:
                high_ns = middle
            else:
                low_ns = middle + 1
        return low_ns

    def refine(self, cap_ns: int, shares: int) -> bool:
        """Search for the least energy under a cap; return whether it was proven."""
        known = [point for point in self._found() if point.latency_ns <= cap_ns]
        start = min(known, key=lambda point: point.energy_pj).assignment
        return self._try(cap_ns, shares, start)

    def tighten(self, time_s: float) -> None:
        """Raise the bound where it is weakest for `time_s` s, half of what is left at a time."""
        until_s = self.clock.elapsed_s + time_s
        parts = replace(self.clock.limits.parts, windows=False, repeats=False, sets=False)
        stuck: set[int] = set()
        while self.has_time and (left_s := until_s - self.clock.elapsed_s) > 0:
            open_points = [p for p in self.front() if p.latency_ns not in stuck]
            point = max(open_points, key=lambda p: p.gap, default=None)
            if point is None or point.gap <= max(self.clock.limits.gap, TOLERANCE):
                return
            shares = 2 * self.clock.left_s / left_s
            self._try(point.latency_ns, shares, point.assignment, parts)
            if self._bound(point.latency_ns) <= point.energy_bound_pj:
                stuck.add(point.latency_ns)

    def front(self) -> list[Point]:
        """Return the points that no other beats in both, each with the best bound there is."""
        kept: list[Point] = []
        for point in sorted(self._found(), key=lambda p: (p.latency_ns, p.energy_pj)):
            if not kept or point.energy_pj < kept[-1].energy_pj:
                bound = min(self._bound(point.latency_ns), point.energy_pj)
                kept.append(replace(point, energy_bound_pj=bound))
        return kept

    def _bound(self, latency_ns: int) -> float:
        """Return the best bound in pJ on the energy of schedules that are as fast."""
        goal = replace(Objective.ENERGY, latency_limit_ns=latency_ns)
        known = Frontiers(goal, self._proven).bound(self._proven.bound_ns)
        caps = (c.found.energy_bound_pj for c in self._caps if c.latency_ns >= latency_ns)
        return max(known, *caps)

    def result(self, most: int) -> Front:
        """Return the front; complete where no part is unknown and every cap is proven."""
        points = self.front()
        is_complete = self.next_cap() is None and all(cap.is_optimal for cap in self._caps)
        is_complete &= points[0].latency_ns <= self._latency_bound_ns and len(points) <= most
        return Front(thinned(points, most), self._latency_bound_ns, is_complete)

    def _try(
        self, cap_ns: float, shares: float, start: Assignment, parts: Parts | None = None
    ) -> bool:
        cap = None if math.isinf(cap_ns) else int(cap_ns)
        goal = replace(self._within, measure=Measure.ENERGY, latency_limit_ns=cap)
        found = self._solve(goal, shares, start, parts=parts)
        point = self._point(found.assignment, found.lower_bound)
        is_optimal = found.status is Status.OPTIMAL
        self._caps.append(_Cap(cap_ns, point, is_optimal))
        self._caps.sort(key=lambda cap: cap.latency_ns)
        return is_optimal

    def _point(self, assignment: Assignment, bound_pj: float) -> Point:
        energy = energy_pj(self._problem, assignment)
        return Point(assignment, assignment.makespan_ns, energy, bound_pj)

    def _found(self) -> list[Point]:
        return [*self._others, *(cap.found for cap in self._caps)]

    def _solve(
        self,
        goal: Objective,
        shares: float,
        start: Assignment | None,
        part: tuple[frozenset[int], Proven] | None = None,
        *,
        parts: Parts | None = None,
    ) -> Solution:
        """Solve in one of so many shares of the time left, on all devices or on a set of them."""
        clock = self.clock
        span_s = max(clock.left_s / max(1, shares), LEAST_S)
        if clock.counts_work:
            clock.work.add(span_s)
        limits = clock.limits.within(span_s)
        if parts is not None:
            limits = replace(limits, parts=parts)
        return solve(
            self._problem if part is None else restrict(self._problem, part[0]),
            objective=goal,
            limits=limits,
            start=start,
            proven=self._proven if part is None else part[1],
            stop=clock.stop,
        )
