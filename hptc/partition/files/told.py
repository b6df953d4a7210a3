"""What an answer tells of itself, held against what it is."""

import math
from dataclasses import dataclass
from typing import Any

from hptc.errors import UsageError
from hptc.partition.check import energy_pj
from hptc.partition.check_busy import broken
from hptc.partition.files.figures import UNITS
from hptc.partition.files.json_reader import Reader
from hptc.partition.goal import Measure, Objective, parse_objective
from hptc.partition.problem import Assignment, Problem, Status, relative_gap
from hptc.units import PJ_PER_NJ

CLOSE = 1e-9
"""Relative width within which a figure is right: others may add up energies in another order."""

LARGEST = 1e300
"""Figures beyond it are nonsense, and no float."""


def check_told(
    reader: Reader,
    top: dict[str, Any],
    problem: Problem,
    found: Assignment,
    period_ns: int | None = None,
) -> None:
    """Check all that an answer tells of its time, energy and objective; it need not tell any.

    Args:
        reader: Of the answer.
        top: The answer as it was read.
        problem: What it answers.
        found: Its assignment, which keeps every rule.
        period_ns: From step to step, of an answer whose steps overlap.

    Raises:
        ProblemError: a figure is no number, or the objective has no such name.
        VerifyError: a figure is wrong, a bound above what it bounds, or a limit exceeded.
    """
    told = Told(reader, top)
    makespan_ns, energy = found.makespan_ns, energy_pj(problem, found, period_ns)
    told.check_equal("makespan_ns", makespan_ns)
    told.check_equal("energy_nj", energy / PJ_PER_NJ)
    told.check_limit("latency_limit_ns", makespan_ns)
    told.check_limit("energy_limit_nj", energy / PJ_PER_NJ)
    told.check_bound("lower_bound_ns", "makespan", makespan_ns)
    if period_ns is None:
        told.check_gap("gap", makespan_ns, "lower_bound_ns")
    else:
        told.check_bound("period_bound_ns", "period", period_ns)
        told.check_gap("gap", period_ns, "period_bound_ns")
    _check_objective(told, makespan_ns if period_ns is None else period_ns, energy)


def _check_objective(told: "Told", time_ns: int, energy_pj: float) -> None:
    objective, is_optimal = told.objective(), told.is_optimal()
    if objective is None:
        return
    value = float(objective.value(time_ns, energy_pj)) / UNITS[objective.measure][1]
    told.check_equal("objective_value", value)
    told.check_bound("objective_bound", "objective", value)
    told.check_gap("objective_gap", value, "objective_bound")
    bound = told.number("objective_bound")
    is_exact = objective.measure in (Measure.LATENCY, Measure.PERIOD)
    if is_optimal and is_exact and bound is not None and not _is_same(bound, value):
        raise broken("an optimal answer meets its bound", value, bound)


@dataclass(frozen=True, slots=True)
class Told:
    """The figures of an answer; one that it leaves out or calls null is not checked."""

    reader: Reader
    top: dict[str, Any]

    def number(self, key: str) -> float | None:
        """Return a figure, None where the answer has none."""
        raw: Any = self.top.get(key)
        if raw is None:
            return None
        is_number = isinstance(raw, int | float) and not isinstance(raw, bool)
        if not is_number or not -LARGEST <= raw <= LARGEST:
            raise self.reader.malformed(key, "a number", repr(raw))
        return raw  # type: ignore[no-any-return]

    def objective(self) -> Objective | None:
        """Return what was minimised, without its limits; None where the answer does not tell."""
        raw = self.top.get("objective")
        if raw is None:
            return None
        try:
            return parse_objective(self.reader.text("objective", raw))
        except UsageError as error:
            raise self.reader.malformed("objective", error.expected, error.found) from None

    def is_optimal(self) -> bool:
        """Return whether the answer calls itself optimal."""
        known = [status.value for status in Status]
        status = self.top.get("status", Status.FEASIBLE.value)
        if status not in known:
            raise self.reader.malformed("status", " or ".join(known), repr(status))
        return bool(status == Status.OPTIMAL.value)

    def check_equal(self, key: str, value: float) -> None:
        """Check a figure."""
        figure = self.number(key)
        if figure is not None and not _is_same(figure, value):
            raise broken(f"{key} is that of the assignment", value, figure)

    def check_limit(self, key: str, value: float) -> None:
        """Check that a limit is kept."""
        limit = self.number(key)
        if limit is not None and value > limit and not _is_same(limit, value):
            raise broken(f"{key} is kept", f"at most {limit}", value)

    def check_bound(self, key: str, of: str, value: float) -> None:
        """Check that a bound is not above what it bounds."""
        bound = self.number(key)
        if bound is not None and bound > value and not _is_same(bound, value):
            raise broken(f"no bound above the {of}", value, bound)

    def check_gap(self, key: str, value: float, bound_key: str) -> None:
        """Check the distance of a value from its bound."""
        gap, bound = self.number(key), self.number(bound_key)
        if gap is None or bound is None:
            return
        right = relative_gap(value, bound)
        if not _is_same(1 + gap, 1 + right):
            raise broken(f"{key} is that of the value from its bound", right, gap)


def _is_same(figure: float, value: float) -> bool:
    """Return whether a figure is right, an integer to the last digit."""
    return figure == value if isinstance(value, int) else math.isclose(figure, value, rel_tol=CLOSE)
