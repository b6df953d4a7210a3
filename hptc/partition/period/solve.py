"""The steady state of least period: modes by CP-SAT, then their tasks round the circle."""

from collections.abc import Callable, Sequence

from hptc.errors import InfeasibleError
from hptc.partition.decode import to_assignment
from hptc.partition.goal import Objective
from hptc.partition.instance import Instance
from hptc.partition.limits import LEAST_S, Clock, Limits, Progress
from hptc.partition.objective import LARGEST_NS, latest_end
from hptc.partition.period.balance import balanced
from hptc.partition.period.check import check_periodic
from hptc.partition.period.fold import least_period
from hptc.partition.period.model import PeriodModel
from hptc.partition.period.periodic import Periodic, PeriodicSolution
from hptc.partition.period.recurrence import Recurrences
from hptc.partition.period.steady import Steady, span_ns
from hptc.partition.prepare import prepare
from hptc.partition.problem import Problem, Status
from hptc.partition.sat.cpsat import Run, run
from hptc.partition.search import Incumbent
from hptc.partition.seeds.heuristics import local_choices
from hptc.partition.seeds.plant import plant
from hptc.partition.solve import DEFAULT_LIMITS

BALANCE_SHARE = 0.3
"""Share of the time left in which loads are evened out."""
CHOICE_SHARE = 0.6
"""Share of the time left in which CP-SAT looks for modes of less period."""
WORK_SHARE = 0.5
"""Share of the time left after that for modes of less work in the same period."""


def solve_period(
    problem: Problem,
    *,
    count: int | None = None,
    start: Sequence[int] | None = None,
    limits: Limits = DEFAULT_LIMITS,
    progress: Callable[[Progress], None] | None = None,
    stop: Callable[[], bool] | None = None,
) -> PeriodicSolution:
    """Find the steady state of a problem whose steps start at the shortest intervals.

    Of several, one with less work and a shorter step is preferred.

    Args:
        problem: As for `hptc.partition.solve.solve`.
        count: Where so many steps end is to be early instead, counted from where the first starts;
            the bound is on the period still.
        start: Modes to try as well.
        limits: When to stop; the time covers the bound.
        progress: Called on every better period.
        stop: Polled; True ends the search with what there is.

    Returns:
        A checked steady state. After Ctrl-C, the best one known at that moment.

    Raises:
        InfeasibleError: No choice of devices keeps the constraint it names, or no steady state
            within the memory was found.
        ProblemError: The problem contradicts itself.
        TimeLimitError: The time passed before the first solution.
    """
    clock = Clock(limits, stop)
    search = _Search(prepare(problem), clock, progress, count)
    search.plant(start)
    search.choose()
    found = search.best()
    check_periodic(problem, found)
    bound = min(search.bound_ns, found.period_ns)
    status = Status.OPTIMAL if found.period_ns == bound else Status.FEASIBLE
    return PeriodicSolution(found, bound, status, clock.wall_s)


