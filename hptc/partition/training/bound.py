"""Proven bounds on whole trainings, from bounds on the steps of their stages.

Moves of states are bounded by nothing. Arithmetic is in rationals, so a bound is exact.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from hptc.partition.goal import Objective
from hptc.partition.training.problem import Stage, Training, power_of, programming_of


@dataclass
class StageBound:
    """What is proven of the objective of one step of a stage."""

    least: Fraction
    """Of every step."""
    bare: Fraction | None
    """Of those that read no matrix; None where there is none."""
    shared: Fraction
    """Of step and energies of programming as `shares` deals them out, a part for each step."""
    levels: dict[Fraction, Fraction] = field(default_factory=dict)
    """What programming a matrix takes at most, by the objective, to the bound of steps that read
    only such matrices and those that may be kept."""

    def raise_least(self, proven: Fraction) -> None:
        """Take a bound on every step."""
        self.least = max(self.least, proven)
        self.shared = max(self.shared, proven)
        self.bare = None if self.bare is None else max(self.bare, proven)
        self.levels = {most: max(bound, proven) for most, bound in self.levels.items()}


def lower_bound(training: Training, goal: Objective, bounds: Sequence[StageBound]) -> Fraction:
    """Return a bound on the objective of the whole training."""
    pairs = list(zip(training.stages, bounds, strict=True))
    shared = sum((stage.steps * bound.shared for stage, bound in pairs), Fraction(0))
    return max(shared, _branched(goal, pairs))


def _branched(goal: Objective, pairs: Iterable[tuple[Stage, StageBound]]) -> Fraction:
    """Bound the stages one after the other, by whether the last one holds matrices.

    A stage that holds some programs at least one, if not the stage before held some that it keeps.
    """
    without: Fraction | None = Fraction(0)
    holding: Fraction | None = None
    for stage, bound in pairs:
        known = min(value for value in (without, holding) if value is not None)
        ways = [
            known + entry + stage.steps * step for entry, step in _programming(goal, stage, bound)
        ]
        if stage.kept and holding is not None:
            ways.append(holding + stage.steps * bound.least)
        without = None if bound.bare is None else known + stage.steps * bound.bare
        holding = min(ways, default=None)
    return min(value for value in (without, holding) if value is not None)


def _programming(
    goal: Objective, stage: Stage, bound: StageBound
) -> Iterator[tuple[Fraction, Fraction]]:
    """Yield what a stage that programs takes at least, at its entry and for a step, by levels."""
    entries, before = writes(goal, stage), Fraction(-1)
    for most in (*sorted(bound.levels), None):
        above = [entry for entry in entries if entry > before]
        if above:
            yield min(above), bound.least if most is None else bound.levels[most]
        before = before if most is None else most


def writes(goal: Objective, stage: Stage) -> list[Fraction]:
    """Return what programming each matrix alone takes, with the static power of its device."""
    found = []
    for number, matrix in enumerate(stage.problem.matrices):
        charge = programming_of(stage, [number])
        static_pj = power_of(stage, [matrix.device]) * charge.time_ns
        found.append(goal.value(charge.time_ns, Fraction(charge.energy_pj) + static_pj))
    return found


def shares(training: Training) -> list[dict[int, Fraction]]:
    """Deal the energies of programming out to stages: what is kept is charged to both.

    A matrix m that may be kept takes `e (u(m) - sum of u(k))` or more, for u = 1 where a matrix is
    used and 0 else, and k all those that keep it; and so a part of that, from 0 to 1, whatever the
    sign. The part is that of the steps, or as much as leaves every k at 0 or more.

    Returns:
        Of each stage, matrix to energy in pJ; what all matrices in use take by it, over all stages,
        is never more than what is programmed.
    """
    found: list[dict[int, Fraction]] = []
    for position, stage in enumerate(training.stages):
        own = {m: Fraction(charge.energy_pj) for m, charge in enumerate(stage.programming)}
        if position:
            before, earlier = found[-1], training.stages[position - 1]
            part = Fraction(stage.steps, stage.steps + earlier.steps)
            asked: dict[int, Fraction] = {}
            for matrix, sources in stage.kept.items():
                for source in sources:
                    asked[source] = asked.get(source, Fraction(0)) + part * own[matrix]
            for matrix, sources in stage.kept.items():
                scale = min(
                    (min(Fraction(1), before[k] / asked[k]) for k in sources if asked[k]),
                    default=Fraction(1),
                )
                own[matrix] *= part * scale
            for matrix, sources in stage.kept.items():
                for source in sources:
                    before[source] -= own[matrix]
        found.append(own)
    return found
