"""Objectives of a compilation: those of a step, and those of the whole training."""

from hptc.errors import UsageError
from hptc.partition.goal import Measure, Objective, parse_objective
from hptc.units import PJ_PER_NJ

TRAINING = "training"
CHOICES = f"{TRAINING}, {TRAINING}:energy or {TRAINING}:weighted:latency=A,energy=B"


def parse_goal(
    text: str,
    *,
    steps: int,
    latency_limit_ns: int | None = None,
    energy_limit_nj: float | None = None,
) -> tuple[Objective, bool]:
    """Return what `--objective` asks for, and whether of all steps and switches together.

    Args:
        text: An objective of a step, or `training` and one after a colon; alone, its time counts.
        steps: Of the whole training.
        latency_limit_ns: Of every step.
        energy_limit_nj: Of every step.

    Raises:
        UsageError: The name or a weight is unknown, a number is out of range, a training has no
            steps, or it is asked for what does not add up over its steps and switches.
    """
    name, _, of_step = text.partition(":")
    is_training = name == TRAINING
    goal = parse_objective(
        (of_step or Measure.LATENCY.value) if is_training else text,
        latency_limit_ns=latency_limit_ns,
        energy_limit_nj=energy_limit_nj,
    )
    if is_training:
        _check(text, goal, steps)
    return goal, is_training


def _check(text: str, goal: Objective, steps: int) -> None:
    where = f"--objective {text}"
    if not steps:
        wanted = "the steps of the phases, as --steps full=N,low=M"
        raise UsageError(where, expected=wanted, found="none")
    if goal.measure not in {Measure.LATENCY, Measure.ENERGY, Measure.WEIGHTED}:
        raise UsageError(where, expected=CHOICES, found="what does not add up over phases")
    if goal.energy_limit_pj is not None:
        raise UsageError(
            "--energy-limit",
            expected=f"none with {where}",
            found=f"{goal.energy_limit_pj / PJ_PER_NJ:g} nJ",
            hint="Weigh energy against time: training:weighted:latency=A,energy=B.",
        )
