"""What leaves a search: an answer that was checked, and what is proven of it."""

from fractions import Fraction

from hptc.partition.check import check, check_limits
from hptc.partition.goal import Measure, Objective
from hptc.partition.problem import Assignment, Problem, Solution, Status

TOLERANCE = 1e-6
"""Relative width within which two values that hold energies count as equal: powers and energies per
byte enter models rounded to 1/1000 pJ."""
NEARLY = 1 - Fraction(TOLERANCE) / 2
"""To which share of the best value nothing less needs to be looked for."""


def is_met(objective: Objective, value: float, bound: float, gap: float = 0.0) -> bool:
    """Return whether a value is within a relative gap of its bound, as far as units are fine."""
    exact = objective.measure is Measure.LATENCY
    return value - bound <= max(gap, 0.0 if exact else TOLERANCE) * bound


def checked(  # noqa: PLR0913  (what a solution holds)
    problem: Problem,
    assignment: Assignment,
    objective: Objective,
    *,
    value: float,
    bound: float,
    bound_ns: int,
    wall_s: float,
    is_optimal: bool = False,
) -> Solution:
    """Return the answer with its bounds, which it meets where it is better than they are.

    Args:
        problem: What it answers.
        assignment: The answer.
        objective: What was minimised, and the limits.
        value: Of the objective.
        bound: On that value.
        bound_ns: On the makespan.
        wall_s: Time taken.
        is_optimal: Whether that is proven otherwise.

    Raises:
        VerifyError: It breaks a rule of the problem, or a limit.
    """
    check(problem, assignment)
    check_limits(problem, assignment, objective)
    bound = min(bound, value)
    proven = is_optimal or is_met(objective, value, bound)
    return Solution(
        assignment=assignment,
        objective=objective,
        value=value,
        lower_bound=bound,
        lower_bound_ns=min(bound_ns, assignment.makespan_ns),
        status=Status.OPTIMAL if proven else Status.FEASIBLE,
        wall_s=wall_s,
    )
