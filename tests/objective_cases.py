"""Objectives drawn at random, what they come to by brute force, and a problem for them."""

import math
from dataclasses import replace

from hypothesis import strategies as st

from hptc.partition.goal import Measure, Objective
from hptc.partition.problem import Mode, Problem
from tests.partition_cases import brute_steps

NEAR = 1e-6
"""Relative tolerance of what is no whole number."""


@st.composite
def objectives(draw: st.DrawFn) -> Objective:
    """Draw an objective whose limits may rule everything out."""
    weights = st.sampled_from([0.25, 1.0, 3.0])
    return Objective(
        draw(st.sampled_from([m for m in Measure if m is not Measure.PERIOD])),
        draw(weights),
        draw(weights),
        draw(st.none() | st.integers(1, 30)),
        draw(st.none() | st.integers(1, 250)),
    )


def least(problem: Problem, objective: Objective) -> float:
    kept = [step for step in brute_steps(problem) if objective.admits(*step)]
    return min((float(objective.value(*step)) for step in kept), default=math.inf)


def without_need_of_the_gpu(problem: Problem) -> Problem:
    tasks = [
        replace(task, modes=(*task.modes, Mode(1, 4 * task.modes[0].duration_ns, 10**5)))
        if len(task.modes) == 1
        else task
        for task in problem.tasks
    ]
    return replace(problem, tasks=tuple(tasks))
