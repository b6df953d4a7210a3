"""Linear programs in integers, solved in floating point and bounded in exact arithmetic."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from ortools.math_opt import model_pb2
from ortools.math_opt.python import mathopt

from hptc.partition.limits import LEAST_S, Clock

ENTRIES, ENTRIES_S, GROWTH = 190_000, 13.0, 1.75
"""A program of so many entries takes so many s (measured), others by this power of their number."""
TAKE_IN_S = 4e-6
"""Time in s of handing HiGHS a program, per entry (measured)."""
DUAL_BITS = 40
"""Dual values are rounded to multiples of 2^-40."""


@dataclass(slots=True)
class Rows:
    """A linear program: minimise the cost under the rows.

    Variables lie in [0, upper]. Times (in ns) are scaled for the solver, never for the bound.
    """

    upper: list[int] = field(default_factory=list)
    cost: list[int] = field(default_factory=list)
    terms: list[dict[int, int]] = field(default_factory=list)
    low: list[int] = field(default_factory=list)
    """Right-hand sides: a row is `sum >= low`, or `sum == low`."""
    is_equal: list[bool] = field(default_factory=list)
    time_variables: set[int] = field(default_factory=set)
    time_rows: set[int] = field(default_factory=set)
    pieces: int = 1
    """Parts of about the same size that little connects."""

    def variable(self, upper: int, *, is_time: bool = False) -> int:
        """Add a variable and return its position."""
        self.upper.append(upper)
        self.cost.append(0)
        if is_time:
            self.time_variables.add(len(self.upper) - 1)
        return len(self.upper) - 1

    def add(
        self, terms: dict[int, int], low: int, *, is_equal: bool = False, is_time: bool = False
    ) -> None:
        """Add a row; a time row holds times with plain factors and shares with times as factor."""
        if is_time:
            self.time_rows.add(len(self.terms))
        self.terms.append(terms)
        self.low.append(low)
        self.is_equal.append(is_equal)

    @property
    def entries(self) -> int:
        """Number of factors."""
        return sum(map(len, self.terms))

    @property
    def take_in_s(self) -> float:
        """About how long the solver needs in s before it begins."""
        return TAKE_IN_S * self.entries

    @property
    def work_s(self) -> float:
        """About how long solving takes in s."""
        return work_s(self.entries, self.pieces)


def work_s(entries: int, pieces: int = 1) -> float:
    """Return about how long a program takes in s, given its factors and its pieces."""
    return float(pieces * ENTRIES_S * (entries / pieces / ENTRIES) ** GROWTH)


@dataclass(frozen=True, slots=True)
class Optimum:
    """A floating-point solution (times as shares of the scale) and the bound it proves."""

    values: Sequence[float]
    bound: int
    scale: int
    """ns"""


class Solving:
    """A linear program that HiGHS solves in a thread of its own.

    HiGHS cannot be cancelled, only limited in time (None: not at all). The thread is no daemon:
    ending the process waits for it, since killing a thread inside HiGHS aborts the interpreter.
    """

    def __init__(self, rows: Rows, time_s: float | None) -> None:
        self._rows = rows
        self._scale = max((rows.upper[v] for v in rows.time_variables), default=0) or 1
        self._unit = _cost_unit(rows, self._scale)
        self._found: list[mathopt.SolveResult] = []
        model = mathopt.Model.from_model_proto(_proto(rows, self._scale, self._unit))
        limit = None if time_s is None else timedelta(seconds=max(time_s, LEAST_S))
        parameters = mathopt.SolveParameters(time_limit=limit)
        self._finished = threading.Event()
        threading.Thread(target=self._run, args=(model, parameters)).start()

    def _run(self, model: mathopt.Model, parameters: mathopt.SolveParameters) -> None:
        try:
            self._found.append(mathopt.solve(model, mathopt.SolverType.HIGHS, params=parameters))
        finally:
            self._finished.set()

    @property
    def is_running(self) -> bool:
        """Whether the result is still to come."""
        return not self._finished.is_set()

    def wait(self, time_s: float = threading.TIMEOUT_MAX) -> None:
        """Wait for the end, at most `time_s` s; a Ctrl-C interrupts it."""
        self._finished.wait(max(time_s, 0.0))

    def optimum(self) -> Optimum | None:
        """Return the result; None if the limit came first or while still running."""
        if self.is_running or not self._found:
            return None
        result, rows = self._found[0], self._rows
        if not (result.has_primal_feasible_solution() and result.has_dual_feasible_solution()):
            return None
        duals = [0.0] * len(rows.low)
        for constraint, dual in result.dual_values().items():
            is_time = constraint.id in rows.time_rows
            duals[constraint.id] = dual * self._unit / (self._scale if is_time else 1)
        values = [0.0] * len(rows.upper)
        for variable, value in result.variable_values().items():
            values[variable.id] = value
        return Optimum(values, dual_bound(rows, duals), self._scale)


def solved(rows: Rows, clock: Clock) -> Optimum | None:
    """Solve a program in what time is left, and charge its work."""
    clock.work.add(rows.work_s)
    if clock.is_over():
        return None
    solving = Solving(rows, None if clock.counts_work else clock.left_s)
    solving.wait()
    return solving.optimum()


def _cost_unit(rows: Rows, scale: int) -> float:
    """Return what to divide the scaled costs by, to bring the largest to 1."""
    times = rows.time_variables
    return float(max(c * scale if v in times else c for v, c in enumerate(rows.cost))) or 1.0


def _proto(rows: Rows, scale: int, unit: float) -> model_pb2.ModelProto:
    """Return the program in floating point, times divided by `scale` and costs by `unit`."""
    proto = model_pb2.ModelProto()
    count, times = len(rows.upper), rows.time_variables
    proto.variables.ids.extend(range(count))
    proto.variables.lower_bounds.extend([0.0] * count)
    proto.variables.upper_bounds.extend(
        upper / scale if v in times else float(upper) for v, upper in enumerate(rows.upper)
    )
    proto.variables.integers.extend([False] * count)
    for variable, cost in enumerate(rows.cost):
        if cost:
            proto.objective.linear_coefficients.ids.append(variable)
            scaled = cost * scale if variable in times else cost
            proto.objective.linear_coefficients.values.append(scaled / unit)
    lows = [
        low / scale if row in rows.time_rows else float(low) for row, low in enumerate(rows.low)
    ]
    ends = [low if equal else float("inf") for low, equal in zip(lows, rows.is_equal, strict=True)]
    proto.linear_constraints.ids.extend(range(len(rows.low)))
    proto.linear_constraints.lower_bounds.extend(lows)
    proto.linear_constraints.upper_bounds.extend(ends)
    matrix = proto.linear_constraint_matrix
    for row, terms in enumerate(rows.terms):
        is_time = row in rows.time_rows
        for variable in sorted(v for v, factor in terms.items() if factor):
            factor = terms[variable]
            matrix.row_ids.append(row)
            matrix.column_ids.append(variable)
            matrix.coefficients.append(
                factor / scale if is_time and variable not in times else float(factor)
            )
    return proto


def dual_bound(rows: Rows, duals: Sequence[float]) -> int:
    """Return the bound that any multipliers of the rows prove, in integers.

    By weak duality, for y >= 0 on the inequalities, the optimum is at least
    `low y + sum over variables of min(0, c - y A) upper`, whatever y is. The multipliers are
    rounded to multiples of 2^-40 and the rest is exact; an integer optimum may then be rounded up.
    A poor y only weakens the bound.
    """
    one = 1 << DUAL_BITS
    reduced = [cost * one for cost in rows.cost]
    total = 0
    for terms, low, is_equal, dual in zip(rows.terms, rows.low, rows.is_equal, duals, strict=True):
        weight = round(dual * one)
        if weight < 0 and not is_equal:
            weight = 0
        if weight:
            total += low * weight
            for variable, factor in terms.items():
                reduced[variable] -= factor * weight
    total += sum(cost * upper for cost, upper in zip(reduced, rows.upper, strict=True) if cost < 0)
    return -(-total // one)
