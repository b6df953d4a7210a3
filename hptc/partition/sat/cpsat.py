"""Running CP-SAT: limits, progress, interruption."""

import threading
from collections.abc import Callable
from dataclasses import dataclass

from ortools.sat.python import cp_model

from hptc.partition.limits import LEAST_S, Clock

POLL_S = 0.02
EFFORT_PER_S = 0.25
"""CP-SAT's deterministic time per s of wall time (measured on windows)."""
MODEL_S = 2e-5
"""Work in s of taking in a model, per constraint."""


@dataclass(frozen=True, slots=True)
class Run:
    """What came of one search: `solver` holds the values if `found`."""

    solver: cp_model.CpSolver
    found: bool
    is_proven: bool
    """The solution is optimal, or there is none."""
    was_interrupted: bool

    @property
    def bound(self) -> int:
        """What is proven of the objective, in its own integers: a float of it may lie above."""
        return int(self.solver.response_proto.inner_objective_lower_bound)


class _Watch(cp_model.CpSolverSolutionCallback):
    """Remembers the last objective and bound."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: tuple[float, float] | None = None

    def on_solution_callback(self) -> None:
        self.seen = (self.objective_value, self.best_objective_bound)


def run(  # noqa: PLR0913  (one argument per limit and wish)
    model: cp_model.CpModel,
    clock: Clock,
    time_s: float,
    *,
    workers: int = 1,
    work_s: float | None = None,
    report: Callable[[float, float], None] | None = None,
    is_linear: bool = False,
) -> Run:
    """Solve `model` and wait for what comes of it; the arguments are those of `Running`."""
    running = Running(model, clock, time_s, workers=workers, work_s=work_s, is_linear=is_linear)
    return running.wait(report)


class Running:
    """A search in a thread of its own, so that the caller can stop it and Ctrl-C is seen at once.

    Args:
        model: with an objective or without.
        clock: says when the whole solve is over, and gives the seed.
        time_s: limit of this run in s.
        workers: threads; one is deterministic.
        work_s: limit in s as it would take on an idle machine: by CP-SAT's deterministic time.
        is_linear: relax every constraint to a linear program; pays where loads decide.
        climbs: raise the bound step by step in place of looking for solutions.
        is_brief: it ends so soon that little of what prepares the search pays.
    """

    def __init__(  # noqa: PLR0913  (one argument per thing that a caller may set)
        self,
        model: cp_model.CpModel,
        clock: Clock,
        time_s: float,
        *,
        workers: int = 1,
        work_s: float | None = None,
        is_linear: bool = False,
        climbs: bool = False,
        is_brief: bool = False,
    ) -> None:
        self._model, self._clock = model, clock
        self._solver = _configured(clock, time_s, workers, work_s)
        if is_brief:
            _shorten(self._solver)
        if is_linear:
            self._solver.parameters.linearization_level = 2
        self._solver.parameters.optimize_with_lb_tree_search = climbs
        self._watch, self._outcome = _Watch(), list[cp_model.CpSolverStatus]()
        self._finished = threading.Event()
        threading.Thread(target=self._search).start()

    def _search(self) -> None:
        try:
            self._outcome.append(self._solver.solve(self._model, self._watch))
        finally:
            self._finished.set()

    @property
    def is_running(self) -> bool:
        """Whether the end is still to come."""
        return not self._finished.is_set()

    def stop(self) -> None:
        """Ask the search to end soon."""
        self._solver.stop_search()

    def wait(self, report: Callable[[float, float], None] | None = None) -> Run:
        """Wait for the end; `report` is called here with (objective, bound) at each solution."""
        interrupted = self._attend(report)
        if not self._outcome:
            raise RuntimeError("CP-SAT ended without a status")
        status = self._outcome[0]
        work = self._clock.work
        work.add(self._solver.response_proto.deterministic_time / EFFORT_PER_S)
        work.add(MODEL_S * len(self._model.proto.constraints))
        return Run(
            self._solver,
            found=status in (cp_model.OPTIMAL, cp_model.FEASIBLE),
            is_proven=status in (cp_model.OPTIMAL, cp_model.INFEASIBLE),
            was_interrupted=interrupted,
        )

    def _attend(self, report: Callable[[float, float], None] | None) -> bool:
        """Pass on solutions, stop the search in time; return whether Ctrl-C came.

        An event is waited for, not the thread: Python 3.11 takes a join that Ctrl-C interrupts for
        the end of the thread. Limited work is not looked at: what runs beside may charge its own
        sooner or later, while this search keeps to its limit.
        """
        clock, interrupted, told = self._clock, False, None
        is_over = clock.is_called_off if clock.counts_work else clock.is_over
        try:
            while not self._finished.is_set():
                try:
                    self._finished.wait(POLL_S)
                    if report is not None and self._watch.seen not in (None, told):
                        told = self._watch.seen
                        report(*told)
                except KeyboardInterrupt:
                    interrupted = True
                if interrupted or is_over():
                    self.stop()
        finally:
            self.stop()
            self._finished.wait()
        return interrupted


def _configured(
    clock: Clock, time_s: float, workers: int, work_s: float | None
) -> cp_model.CpSolver:
    """Return a solver with its limits; where work is limited, its workers take turns."""
    solver = cp_model.CpSolver()
    longest_s = max(LEAST_S, min(time_s, clock.left_s))
    if clock.counts_work:
        work_s = longest_s if work_s is None else min(work_s, longest_s)
        solver.parameters.interleave_search = workers > 1
    else:
        solver.parameters.max_time_in_seconds = longest_s
    solver.parameters.num_workers = workers
    solver.parameters.random_seed = clock.limits.seed
    solver.parameters.relative_gap_limit = max(clock.limits.gap, 0.0)
    solver.parameters.catch_sigint_signal = False
    if work_s is not None:
        solver.parameters.max_deterministic_time = EFFORT_PER_S * work_s
    return solver


def _shorten(solver: cp_model.CpSolver) -> None:
    """Leave out the relaxation, symmetries, probing and what presolve repeats.

    Most of the time of small windows goes into what comes before their search.
    """
    solver.parameters.linearization_level = 0
    solver.parameters.symmetry_level = 0
    solver.parameters.cp_model_probing_level = 0
    solver.parameters.max_presolve_iterations = 1
    solver.parameters.cp_model_use_sat_presolve = False
    solver.parameters.find_big_linear_overlap = False
    solver.parameters.inprocessing_dtime_ratio = 0.0
