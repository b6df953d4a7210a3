"""Linear programs in integers, solved in floating point and bounded in exact arithmetic."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from ortools.linear_solver import linear_solver_pb2, pywraplp

DUAL_BITS = 40
"""Dual values are rounded to multiples of 2^-40."""


@dataclass(slots=True)
class Rows:
    """A linear program: minimise the first variable under the rows.

    Variables lie in [0, upper]. Times (in ns) are scaled for the solver, never for the bound.
    """

    upper: list[int] = field(default_factory=list)
    terms: list[dict[int, int]] = field(default_factory=list)
    low: list[int] = field(default_factory=list)
    """Right-hand sides: a row is `sum >= low`, or `sum == low`."""
    is_equal: list[bool] = field(default_factory=list)
    time_variables: set[int] = field(default_factory=set)
    time_rows: set[int] = field(default_factory=set)

    def variable(self, upper: int, *, is_time: bool = False) -> int:
        """Add a variable and return its position."""
        self.upper.append(upper)
        if is_time:
            self.time_variables.add(len(self.upper) - 1)
        return len(self.upper) - 1

    def add(
        self, terms: dict[int, int], low: int, *, is_equal: bool = False, is_time: bool = False
    ) -> None:
        """Add a row; a time row holds times with coefficient 1 and shares with times as factor."""
        if is_time:
            self.time_rows.add(len(self.terms))
        self.terms.append(terms)
        self.low.append(low)
        self.is_equal.append(is_equal)


@dataclass(frozen=True, slots=True)
class Optimum:
    """A floating-point solution (times as shares of the scale) and the bound it proves."""

    values: Sequence[float]
    bound: int


def solve_lp(rows: Rows, time_s: float) -> Optimum | None:
    """Solve with GLOP; None if the time did not suffice."""
    scale = max((rows.upper[v] for v in rows.time_variables), default=0) or 1
    request = linear_solver_pb2.MPModelRequest()
    request.solver_type = linear_solver_pb2.MPModelRequest.GLOP_LINEAR_PROGRAMMING
    request.solver_time_limit_seconds = max(time_s, 0.01)
    _fill(request.model, rows, scale)
    response = linear_solver_pb2.MPSolutionResponse()
    pywraplp.Solver.SolveWithProto(request, response)
    if response.status != linear_solver_pb2.MPSOLVER_OPTIMAL:
        return None
    duals = [
        dual if row in rows.time_rows else dual * scale
        for row, dual in enumerate(response.dual_value)
    ]
    return Optimum(tuple(response.variable_value), dual_bound(rows, duals))


def _fill(model: linear_solver_pb2.MPModelProto, rows: Rows, scale: int) -> None:
    for position, upper in enumerate(rows.upper):
        variable = model.variable.add()
        variable.lower_bound = 0.0
        variable.upper_bound = upper / scale if position in rows.time_variables else upper
        variable.objective_coefficient = 1.0 if position == 0 else 0.0
    for row, terms in enumerate(rows.terms):
        constraint = model.constraint.add()
        constraint.var_index.extend(terms)
        is_time = row in rows.time_rows
        constraint.coefficient.extend(
            factor / scale if is_time and variable not in rows.time_variables else factor
            for variable, factor in terms.items()
        )
        constraint.lower_bound = rows.low[row]
        constraint.upper_bound = rows.low[row] if rows.is_equal[row] else float("inf")


def dual_bound(rows: Rows, duals: Sequence[float]) -> int:
    """Return the bound that any multipliers of the rows prove, in integers.

    By weak duality, for y >= 0 on the inequalities, the optimum is at least
    `low y + sum over variables of min(0, c - y A) upper`, whatever y is. The multipliers are
    rounded to multiples of 2^-40 and the rest is exact; the optimum of an integer makespan may
    then be rounded up. A poor y only weakens the bound.
    """
    one = 1 << DUAL_BITS
    reduced = [0] * len(rows.upper)
    reduced[0] = one
    total = 0
    for terms, low, is_equal, dual in zip(
        rows.terms, rows.low, rows.is_equal, duals, strict=True
    ):
        weight = round(dual * one)
        if weight < 0 and not is_equal:
            weight = 0
        if weight:
            total += low * weight
            for variable, factor in terms.items():
                reduced[variable] -= factor * weight
    total += sum(cost * upper for cost, upper in zip(reduced, rows.upper, strict=True) if cost < 0)
    return -(-total // one)
