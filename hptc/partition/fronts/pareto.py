"""The front of latency and energy: schedules none of which beats another in both.

Its ends are the fastest schedule and the most frugal one; between them energy is minimised under
caps on the latency, where most of the front is still unknown. What any of these searches comes
across counts. What time is left goes to the points whose bounds are weakest: of small problems
these are raised, and then CP-SAT is asked what still lies between the points; of others the points
themselves are improved.
"""

import math
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from hptc.errors import InfeasibleError, TimeLimitError
from hptc.partition.check import check, energy_pj
from hptc.partition.fronts.archive import Archive
from hptc.partition.fronts.caps import Caps
from hptc.partition.fronts.closing import Closing, may_close
from hptc.partition.fronts.front import Front, Point, check_points, thinned
from hptc.partition.fronts.frontiers import Frontiers, Proven, nothing_proven
from hptc.partition.fronts.unknown import next_cap, unknown_parts
from hptc.partition.goal import Measure, Objective
from hptc.partition.limits import Clock, Limits, Parts
from hptc.partition.outcome import TOLERANCE
from hptc.partition.prepare import prepare
from hptc.partition.problem import Assignment, Problem, Solution, Status
from hptc.partition.reruns import expanded
from hptc.partition.restrict import restrict, widened
from hptc.partition.solve import solve_part

LEAST_S = 0.05
"""Least time of a search in s."""
FILL_SHARE = 0.5
"""Share of the time left for points between the ends."""
SPARE = 4
"""How many schedules are kept for each point that is asked for."""
REST_SHARE = 0.02
"""Share of the time that is too little for a further search."""


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
    search.fill()
    search.finish()
    return search.result()


class _Search:
    """What was found and proven so far."""

    def __init__(self, problem: Problem, within: Objective, most: int, clock: Clock) -> None:
        self.clock = clock
        self._problem = problem
        self._within = within
        self._most = most
        self._narrow = replace(clock.limits.parts, cuts=False, repeats=False, segments=False)
        """What serves beside a start, and what the first searches proved."""
        self._archive = Archive(within, SPARE * most)
        instance = prepare(problem)
        self._proven = nothing_proven(instance)
        self._closing: Closing | None = None
        if clock.limits.parts.proofs and may_close(instance):
            self._closing = Closing(instance, within, most, self._archive, self._proven)
        self._caps = Caps(self._proven)
        self._latency_bound_ns = 0
        self._barren: set[int] = set()
        """Caps below which a search found nothing new."""

    @property
    def has_time(self) -> bool:
        """Whether a further search is worth beginning."""
        clock = self.clock
        return not clock.is_over() and clock.left_s > REST_SHARE * clock.limits.span_s

    @property
    def _enough(self) -> float:
        """Gap of a point that is small enough."""
        return max(self.clock.limits.gap, TOLERANCE)

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

    def fill(self) -> None:
        """Search under half as many caps as points: more comes up meanwhile."""
        until_s = self.clock.elapsed_s + FILL_SHARE * self.clock.left_s
        tries = -(-self._most // 2)
        while tries and self.has_time and (left_s := until_s - self.clock.elapsed_s) > 0:
            cap_ns = next_cap(self._archive, self._most, self._caps, self._barren)
            if cap_ns is None:
                return
            best = self._archive.best_within(cap_ns)
            shares = tries * self.clock.left_s / left_s
            tries -= not self._try(cap_ns, shares, best.assignment, self._narrow)
            if self._archive.best_within(cap_ns) == best:
                self._barren.add(cap_ns)

    def finish(self) -> None:
        """Use what time is left: questions where the problem is small enough for them."""
        if self._closing is None:
            self._improve()
            return
        self._tighten()
        with suppress(KeyboardInterrupt):
            self._closing.run(self.clock)
        self._latency_bound_ns = max(self._latency_bound_ns, self._proven.bound_ns)

    def _tighten(self) -> None:
        """Raise the bound where it is weakest, for half of the time left at a time."""
        parts = replace(self._narrow, windows=False, sets=False)
        stuck: set[int] = set()
        while self.has_time:
            open_points = [p for p in self.front() if p.latency_ns not in stuck]
            point = max(open_points, key=lambda p: p.gap, default=None)
            if point is None or point.gap <= self._enough:
                return
            self._try(point.latency_ns, 2, point.assignment, parts)
            if self._caps.bound_pj(point.latency_ns) <= point.energy_bound_pj:
                stuck.add(point.latency_ns)

    def _improve(self) -> None:
        """Search on from each point, the weakest first: the bounds of large problems stay."""
        points = [point for point in self.front() if point.gap > self._enough]
        points.sort(key=lambda point: -point.gap)
        for done, point in enumerate(points):
            if self.has_time:
                self._try(point.latency_ns, len(points) - done, point.assignment, self._narrow)

    def front(self) -> tuple[Point, ...]:
        """Return the points, each with the best bound there is."""
        points = thinned(self._archive.points, self._most)
        bounds = [min(self._caps.bound_pj(point.latency_ns), point.energy_pj) for point in points]
        rows = zip(points, bounds, strict=True)
        return tuple(replace(point, energy_bound_pj=bound) for point, bound in rows)

    def result(self) -> Front:
        """Return the front; complete where no part is unknown and every cap is proven."""
        points = self.front()
        is_complete = not any(unknown_parts(points, self._caps, past_caps=False))
        is_complete &= all(point.gap <= TOLERANCE for point in points)
        is_complete &= points[0].latency_ns <= self._latency_bound_ns
        is_complete &= len(points) == len(self._archive.points)
        for point in points:
            check(self._problem, point.assignment)
        return Front(points, self._latency_bound_ns, is_complete)

    def _try(
        self, cap_ns: float, shares: float, start: Assignment, parts: Parts | None = None
    ) -> bool:
        """Minimise the energy under a cap in ns; return whether that is proven to be the least."""
        cap = None if math.isinf(cap_ns) else int(cap_ns)
        goal = replace(self._within, measure=Measure.ENERGY, latency_limit_ns=cap)
        found = self._solve(goal, shares, start, parts=parts)
        self._note(found.assignment)
        self._caps.note(cap_ns, found.lower_bound)
        return found.status is Status.OPTIMAL

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
        own = clock.part(max(clock.left_s / max(1, shares), LEAST_S))
        if parts is not None:
            own = replace(own, limits=replace(own.limits, parts=parts))
        return solve_part(
            self._problem if part is None else restrict(self._problem, part[0]),
            own,
            goal,
            start=start,
            proven=self._proven if part is None else part[1],
            seen=self._archive.note if part is None else None,
        )
