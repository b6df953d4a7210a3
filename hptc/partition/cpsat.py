"""Running CP-SAT: limits, progress, interruption."""

import threading
from collections.abc import Callable
from dataclasses import dataclass

from ortools.sat.python import cp_model

from hptc.partition.limits import Clock

POLL_S = 0.02


@dataclass(frozen=True, slots=True)
class Run:
    """What came of one search: `solver` holds the values if `found`."""

    solver: cp_model.CpSolver
    found: bool
    is_proven: bool
    """The solution is optimal, or there is none."""
    was_interrupted: bool


class _Watch(cp_model.CpSolverSolutionCallback):
    """Remembers the last objective and bound."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: tuple[float, float] | None = None

    def on_solution_callback(self) -> None:
        self.seen = (self.objective_value, self.best_objective_bound)


def run(
    model: cp_model.CpModel,
    clock: Clock,
    time_s: float,
    *,
    workers: int = 1,
    effort: float | None = None,
    report: Callable[[float, float], None] | None = None,
) -> Run:
    """Solve `model` in a thread, so that the caller can stop it and Ctrl-C is seen at once.

    Args:
        model: with an objective or without.
        clock: says when the whole solve is over, and gives the seed.
        time_s: limit of this run in s.
        workers: threads; one is deterministic.
        effort: limit in CP-SAT's deterministic time.
        report: called in the calling thread with (objective, bound) at each solution.
    """
    solver = _configured(clock, time_s, workers, effort)
    watch, outcome = _Watch(), list[cp_model.CpSolverStatus]()
    finished = threading.Event()

    def search() -> None:
        try:
            outcome.append(solver.solve(model, watch))
        finally:
            finished.set()

    threading.Thread(target=search).start()
    interrupted = _attend(solver, clock, finished, watch, report)
    if not outcome:
        raise RuntimeError("CP-SAT ended without a status")
    status = outcome[0]
    return Run(
        solver,
        found=status in (cp_model.OPTIMAL, cp_model.FEASIBLE),
        is_proven=status in (cp_model.OPTIMAL, cp_model.INFEASIBLE),
        was_interrupted=interrupted,
    )


def _configured(
    clock: Clock, time_s: float, workers: int, effort: float | None
) -> cp_model.CpSolver:
    solver = cp_model.CpSolver()
    solver.parameters.max_time_in_seconds = max(0.01, min(time_s, clock.left_s))
    solver.parameters.num_workers = workers
    solver.parameters.random_seed = clock.limits.seed
    solver.parameters.relative_gap_limit = max(clock.limits.gap, 0.0)
    solver.parameters.catch_sigint_signal = False
    if effort is not None:
        solver.parameters.max_deterministic_time = effort
    return solver


def _attend(
    solver: cp_model.CpSolver,
    clock: Clock,
    finished: threading.Event,
    watch: _Watch,
    report: Callable[[float, float], None] | None,
) -> bool:
    """Wait for a search, pass on its solutions, stop it in time; return whether Ctrl-C came.

    An event is waited for, not the thread: Python 3.11 takes a join that Ctrl-C interrupts for the
    end of the thread.
    """
    interrupted, told = False, None
    try:
        while not finished.is_set():
            try:
                finished.wait(POLL_S)
                if report is not None and watch.seen not in (None, told):
                    told = watch.seen
                    report(*told)
            except KeyboardInterrupt:
                interrupted = True
            if interrupted or clock.is_over():
                solver.stop_search()
    finally:
        solver.stop_search()
        finished.wait()
    return interrupted
