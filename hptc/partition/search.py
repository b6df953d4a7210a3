"""The incumbent of a solve: best schedule, best bounds, and who is told."""

import math
from collections.abc import Callable
from functools import cached_property

from hptc.errors import TimeLimitError
from hptc.partition.check import energy_pj
from hptc.partition.decode import Schedule, to_assignment
from hptc.partition.fronts.frontiers import Proven, nothing_proven
from hptc.partition.goal import Measure, Objective
from hptc.partition.instance import Instance
from hptc.partition.limits import Clock, Progress
from hptc.partition.memory.decode import fitted
from hptc.partition.outcome import checked, is_met
from hptc.partition.problem import Assignment, Solution
from hptc.partition.seeds.repeats import Repeats, find_repeats

PASS_S = 1e-5
"""Work of a pass over the problem in s, per task and reader of a value (measured)."""

Seen = Callable[[Assignment, float], None]


def pass_s(instance: Instance) -> float:
    """Return about how long a pass over a problem takes in s."""
    return PASS_S * (1 + instance.items)


class Incumbent:
    """Keeps the best of what the solvers offer, by the measure of the objective.

    Args:
        instance: The problem.
        objective: What counts. A schedule beyond its limits only serves until one within comes.
        clock: When to stop.
        progress: Who is told.
        proven: What is known of the problem whatever the objective; gains what is proven here.
        enough: A value that need not be improved.
        seen: Called with every schedule that fits, better or not, and its energy in pJ.
    """

    def __init__(  # noqa: PLR0913  (what `solve` was given)
        self,
        instance: Instance,
        objective: Objective,
        clock: Clock,
        progress: Callable[[Progress], None] | None,
        *,
        proven: Proven | None = None,
        enough: float | None = None,
        seen: Seen | None = None,
    ) -> None:
        self.instance = instance
        self.objective = objective
        self.clock = clock
        self.proven = nothing_proven(instance) if proven is None else proven
        self.enough = enough
        self.seen = seen
        self.best: Schedule | None = None
        self.value = math.inf
        """Of the best schedule; infinite while it is beyond the limits."""
        self.energy_pj = math.inf
        """Of the best schedule."""
        self.improved_s = 0.0
        """When the best schedule was found."""
        self.bound: float = 0
        """On the value; of a latency a whole number, since a float of that may lie above."""
        self.bound_ns = self.proven.bound_ns
        self.was_interrupted = False
        """Ctrl-C ended the search."""
        self._is_optimal = False
        self._progress = progress
        self._frugal: tuple[float, Schedule] | None = None
        """Of the schedules of the best value, the one of least energy in pJ."""

    @property
    def schedule(self) -> Schedule:
        """The best schedule; raises TimeLimitError where there is none."""
        if self.best is None:
            raise TimeLimitError(
                "partitioner",
                expected=f"a first solution within {self.clock.limits.span_s:.3g} s",
                found="none",
                hint="Raise the time limit.",
            )
        return self.best

    @property
    def is_done(self) -> bool:
        """Whether the gap is small enough, the time over, or the caller wants an end."""
        return self.is_good_enough or self.clock.is_over()

    @property
    def is_late(self) -> bool:
        """Whether there is a schedule, and no need or no time to make another."""
        return self.best is not None and (self.is_done or self.clock.left_s < self.pass_s)

    @property
    def is_good_enough(self) -> bool:
        """Whether the value is within the wanted gap of its bound, or its target decided."""
        if self._is_optimal:
            return True
        if self.enough is not None and (self.value <= self.enough or self.bound > self.enough):
            return True
        return is_met(self.objective, self.value, self.bound, self.clock.limits.gap)

    def offer(self, schedule: Schedule, stage: str, *, take_equal: bool = False) -> bool:
        """Take a schedule if it is better, and say so; beyond the memory, one like it that fits.

        With `take_equal`, one of the same value becomes the place to search from.
        """
        self.charge()
        is_slow = self.objective.is_makespan and schedule.makespan > self.value
        if is_slow and self.seen is None:
            return False
        within = fitted(self.instance, schedule)
        if within is None:
            return False
        schedule, assignment = within, to_assignment(self.instance, within)
        energy = energy_pj(self.instance.problem, assignment)
        if self.seen is not None:
            self.seen(assignment, energy)
        value = self._measure(schedule.makespan, energy)
        if value > self.value or (self.best is not None and math.isinf(value)):
            return False
        is_better = value < self.value or self.best is None
        if is_better or take_equal:
            self.best, self.value, self.energy_pj = schedule, value, energy
        if is_better:
            self._frugal, self.improved_s = None, self.clock.elapsed_s
            self.tell(stage)
        if self._frugal is None or energy < self._frugal[0]:
            self._frugal = (energy, schedule)
        return is_better

    def _measure(self, time_ns: int, energy: float) -> float:
        if not self.objective.admits(time_ns, energy):
            return math.inf
        if self.objective.measure is Measure.LATENCY:
            return time_ns
        return float(self.objective.value(time_ns, energy))

    def raise_bound(self, bound: float, bound_ns: int = 0) -> None:
        """Take proven bounds on the objective and on the makespan, and say so."""
        before = self.bound
        self.bound_ns = max(self.bound_ns, bound_ns)
        if self.objective.measure is Measure.LATENCY:
            self.bound_ns = max(self.bound_ns, math.ceil(bound))
            self.bound = self.bound_ns
        else:
            self.bound = max(self.bound, bound)
        if self.objective.energy_limit_pj is None:
            self.proven.bound_ns = max(self.proven.bound_ns, self.objective.within(self.bound_ns))
        if self.bound > before and self.best is not None:
            self.tell("bound")

    @cached_property
    def repeats(self) -> Repeats:
        """Which tasks are alike."""
        return find_repeats(self.instance)

    @property
    def pass_s(self) -> float:
        """About how long a pass over the problem takes in s."""
        return pass_s(self.instance)

    def charge(self) -> None:
        """Count the work of a pass over the problem, as a schedule or a window takes it."""
        self.clock.work.add(self.pass_s)

    def close(self) -> None:
        """Note that the incumbent is proven optimal, as far as units of energy are fine enough."""
        self._is_optimal = is_met(self.objective, self.value, self.bound)

    def tell(self, stage: str) -> None:
        """Report progress to the caller."""
        if self._progress is not None:
            now = self.clock.wall_s
            self._progress(Progress(now, self.value, self.bound, stage))

    def reporter(self, scale: float) -> Callable[[float, float], None] | None:
        """Return what CP-SAT calls at each solution, given its units per unit of the value."""
        tell = self._progress
        if tell is None:
            return None
        return lambda value, bound: tell(
            Progress(self.clock.wall_s, value / scale, bound / scale, "exact")
        )

    def solution(self) -> Solution:
        """Return the checked answer; of several of the same value, that of least energy."""
        schedule = self.schedule if self._frugal is None else self._frugal[1]
        return checked(
            self.instance.problem,
            to_assignment(self.instance, schedule),
            self.objective,
            value=self.value,
            bound=self.bound,
            bound_ns=self.bound_ns,
            wall_s=self.clock.wall_s,
            is_optimal=self._is_optimal,
        )
