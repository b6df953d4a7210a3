"""Solving a whole training: stages in turn, each as its neighbours make it pay.

It starts from answers of the stages for themselves and never gets worse. Every stage keeps all
answers that it was given so far, and the best of their combinations counts.
"""

from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from itertools import cycle, product

from hptc.errors import InfeasibleError, TimeLimitError
from hptc.partition.check import check, check_limits
from hptc.partition.goal import Measure, Objective
from hptc.partition.limits import LEAST_S, Clock, Limits, Progress
from hptc.partition.problem import Assignment, Solution
from hptc.partition.solve import solve
from hptc.partition.training import Training, used_matrices
from hptc.partition.training_bound import StageBound, lower_bound, shares
from hptc.partition.training_outcome import Answer, TrainingSolution, outcome
from hptc.partition.training_stage import Posing, amortised, confined, marginal, spread

PROOF_SHARE = 0.5
"""Share of the time in which stages are bounded."""
TURN_SHARE = 0.3
"""Share of the time left for one more answer of a stage."""


def solve_training(
    training: Training,
    goal: Objective,
    starts: Sequence[Solution],
    *,
    limits: Limits,
    progress: Callable[[Progress], None] | None = None,
    stop: Callable[[], bool] | None = None,
) -> TrainingSolution:
    """Choose answers for all stages of a training together.

    Args:
        training: Its stages and what crosses between them.
        goal: Latency, energy, or weights of both: of all steps and switches. A limit on the
            latency holds for every step.
        starts: Answers of the stages by the same objective; the training takes no more than these.
        limits: For all of it.
        progress: Called after every solve of a stage.
        stop: Polled; True ends the search with what there is.

    Returns:
        Checked answers.

    Raises:
        VerifyError: A start breaks a rule of its problem.
    """
    search = _Search(training, goal, starts, Clock(limits, stop), progress)
    search.prove()
    search.descend()
    return TrainingSolution(
        best=search.best,
        apart=search.apart,
        value=search.value,
        lower_bound=min(search.value, search.bound),
    )


class _Search:
    """The answers so far, and what is proven."""

    def __init__(
        self,
        training: Training,
        goal: Objective,
        starts: Sequence[Solution],
        clock: Clock,
        progress: Callable[[Progress], None] | None,
    ) -> None:
        self.training = training
        self.goal = goal
        self.clock = clock
        self._progress = progress
        found = [self._checked(position, start.assignment) for position, start in enumerate(starts)]
        self.pools = [[answer] for answer in found]
        self.apart = self.best = outcome(training, found)
        least = [Fraction(start.lower_bound) for start in starts]
        self.bounds = [StageBound(bound, bound, bound) for bound in least]
        self.posed: set[tuple[int, Posing]] = set()

    @property
    def bound(self) -> Fraction:
        """What is proven of the training."""
        return lower_bound(self.training, self.goal, self.bounds)

    @property
    def value(self) -> Fraction:
        """The objective of the best training so far."""
        return self.best.value(self.goal)

    @property
    def is_done(self) -> bool:
        """Whether the gap is small enough, the time over, or the caller wants an end."""
        is_close = self.value <= self.bound * (1 + Fraction(self.clock.limits.gap))
        return is_close or self.clock.is_over()

    def prove(self) -> None:
        """Bound the stages without matrices, and with their part of the programming."""
        holding = [p for p, found in enumerate(self.apart.answers) if used_matrices(found.choice)]
        jobs = [(self._prove_bare, position) for position in holding]
        if self.goal.measure is not Measure.LATENCY:
            jobs += [(self._prove_shared, position) for position in holding]
        for position, (job, stage) in enumerate(jobs):
            if self.is_done:
                return
            job(stage, PROOF_SHARE * self.clock.left_s / (len(jobs) - position))

    def _prove_bare(self, position: int, span_s: float) -> None:
        bound = self.bounds[position]
        posing = confined(self.training.stages[position], self.goal, ())
        if posing is None:
            bound.bare = None
            return
        found = self._solve(position, posing, span_s)
        if found is not None:
            bound.bare = max(bound.least, Fraction(found.lower_bound))

    def _prove_shared(self, position: int, span_s: float) -> None:
        stage, bound = self.training.stages[position], self.bounds[position]
        worth = shares(self.training)[position]
        unit = self.goal.value(0, 1)
        extra = spread(stage, {matrix: unit * energy for matrix, energy in worth.items()})
        found = self._solve(position, amortised(stage, self.goal, extra), span_s)
        if found is not None:
            bound.shared = max(bound.least, Fraction(found.lower_bound))

    def descend(self) -> None:
        """Solve the stages in turn, each beside the others as they are, until none improves."""
        idle = 0
        for position in cycle(range(len(self.pools))):
            before = self.value
            for posing in self._posings(position):
                if self.is_done:
                    return
                self._solve(position, posing, TURN_SHARE * self.clock.left_s)
            idle = 0 if self.value < before else idle + 1
            if idle == len(self.pools):
                return

    def _posings(self, position: int) -> Iterator[Posing]:
        """Yield what may help a stage: other prices, or fewer matrices to program at its entry."""
        stage = self.training.stages[position]
        choices = [found.choice for found in self.best.answers]
        extra = marginal(self.training, position, choices, self.goal)
        if any(extra.values()):
            yield amortised(stage, self.goal, extra)
        entry = self.best.switches[position]
        if entry.programmed:
            before = used_matrices(choices[position - 1]) if position else frozenset()
            kept = frozenset(m for m, sources in stage.kept.items() if sources & before)
            slowest = max(stage.programming[m].time_ns for m in entry.programmed)
            every = range(len(stage.programming))
            faster = kept.union(m for m in every if stage.programming[m].time_ns < slowest)
            for allowed in dict.fromkeys((kept, faster)):
                posing = confined(stage, self.goal, allowed)
                if posing is not None:
                    yield posing

    def _solve(self, position: int, posing: Posing, span_s: float) -> Solution | None:
        """Solve a problem of a stage and offer the answer; None if there is none in time."""
        if (position, posing) in self.posed:
            return None
        self.posed.add((position, posing))
        limits = self.clock.limits.within(max(LEAST_S, span_s))
        start = posing.narrowed(self.best.answers[position].assignment)
        try:
            found = solve(
                posing.problem,
                objective=posing.objective,
                limits=limits,
                start=start,
                stop=self.clock.is_over,
            )
        except (InfeasibleError, TimeLimitError):
            return None
        finally:
            self.clock.work.add(limits.span_s)
        self._offer(position, posing.widened(found.assignment))
        if self._progress is not None:
            value, bound = float(self.value), float(self.bound)
            self._progress(Progress(self.clock.wall_s, value, bound, "together"))
        return found

    def _offer(self, position: int, assignment: Assignment) -> None:
        """Keep an answer of a stage, and take the best combination that has it."""
        found = self._checked(position, assignment)
        pools = [*self.pools[:position], [found], *self.pools[position + 1 :]]
        self.pools[position].append(found)
        outcomes = (outcome(self.training, answers) for answers in product(*pools))
        self.best = min((self.best, *outcomes), key=lambda known: known.value(self.goal))

    def _checked(self, position: int, assignment: Assignment) -> Answer:
        stage = self.training.stages[position]
        check(stage.problem, assignment)
        check_limits(stage.problem, assignment, self.goal)
        return Answer.of(stage, assignment)
