"""Bounds on the stages of a training from problems with fewer matrices or other prices."""

from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import partial

from hptc.partition.goal import Measure
from hptc.partition.training.bound import shares, writes
from hptc.partition.training.prices import spread
from hptc.partition.training.problem import used_matrices
from hptc.partition.training.search import TrainingSearch
from hptc.partition.training.stage import amortised, confined

MOST_LEVELS = 2
"""Bounds of a stage by what programming its matrices takes at most."""
PROOF_SHARE = 0.5
"""Share of the time for all of them."""

Proof = Callable[[TrainingSearch, int, float], None]
"""Bounds one stage within a time in s."""


def prove(search: TrainingSearch) -> None:
    """Bound the stages with fewer matrices, or with their part of the programming."""
    jobs = [
        partial(job, search, position)
        for position, found in enumerate(search.apart.answers)
        if used_matrices(found.choice)
        for job in _proofs(search, position)
    ]
    for position, job in enumerate(jobs):
        if search.is_done:
            return
        job(PROOF_SHARE * search.clock.left_s / (len(jobs) - position))


def _proofs(search: TrainingSearch, position: int) -> Iterator[Proof]:
    yield _bare
    if search.goal.measure is Measure.LATENCY:
        entries = sorted(set(writes(search.goal, search.training.stages[position])))
        for most in entries[:-1][-MOST_LEVELS:]:
            yield partial(_level, most)
    else:
        yield _shared


def _bare(search: TrainingSearch, position: int, span_s: float) -> None:
    bound = search.bounds[position]
    posing = confined(search.training.stages[position], search.goal, ())
    if posing is None:
        bound.bare = None
        return
    found = search.solve_new(position, posing, span_s)
    if found is not None:
        bound.bare = max(bound.least, Fraction(found.lower_bound))


def _level(most: Fraction, search: TrainingSearch, position: int, span_s: float) -> None:
    stage, bound = search.training.stages[position], search.bounds[position]
    cheap = (m for m, entry in enumerate(writes(search.goal, stage)) if entry <= most)
    posing = confined(stage, search.goal, {*cheap, *stage.kept})
    found = None if posing is None else search.solve_new(position, posing, span_s)
    if found is not None:
        bound.levels[most] = max(bound.least, Fraction(found.lower_bound))


def _shared(search: TrainingSearch, position: int, span_s: float) -> None:
    stage, bound = search.training.stages[position], search.bounds[position]
    worth = shares(search.training)[position]
    unit = search.goal.value(0, 1)
    extra = spread(stage, {matrix: unit * energy for matrix, energy in worth.items()})
    found = search.solve_new(position, amortised(stage, search.goal, extra), span_s)
    if found is not None:
        bound.shared = max(bound.least, Fraction(found.lower_bound))
