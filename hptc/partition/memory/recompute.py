"""Solving a problem whose memory binds and whose tasks may run again (`reruns`).

The problem without memory gives the bound, and places and a sequence that would be good. Where they
overflow, tasks run again (`rerun_plan`); with such a set of reruns the problem is an ordinary one,
which the search improves. Reruns that are not needed after all are left out.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from hptc.errors import InfeasibleError, TimeLimitError
from hptc.partition.check import energy_pj
from hptc.partition.decode import Schedule, legal_order, to_assignment
from hptc.partition.fronts.frontiers import Proven
from hptc.partition.goal import Objective
from hptc.partition.instance import Instance
from hptc.partition.limits import Clock, Progress
from hptc.partition.memory.decode import decode_within
from hptc.partition.memory.held import is_overfull
from hptc.partition.memory.lasting import without_memory
from hptc.partition.memory.rerun_guides import plan_reruns
from hptc.partition.memory.rerun_tape import Tape
from hptc.partition.memory.seed import crowded
from hptc.partition.outcome import checked
from hptc.partition.prepare import prepare
from hptc.partition.problem import Assignment, Rerun, Solution
from hptc.partition.replay import from_assignment
from hptc.partition.reruns import expanded, without
from hptc.partition.sat.feasible import find_modes
from hptc.partition.search import Incumbent, pass_s

FREE_SHARE = 0.3
"""Share of the time left for the problem without memory."""
PLAIN_SHARE = 0.3
"""Share of the time left for answers without reruns."""
PRUNE_SHARE = 0.3
"""Share of the time left in which reruns are left out one by one."""

Told = Callable[[Progress], None]


class SolvePart(Protocol):
    """Searches an instance for a schedule without reruns; raises the errors of `solve`."""

    def __call__(
        self,
        instance: Instance,
        objective: Objective,
        clock: Clock,
        *,
        known: Schedule | None = None,
        proven: Proven | None = None,
        progress: Told | None = None,
    ) -> Incumbent:
        """Return what was found, with its bounds."""
        ...


@dataclass(frozen=True, slots=True)
class _Found:
    """A schedule of the problem with some reruns."""

    instance: Instance
    reruns: tuple[Rerun, ...]
    schedule: Schedule
    value: float

    @property
    def assignment(self) -> Assignment:
        """The answer to the problem."""
        return replace(to_assignment(self.instance, self.schedule), reruns=self.reruns)


def may_rerun(instance: Instance) -> bool:
    """Return whether memory binds and a task may run again."""
    return bool(instance.memories) and any(task.recompute for task in instance.problem.tasks)


def solve_with_reruns(  # noqa: PLR0913  (what `solve` was given)
    instance: Instance,
    objective: Objective,
    clock: Clock,
    solve_part: SolvePart,
    *,
    start: Assignment | None,
    proven: Proven | None,
    progress: Told | None,
) -> Solution:
    """Return the best answer found, with or without reruns; raises as `solve` does."""
    free = solve_part(
        prepare(without_memory(instance.problem)),
        objective,
        clock.part(FREE_SHARE * clock.left_s),
        proven=proven,
    )
    search = _Search(instance, free, clock, solve_part, progress)
    if start is not None:
        search.begin(start)
    if not is_overfull(instance, free.schedule):
        search.offer(_Found(instance, (), free.schedule, free.value))
    elif not free.was_interrupted:
        search.run()
    return search.solution()


class _Search:
    """The best answer so far; `free` is what the search without memory found and proved."""

    def __init__(
        self,
        instance: Instance,
        free: Incumbent,
        clock: Clock,
        solve_part: SolvePart,
        progress: Told | None,
    ) -> None:
        self._instance, self._free, self._clock = instance, free, clock
        self._objective = free.objective
        self._solve_part, self._progress = solve_part, progress
        self._best: _Found | None = None

    def begin(self, start: Assignment) -> None:
        """Take an answer to begin with."""
        instance = prepare(expanded(self._instance.problem, start.reruns))
        self.offer(self._measured(instance, start.reruns, from_assignment(instance, start)))

    def solution(self) -> Solution:
        """Return the checked answer; raises an error where there is none."""
        found, free = self._best, self._free
        if found is None and free.was_interrupted:
            raise KeyboardInterrupt
        if found is None:
            raise crowded(self._instance, is_proven=False)
        if math.isinf(found.value):
            raise TimeLimitError(
                "limits on latency or energy, within the memory",
                expected="a schedule that keeps them",
                found="none, and no proof that there is none",
                hint="Raise the time limit, the limits, or memory_bytes.",
            )
        return checked(
            self._instance.problem,
            found.assignment,
            self._objective,
            value=found.value,
            bound=free.bound,
            bound_ns=free.bound_ns,
            wall_s=self._clock.wall_s,
        )

    def run(self) -> None:
        """Search share by share of the time."""
        find_modes(self._instance, self._clock)
        try:
            self._improve(self._instance, (), None, PLAIN_SHARE)
            known = [self._free.schedule]
            if self._best is not None and not self._best.reruns:
                known.append(self._best.schedule)
            must = self._best is None
            plan_reruns(self._instance, known, self._take, self._clock, must=must)
            if self._best is not None:
                self._prune(self._best, self._part(PRUNE_SHARE))
                self._improve(self._best.instance, self._best.reruns, self._best.schedule, 1.0)
        except KeyboardInterrupt:
            if self._best is None:
                raise

    def _part(self, share: float) -> Clock:
        return self._clock.part(share * self._clock.left_s)

    def _take(self, tape: Tape) -> float:
        """Offer a sequence with reruns, and return its value."""
        reruns = tape.reruns()
        instance = self._again(reruns)
        schedule = decode_within(instance, tape.modes, tape.sequence())
        if not isinstance(schedule, Schedule):
            return math.inf
        found = self._measured(instance, reruns, schedule)
        self.offer(found)
        return found.value

    def _again(self, reruns: tuple[Rerun, ...]) -> Instance:
        """Return the problem with reruns, and count the work of that."""
        instance = prepare(expanded(self._instance.problem, reruns))
        self._clock.work.add(pass_s(instance))
        return instance

    def _improve(
        self, instance: Instance, reruns: tuple[Rerun, ...], known: Schedule | None, share: float
    ) -> None:
        """Search with a set of reruns."""
        try:
            search = self._solve_part(
                instance, self._objective, self._part(share), known=known, progress=self._tell
            )
        except (InfeasibleError, TimeLimitError):
            return
        self.offer(_Found(instance, reruns, search.schedule, search.value))
        if search.was_interrupted:
            raise KeyboardInterrupt

    def _prune(self, found: _Found, clock: Clock) -> None:
        """Leave out reruns one after the other, those that take longest first, where that helps."""
        index = len(found.reruns)
        while index and not clock.is_over():
            index -= 1
            reruns = without(self._instance.problem, found.reruns, index)
            instance = self._again(reruns)
            gone = self._instance.tasks + index
            modes = [mode for run, mode in enumerate(found.schedule.modes) if run != gone]
            starts = [start for run, start in enumerate(found.schedule.start) if run != gone]
            schedule = decode_within(instance, modes, legal_order(instance, starts))
            if isinstance(schedule, Schedule):
                trial = self._measured(instance, reruns, schedule)
                if trial.value <= found.value:
                    found = trial
        self.offer(found)

    def _measured(
        self, instance: Instance, reruns: tuple[Rerun, ...], schedule: Schedule
    ) -> _Found:
        energy = energy_pj(instance.problem, to_assignment(instance, schedule))
        is_within = self._objective.admits(schedule.makespan, energy)
        value = self._objective.value(schedule.makespan, energy) if is_within else math.inf
        return _Found(instance, reruns, schedule, float(value))

    def offer(self, found: _Found) -> None:
        """Take an answer if it is better."""
        if self._best is None or found.value < self._best.value:
            self._best = found

    def _tell(self, seen: Progress) -> None:
        best = math.inf if self._best is None else self._best.value
        if self._progress is not None and seen.value < best:
            self._progress(replace(seen, lower_bound=min(self._free.bound, seen.value)))
