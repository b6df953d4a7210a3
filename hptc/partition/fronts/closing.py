"""Questions about what the points of a front leave open: is there another one before the next?

Each set of devices is asked by itself whether it can do with less energy than a point in less time
than the next one. What is found is the most frugal there, a new point; where nothing is, the point
and all up to the next are proven at once.
"""

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from hptc.partition.check import energy_pj
from hptc.partition.decode import to_assignment
from hptc.partition.fronts.archive import Archive
from hptc.partition.fronts.front import thinned
from hptc.partition.fronts.frontiers import Frontiers, Proven
from hptc.partition.fronts.question import MOST_TASKS, Asking, Question, question
from hptc.partition.goal import Measure, Objective
from hptc.partition.instance import Instance
from hptc.partition.limits import Clock
from hptc.partition.memory.recompute import may_rerun
from hptc.partition.objective import fits, latest_end
from hptc.partition.outcome import TOLERANCE

FIRST_S, GROWTH = 2.0, 3
"""Limit in s of a first question, and the factor between that and the next about the same."""


def may_close(instance: Instance) -> bool:
    """Return whether CP-SAT can be asked what no schedule of a problem beats."""
    is_small = instance.tasks <= MOST_TASKS and fits(instance, Objective.ENERGY)
    return is_small and not may_rerun(instance)


@dataclass(frozen=True, slots=True)
class _Part:
    """A set of devices that may have a better schedule than a point before the next one."""

    since_ns: int
    """Latency of the point; -1 where the set is asked how fast it is."""
    room: float
    """By which share the energy may be less."""
    asked: Question

    @property
    def key(self) -> tuple[int, frozenset[int]]:
        """What stays the same when more is proven of it."""
        return self.since_ns, self.asked.devices


class Closing:
    """Asks CP-SAT about one part of a front after the other, each time a little longer.

    Args:
        instance: The whole problem; no task of it may run again.
        within: Its limits hold for all points.
        most: How many points are wanted. Where there are more, only their bounds are raised.
        archive: The points; gains what is found.
        proven: Of the problem; gains what is proven.
    """

    def __init__(
        self,
        instance: Instance,
        within: Objective,
        most: int,
        archive: Archive,
        proven: Proven,
    ) -> None:
        self._instance = instance
        self._last_ns = within.within(latest_end(instance))
        self._goal = replace(within, measure=Measure.ENERGY)
        self._most, self._archive, self._proven = most, archive, proven
        self._times_asked: dict[tuple[int, frozenset[int]], int] = defaultdict(int)
        self._final: set[Question] = set()
        self._settled: set[tuple[int, frozenset[int]]] = set()
        """Sets whose fastest schedule is known."""

    def run(self, clock: Clock) -> None:
        """Ask until nothing is open, or the time is over."""
        while not clock.is_over():
            between = list(self._between())
            known = [
                part
                for part in (*self._fastest(between), *between)
                if part.asked not in self._final and part.key not in self._settled
            ]
            if not known:
                return
            next_part = min(known, key=lambda part: (self._times_asked[part.key], -part.room))
            self._ask(next_part, clock)

    def _ask(self, part: _Part, clock: Clock) -> None:
        """Ask, learn, and remember what need not be asked again."""
        limit_s = FIRST_S * GROWTH ** self._times_asked[part.key]
        self._times_asked[part.key] += 1
        workers = clock.limits.workers
        answer = Asking(self._instance, part.asked, clock, limit_s, workers=workers).answer()
        answer.teach(self._proven, part.asked)
        if answer.is_final:
            self._final.add(part.asked)
        if answer.schedule is None:
            return
        if answer.is_final and part.asked.price is None:
            self._settled.add(part.key)
        found = to_assignment(self._instance, answer.schedule)
        self._archive.note(found, energy_pj(self._instance.problem, found))

    def _between(self) -> Iterator[_Part]:
        """Yield what is open from each point to the next; of too many points, up to the point."""
        points, earliest_ns = self._archive.points, self._proven.bound_ns
        ends = [*(point.latency_ns for point in points[1:]), self._last_ns + 1]
        if len(points) > self._most:
            points = thinned(points, self._most)
            ends = [point.latency_ns + 1 for point in points]
        for point, end in zip(points, ends, strict=True):
            goal = replace(self._goal, latency_limit_ns=end - 1)
            least = point.energy_pj * (1 - TOLERANCE)
            for corner, frontier in Frontiers(goal, self._proven).below(earliest_ns, least):
                room = 1 - float(corner.value) / point.energy_pj
                asked = question(frontier, goal, earliest_ns, end - 1, point.energy_pj)
                yield _Part(point.latency_ns, room, asked)

    def _fastest(self, between: Sequence[_Part]) -> Iterator[_Part]:
        """Yield of each set whether it is faster than known, if that is before some point."""
        first_ns = self._archive.points[0].latency_ns
        for frontier in self._proven.frontiers:
            devices = frontier.powered
            since_ns = max(self._proven.bound_ns, frontier.earliest_ns)
            untils = (part.asked.until_ns for part in between if part.asked.devices == devices)
            until_ns = min(max(first_ns - 1, *untils, 0), self._fastest_ns(devices) - 1)
            if since_ns <= until_ns:
                asked = Question(devices, since_ns, until_ns, until_ns + 1)
                yield _Part(-1, math.inf, asked)

    def _fastest_ns(self, devices: frozenset[int]) -> int:
        """Return the least latency of the points that use no other devices."""
        tasks = self._instance.problem.tasks
        return min(
            (
                point.latency_ns
                for point in self._archive.points
                if all(
                    task.modes[placed.mode].device in devices
                    for task, placed in zip(tasks, point.assignment.placements, strict=True)
                )
            ),
            default=self._last_ns + 1,
        )
