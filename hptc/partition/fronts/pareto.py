"""The front of latency and energy: schedules none of which beats another in both.

Its ends are the fastest schedule and the most frugal one; between them energy is minimised under
caps on the latency, where most of the front is still unknown. What any of these searches comes
across counts. What time is left goes to the points whose bounds are weakest.
"""

import math
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import pairwise

from hptc.errors import InfeasibleError, TimeLimitError
from hptc.partition.check import check, energy_pj
from hptc.partition.fronts.archive import Archive
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
FILL_SHARE = 0.6
"""Share of the time left for points between the ends."""
SPARE = 4
"""How many schedules are kept for each point that is asked for."""
REST_SHARE = 0.02
"""Share of the time that is too little for a further search."""


@dataclass(frozen=True, slots=True)
class _Cap:
    """What is proven of the energy under a cap on the latency."""

    latency_ns: float
    energy_bound_pj: float
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
    search = _Search(problem, within, points, Clock(limits, stop))
    search.find_ends(start)
    search.search_sets()
    search.fill(FILL_SHARE * search.clock.left_s)
    search.tighten(search.clock.left_s)
    return search.result()


class _Search:
    """The caps tried so far, the tightest first."""

    def __init__(self, problem: Problem, within: Objective, most: int, clock: Clock) -> None:
        self.clock = clock
        self._problem = problem
        self._within = within
        self._most = most
        self._caps: list[_Cap] = []
        self._archive = Archive(within, SPARE * most)
        self._proven = replace(nothing_proven(prepare(problem)), is_shared=True)
        self._latency_bound_ns = 0

    @property
    def has_time(self) -> bool:
        """Whether a further search is worth beginning."""
        clock = self.clock
        return not clock.is_over() and clock.left_s > REST_SHARE * clock.limits.span_s

    def find_ends(self, start: Assignment | None) -> None:
        """Find the fastest schedule, the most frugal one, and the most frugal of the fastest."""
        points = self._most
        fastest = self._solve(replace(self._within, measure=Measure.LATENCY), points + 1, start)
        self._latency_bound_ns = fastest.lower_bound_ns
        self._note(fastest.assignment)
        limit = self._within.latency_limit_ns
        self._try(math.inf if limit is None else limit, points, fastest.assignment)
        if len(self._archive.points) > 1:
            self._try(fastest.assignment.makespan_ns, points - 1, fastest.assignment)

    def search_sets(self) -> None:
        """Find the fastest schedule of each smaller set of devices that may be on the front."""
        fastest, *_, slowest = self._archive.points * 2
        faster_ns = max(0, slowest.latency_ns - 1)
        goal = replace(self._within, measure=Measure.ENERGY, latency_limit_ns=faster_ns)
        frontiers = Frontiers(goal, self._proven)
        promising = frontiers.promising(self._proven.bound_ns, fastest.energy_pj)
        used = {mode.device for task in self._problem.tasks for mode in task.modes}
        sets = [devices for devices in promising if devices < used]
        for done, devices in enumerate(sets):
            goal = replace(self._within, measure=Measure.LATENCY)
            shares, known = self._most + len(sets) - done, self._proven.part(devices)
            with suppress(InfeasibleError, TimeLimitError):
                found = self._solve(goal, shares, None, (devices, known))
                self._note(self._widened(devices, found.assignment))
            self._proven.take(devices, known)

    def next_cap(self) -> int | None:
        """Return a cap in ns amid the largest unknown part, None if all is known.

        Between neighbouring points and caps nothing is known from where the bound on the energy
        leaves room for a better schedule.
        """
        found = thinned(self._archive.points, self._most)
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

    def fill(self, time_s: float) -> None:
        """Search under as many caps as there are to be points, in `time_s` s."""
        until_s = self.clock.elapsed_s + time_s
        tries = self._most
        while tries and self.has_time and (left_s := until_s - self.clock.elapsed_s) > 0:
            cap_ns = self.next_cap()
            if cap_ns is None:
                return
            known = [point for point in self._archive.points if point.latency_ns <= cap_ns]
            start = min(known, key=lambda point: point.energy_pj).assignment
            tries -= not self._try(cap_ns, tries * self.clock.left_s / left_s, start)

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

    def front(self) -> tuple[Point, ...]:
        """Return the points, each with the best bound there is."""
        points = thinned(self._archive.points, self._most)
        bounds = [min(self._bound(point.latency_ns), point.energy_pj) for point in points]
        rows = zip(points, bounds, strict=True)
        return tuple(replace(point, energy_bound_pj=bound) for point, bound in rows)

    def _bound(self, latency_ns: int) -> float:
        """Return the best bound in pJ on the energy of schedules that are as fast."""
        goal = replace(Objective.ENERGY, latency_limit_ns=latency_ns)
        known = Frontiers(goal, self._proven).bound(self._proven.bound_ns)
        caps = (c.energy_bound_pj for c in self._caps if c.latency_ns >= latency_ns)
        return max(known, *caps)

    def result(self) -> Front:
        """Return the front; complete where no part is unknown and every cap is proven."""
        points = self.front()
        is_complete = self.next_cap() is None and all(cap.is_optimal for cap in self._caps)
        is_complete &= points[0].latency_ns <= self._latency_bound_ns
        is_complete &= len(points) == len(self._archive.points)
        for point in points:
            check(self._problem, point.assignment)
        return Front(points, self._latency_bound_ns, is_complete)

    def _try(
        self, cap_ns: float, shares: float, start: Assignment, parts: Parts | None = None
    ) -> bool:
        cap = None if math.isinf(cap_ns) else int(cap_ns)
        goal = replace(self._within, measure=Measure.ENERGY, latency_limit_ns=cap)
        found = self._solve(goal, shares, start, parts=parts)
        self._note(found.assignment)
        is_optimal = found.status is Status.OPTIMAL
        self._caps.append(_Cap(cap_ns, found.lower_bound, is_optimal))
        self._caps.sort(key=lambda cap: cap.latency_ns)
        return is_optimal

    def _note(self, assignment: Assignment) -> None:
        self._archive.note(assignment, energy_pj(self._problem, assignment))

    def _widened(self, devices: frozenset[int], found: Assignment) -> Assignment:
        """Return an answer to the problem on some devices as one to the whole."""
        whole = prepare(expanded(self._problem, found.reruns))
        modes = widened(whole, devices, [placed.mode for placed in found.placements])
        rows = zip(found.placements, modes, strict=True)
        return replace(found, placements=tuple(replace(p, mode=mode) for p, mode in rows))

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
            seen=self._archive.note if part is None else None,
            stop=clock.stop,
        )
