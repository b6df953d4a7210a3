"""Solving a whole training: stages in turn, each as its neighbours make it pay.

It starts from answers of the stages for themselves and never gets worse.
"""

from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from itertools import cycle

from hptc.partition.goal import Measure, Objective
from hptc.partition.limits import Clock, Limits, Progress
from hptc.partition.problem import Solution
from hptc.partition.training.outcome import TrainingSolution
from hptc.partition.training.prices import marginal
from hptc.partition.training.problem import Training, used_matrices
from hptc.partition.training.prove import prove
from hptc.partition.training.search import TrainingSearch
from hptc.partition.training.stage import Posing, amortised, confined

TURN_SHARE = 0.2
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
    search = TrainingSearch(training, goal, starts, Clock(limits, stop), progress)
    prove(search)
    _descend(search)
    _polish(search)
    return TrainingSolution(
        best=search.best,
        apart=search.apart,
        value=search.value,
        lower_bound=min(search.value, search.bound),
    )


def _descend(search: TrainingSearch) -> None:
    """Solve the stages in turn, each beside the others as they are, until none improves."""
    idle = 0
    for position in cycle(range(len(search.bounds))):
        before = search.value
        for posing in _posings(search, position):
            if search.is_done:
                return
            search.solve_new(position, posing, TURN_SHARE * search.clock.left_s)
        idle = 0 if search.value < before else idle + 1
        if idle == len(search.bounds):
            return


def _posings(search: TrainingSearch, position: int) -> Iterator[Posing]:
    """Yield what may help a stage: other prices, or fewer matrices to program at its entry."""
    priced = _priced(search, position)
    if priced is not None:
        yield priced
    stage, entry = search.training.stages[position], search.best.switches[position]
    if entry.programmed:
        slowest = max(stage.programming[m].time_ns for m in entry.programmed)
        kept = _free(search, position, 0)
        for allowed in dict.fromkeys((kept, _free(search, position, slowest))):
            posing = confined(stage, search.goal, allowed)
            if posing is not None:
                yield posing


def _priced(search: TrainingSearch, position: int) -> Posing | None:
    """Return a stage at the prices that the other stages make, None where there are none."""
    choices = [found.choice for found in search.best.answers]
    extra = marginal(search.training, position, choices, search.goal)
    stage = search.training.stages[position]
    return amortised(stage, search.goal, extra) if any(extra.values()) else None


def _free(search: TrainingSearch, position: int, time_ns: int) -> frozenset[int]:
    """Return the matrices that the stage before leaves, or that take less to program."""
    stage = search.training.stages[position]
    before = search.best.answers[position - 1].choice if position else ()
    held = used_matrices(before)
    kept = {m for m, sources in stage.kept.items() if sources & held}
    fast = (m for m, charge in enumerate(stage.programming) if charge.time_ns < time_ns)
    return frozenset(kept.union(fast))


def _polish(search: TrainingSearch) -> None:
    """Search on in the stages with what is left of the time, where most is open first."""
    parts = zip(search.best.answers, search.bounds, strict=True)
    still = [answer.value(search.goal) - answer.steps * bound.least for answer, bound in parts]
    order = sorted(range(len(still)), key=lambda position: -still[position])
    for place, position in enumerate(order):
        rest = sum(still[p] for p in order[place:])
        if search.is_done or not rest:
            return
        posing = _as_programmed(search, position)
        if posing is not None:
            share = float(still[position] / rest)
            found = search.solve(position, posing, share * search.clock.left_s)
            if found is not None and posing.problem == search.training.stages[position].problem:
                search.bounds[position].raise_least(Fraction(found.lower_bound))


def _as_programmed(search: TrainingSearch, position: int) -> Posing | None:
    """Return a stage whose entry takes no longer; where energy counts, at its prices."""
    stage, entry = search.training.stages[position], search.best.switches[position]
    if search.goal.measure is not Measure.LATENCY:
        every, priced = range(len(stage.programming)), _priced(search, position)
        return confined(stage, search.goal, every) if priced is None else priced
    return confined(stage, search.goal, _free(search, position, entry.programming.time_ns + 1))
