"""The incumbent of a solve: best schedule, best bounds, and who is told."""

import math
from collections.abc import Callable

from hptc.errors import TimeLimitError
from hptc.partition.check import check, energy_pj
from hptc.partition.decode import Schedule, to_assignment
from hptc.partition.instance import Instance
from hptc.partition.limits import Clock, Progress
from hptc.partition.problem import Objective, Solution, Status

ROUNDING = 1e-9
"""Relative width within which two energies in pJ count as equal."""


class Incumbent:
    """Keeps the best of what the solvers offer; values in ns or pJ, as the objective says."""

    def __init__(
        self,
        instance: Instance,
        objective: Objective,
        clock: Clock,
        progress: Callable[[Progress], None] | None,
    ) -> None:
        self.instance = instance
        self.objective = objective
        self.clock = clock
        self.best: Schedule | None = None
        self.value = float("inf")
        self.bound = 0.0
        self.bound_ns = 0
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
                expected=f"a first solution within {self.clock.limits.time_s:g} s",
                found="none",
                hint="Raise the time limit.",
            )
        return self.best

    @property
    def is_done(self) -> bool:
        """Whether the gap is small enough, the time over, or the caller wants an end."""
        return self.is_good_enough or self.clock.is_over()

    @property
    def is_good_enough(self) -> bool:
        """Whether the value is within the wanted gap of its bound."""
        if self._is_optimal:
            return True
        return self.value <= self.bound * (1 + max(self.clock.limits.gap, 0.0))

    def measure(self, schedule: Schedule) -> float:
        """Return the objective of a schedule in ns or pJ."""
        if self.objective is Objective.LATENCY:
            return schedule.makespan
        return energy_pj(self.instance.problem, to_assignment(self.instance, schedule))

    def offer(self, schedule: Schedule, stage: str) -> bool:
        """Take a schedule if it is better, and say so."""
        value = self.measure(schedule)
        if value > self.value:
            return False
        is_better = value < self.value
        if is_better:
            self.best, self.value, self._frugal = schedule, value, None
            self.tell(stage)
        self._spare(schedule)
        return is_better

    def replace(self, schedule: Schedule, stage: str) -> None:
        """Take a schedule of the same value too: another place to search from."""
        if not self.offer(schedule, stage) and self.measure(schedule) == self.value:
            self.best = schedule

    def _spare(self, schedule: Schedule) -> None:
        """Remember a schedule of the best value if it takes less energy than the others."""
        energy = energy_pj(self.instance.problem, to_assignment(self.instance, schedule))
        if self._frugal is None or energy < self._frugal[0]:
            self._frugal = (energy, schedule)

    def raise_bound(self, bound: float, bound_ns: int = 0) -> None:
        """Take proven bounds on the objective and on the makespan."""
        self.bound_ns = max(self.bound_ns, bound_ns)
        if self.objective is Objective.LATENCY:
            self.bound_ns = max(self.bound_ns, math.ceil(bound))
            self.bound = float(self.bound_ns)
        else:
            self.bound = max(self.bound, bound)

    def close(self) -> None:
        """Note that the incumbent is proven optimal."""
        self._is_optimal = True

    def tell(self, stage: str) -> None:
        """Report progress to the caller."""
        if self._progress is not None:
            now = self.clock.elapsed_s
            self._progress(Progress(now, self.value, self.bound, stage))

    def reporter(self, scale: int) -> Callable[[float, float], None] | None:
        """Return what CP-SAT calls at each solution, given units per ns or pJ."""
        tell = self._progress
        if tell is None:
            return None
        return lambda value, bound: tell(
            Progress(self.clock.elapsed_s, value / scale, bound / scale, "exact")
        )

    def solution(self) -> Solution:
        """Return the checked answer; of several of the same value, that of least energy."""
        schedule = self.schedule if self._frugal is None else self._frugal[1]
        assignment = to_assignment(self.instance, schedule)
        check(self.instance.problem, assignment)
        bound = min(self.bound, self.value)
        if self.objective is Objective.LATENCY:
            proven = self._is_optimal or self.value <= bound
        else:
            proven = self._is_optimal or self.value <= bound * (1 + ROUNDING)
        return Solution(
            assignment=assignment,
            objective=self.objective,
            value=self.value,
            lower_bound=bound,
            lower_bound_ns=min(self.bound_ns, assignment.makespan_ns),
            status=Status.OPTIMAL if proven else Status.FEASIBLE,
            wall_s=self.clock.elapsed_s,
        )
