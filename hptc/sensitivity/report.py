"""The outcomes of a study in order: the object that `hptc compile --sensitivity --json` prints."""

import math
from collections.abc import Callable
from dataclasses import asdict

from hptc.partition.limits import Clock, Limits
from hptc.schedule.report import Json
from hptc.sensitivity.model import Answer, Numbers, Outcome, ends
from hptc.sensitivity.study import TYPICAL, Study
from hptc.units import PJ_PER_NJ


def sensitivity(answer: Answer, limits: Limits, stop: Callable[[], bool] | None = None) -> Json:
    """Return how an answer moves over the ranges of its target.

    Args:
        answer: The phase as placed.
        limits: The time is for all of it.
        stop: Polled; True ends it with what there is.

    Returns:
        `typical` figures; `ranges`, largest effect first, each with an outcome `at_low` and
        `at_high`; `favourable` and `adverse`, outcomes with every number at the end that is good,
        or bad, for what is kept.
    """
    study = Study(answer, Clock(limits, stop))
    ranges = answer.priced.target.ranges
    for item in ranges:
        for numbers in ends(item):
            study.reprice(numbers)
    together = {"favourable": _joint(study, min), "adverse": _joint(study, max)}
    for numbers in together.values():
        study.reprice(numbers)
    study.resolve_all()
    found = {numbers: _json(outcome) for numbers, outcome in study.outcomes.items()}
    listed = sorted(ranges, key=lambda item: max(map(study.effect, ends(item))), reverse=True)
    return {
        "typical": asdict(study.typical),
        "ranges": [
            asdict(item) | {"at_low": found[low], "at_high": found[high]}
            for item in listed
            for low, high in [ends(item)]
        ],
        **{name: found[numbers] for name, numbers in together.items()},
    }


def _joint(study: Study, pick: Callable[..., Numbers]) -> Numbers:
    """The end of every range that `pick` takes by what is kept there."""
    objective = study.answer.solution.objective

    def badness(numbers: Numbers) -> tuple[float, ...]:
        kept = study.outcomes[numbers].kept
        if kept is None:
            return (math.inf,)
        step = (kept.latency_ns, kept.energy_nj)
        value = float(objective.value(kept.latency_ns, kept.energy_nj * PJ_PER_NJ))
        return (value, *step, kept.program_ns, kept.program_nj)

    return TYPICAL.union(
        *(pick(ends(item), key=badness) for item in study.answer.priced.target.ranges)
    )


def _json(outcome: Outcome) -> Json:
    return {**asdict(outcome), "standing": outcome.standing.value}
