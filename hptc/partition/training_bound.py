"""Proven bounds on whole trainings, from bounds on the steps of their stages.

Moves of states are bounded by nothing. Arithmetic is in rationals, so a bound is exact.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from hptc.partition.goal import Objective
from hptc.partition.training import Stage, Training, programming_of


@dataclass
class StageBound:
    """What is proven of the objective of one step of a stage."""

    least: Fraction
    """Of every step."""
    bare: Fraction | None
    """Of those that read no matrix; None where there is none."""
    shared: Fraction
    """Of step and energies of programming as `shares` deals them out, a part for each step."""


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
        known = [value for value in (without, holding) if value is not None]
        first = _first_write(goal, stage)
        entries = [value + first for value in known] if first is not None else []
        if stage.kept and holding is not None:
            entries.append(holding)
        without = None if bound.bare is None else min(known) + stage.steps * bound.bare
        holding = min(entries) + stage.steps * bound.least if entries else None
    return min(value for value in (without, holding) if value is not None)


def _first_write(goal: Objective, stage: Stage) -> Fraction | None:
    """Return the least that programming any matrix takes."""
    writes = (programming_of(stage, [matrix]) for matrix in range(len(stage.programming)))
    return min((goal.value(write.time_ns, write.energy_pj) for write in writes), default=None)


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