def floor_ns(instance: Instance) -> int:
    """Return a bound in ns on the period without a search: of tasks alone, and of all their work.

    All rows together take at most their units times the period.
    """
    units = [instance.problem.devices[device].count for device, _ in instance.resources]
    alone = [
        min(-(-row[mode] // units[rows[mode]]) for mode in options)
        for row, rows, options in zip(
            instance.duration, instance.resource, instance.options, strict=True
        )
    ]
    work = sum(min(row) for row in instance.duration)
    return max(1, -(-work // (sum(units) or 1)), *alone)


class _Search:
    """The modes and bounds so far; times in ns."""

    def __init__(
        self,
        instance: Instance,
        clock: Clock,
        progress: Callable[[Progress], None] | None,
        count: int | None,
    ) -> None:
        self._instance, self._clock, self._progress = instance, clock, progress
        self._count = count
        self._recurrences = Recurrences(instance)
        self._steady = Steady(instance, self._recurrences, clock)
        self._choices: list[Sequence[int]] = []
        """Modes, the latest first."""
        self._first: Periodic | None = None
        """One step after the other."""
        self.bound_ns = floor_ns(instance)

    def plant(self, start: Sequence[int] | None) -> None:
        """Find first modes; raises an error where there are none."""
        instance = self._instance
        first = Incumbent(instance, Objective.LATENCY, self._clock, None)
        plant(first)
        alone = to_assignment(instance, first.schedule)
        found = Periodic(max(1, alone.makespan_ns), alone)
        if self._steady.keeps_memory(found):
            self._first = found
        known = (*local_choices(instance), *([] if start is None else [start]))
        span = self._clock.part(max(LEAST_S, BALANCE_SHARE * self._clock.left_s))
        for modes in (first.schedule.modes, *filter(instance.admits, known)):
            self._choices += [modes, balanced(instance, modes, span.is_over)]
        self._tell("seed", min(least_period(instance, modes) for modes in self._choices))

    def choose(self) -> None:
        """Let CP-SAT look for modes of less period, then for such of less work."""
        instance = self._instance
        most_ns = latest_end(instance)
        if max(1, self._count or 1) * most_ns >= LARGEST_NS or self._clock.is_over():
            return
        model = PeriodModel(instance, self._recurrences, max(1, most_ns))
        model.hint(min(self._choices, key=lambda modes: least_period(instance, modes)))
        done = self._run(model, CHOICE_SHARE)
        self.bound_ns = max(self.bound_ns, done.bound)
        if not done.found or done.was_interrupted or self._clock.is_over():
            return
        _, period_ns = model.read(done)
        frugal = PeriodModel(instance, self._recurrences, most_ns if self._count else period_ns)
        frugal.minimise_work(self._count or 1)
        frugal.hint(self._promising()[0])
        self._run(frugal, WORK_SHARE)

    def best(self) -> Periodic:
        """Return the best steady state of the modes found; raises InfeasibleError if none is."""
        found = [] if self._first is None else [self._first]
        for modes in self._promising():
            try:
                found += self._states(modes, found)
            except KeyboardInterrupt:
                if not found:
                    raise
                break
            if found and self._clock.is_over():
                break
        if not found:
            raise InfeasibleError(
                "memory of the devices",
                expected="a steady state that keeps it, with the values of all steps under way",
                found="none, and no proof that there is none",
                hint="Enlarge memory_bytes: where steps overlap, no task runs again to save it.",
            )
        return min(found, key=self._cost)

    def _states(self, modes: Sequence[int], known: Sequence[Periodic]) -> list[Periodic]:
        """Return steady states of modes that may be better than those known."""
        if self._count is not None:
            return self._steady.shortest(modes, self._count)
        low_ns = max(self.bound_ns, least_period(self._instance, modes))
        high_ns = min((each.period_ns for each in known), default=latest_end(self._instance))
        state = self._steady.least(modes, low_ns, high_ns) if low_ns <= high_ns else None
        if state is None:
            return []
        self._tell("steady", state.period_ns)
        return [state]

    def _promising(self) -> list[Sequence[int]]:
        """Return the modes found, the most promising first; of several alike the latest."""
        count = self._count

        def promise_ns(modes: Sequence[int]) -> int:
            if count is None:
                return least_period(self._instance, modes)
            return self._steady.promise_ns(modes, count)

        return sorted(self._choices, key=promise_ns)

    def _cost(self, periodic: Periodic) -> tuple[int, int]:
        if self._count is not None:
            return span_ns(periodic, self._count), periodic.period_ns
        return periodic.period_ns, periodic.assignment.makespan_ns

    def _run(self, model: PeriodModel, share: float) -> Run:
        """Search a model, and keep the modes found."""
        done = run(model.model, self._clock, share * self._clock.left_s, is_linear=True)
        if done.found:
            modes, period_ns = model.read(done)
            self._choices.insert(0, modes)
            self._tell("exact", period_ns)
        return done

    def _tell(self, stage: str, period_ns: int) -> None:
        if self._progress is not None:
            self._progress(Progress(self._clock.wall_s, period_ns, self.bound_ns, stage))
