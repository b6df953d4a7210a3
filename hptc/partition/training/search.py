"""The state of a search for a whole training: all answers so far, and what is proven."""

from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import product

from hptc.errors import InfeasibleError, TimeLimitError
from hptc.partition.check import check, check_limits
from hptc.partition.goal import Measure, Objective
from hptc.partition.limits import LEAST_S, Clock, Progress
from hptc.partition.outcome import TOLERANCE
from hptc.partition.problem import Assignment, Solution
from hptc.partition.solve import solve
from hptc.partition.training.bound import StageBound, lower_bound
from hptc.partition.training.outcome import Answer, outcome
from hptc.partition.training.problem import Training
from hptc.partition.training.stage import Posing


class TrainingSearch:
    """Keeps every answer that a stage was given; the best of their combinations counts.

    Args:
        training: Its stages and what crosses between them.
        goal: Of the whole training.
        starts: Answers of the stages by the same objective.
        clock: When to stop.
        progress: Called after every solve of a stage.

    Raises:
        VerifyError: A start breaks a rule of its problem.
    """

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
        self._pools = [[answer] for answer in found]
        self.apart = self.best = outcome(training, found)
        least = [Fraction(start.lower_bound) for start in starts]
        self.bounds = [StageBound(bound, bound, bound) for bound in least]
        self._posed: set[tuple[int, Posing]] = set()

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
        least = 0.0 if self.goal.measure is Measure.LATENCY else TOLERANCE
        gap = Fraction(max(self.clock.limits.gap, least))
        return self.value <= self.bound * (1 + gap) or self.clock.is_over()

    def solve_new(self, position: int, posing: Posing, span_s: float) -> Solution | None:
        """Solve a problem of a stage that is new and offer the answer; None if there is none."""
        if (position, posing) in self._posed:
            return None
        self._posed.add((position, posing))
        return self.solve(position, posing, span_s)

    def solve(self, position: int, posing: Posing, span_s: float) -> Solution | None:
        """Solve a problem of a stage and offer the answer; None if there is none in time."""
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
        pools = [*self._pools[:position], [found], *self._pools[position + 1 :]]
        self._pools[position].append(found)
        outcomes = (outcome(self.training, answers) for answers in product(*pools))
        self.best = min((self.best, *outcomes), key=lambda known: known.value(self.goal))

    def _checked(self, position: int, assignment: Assignment) -> Answer:
        stage = self.training.stages[position]
        check(stage.problem, assignment)
        check_limits(stage.problem, assignment, self.goal)
        return Answer.of(stage, assignment)
