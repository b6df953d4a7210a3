"""The two questions: what an answer is worth under other numbers, and what would replace it.

The first takes prices only and goes first. The solver shares the time that is left among the rest,
the largest effect first, each from what was kept.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from cost_models.load import at_numbers
from cost_models.price import price_device
from cost_models.work import count_work
from hptc.cost import CostTable
from hptc.errors import InfeasibleError, TargetError, TimeLimitError
from hptc.partition.check import energy_pj
from hptc.partition.harder import is_harder
from hptc.partition.instance import Instance
from hptc.partition.limits import Clock
from hptc.partition.prepare import prepare
from hptc.partition.problem import Assignment, Problem, Status
from hptc.partition.replay import replay
from hptc.partition.reruns import expanded
from hptc.partition.solve import solve
from hptc.schedule.again import with_reruns
from hptc.schedule.build import build_schedule
from hptc.schedule.pose import Posed, pose
from hptc.schedule.priced import Priced
from hptc.schedule.report import StepFigures, step_figures
from hptc.sensitivity.model import Answer, Numbers, Outcome, Standing
from hptc.target import Target

LEAST_SOLVE_S = 0.1
"""A solve with less time than this is not started."""
TYPICAL: Numbers = frozenset()
_STEP = ("latency_ns", "energy_nj")
_ENTRY = ("program_ns", "program_nj", "steps_to_failure", "programmings_to_failure")
_CANNOT_BE_KEPT = "a task cannot run where it was placed, or the crossbars do not suffice"


@dataclass(frozen=True, slots=True)
class _Case:
    """A problem under other numbers, and the answer carried over to it."""

    priced: Priced
    kept: Assignment | None


class Study:
    """What is known so far of one answer."""

    def __init__(self, answer: Answer, clock: Clock) -> None:
        self.answer = answer
        self.clock = clock
        self.typical = _figures(answer.priced, answer.solution.assignment)
        self._outcomes = {TYPICAL: Outcome(Standing.UNCHANGED, self.typical, self.typical, 0)}
        self._cases: dict[Numbers, _Case] = {}
        self._work = count_work(answer.priced.graph, answer.priced.tasks)
        self._used = _used(answer)

    @cached_property
    def _built(self) -> Instance:
        reruns = self.answer.solution.assignment.reruns
        return prepare(expanded(self.answer.priced.posed.problem, reruns))

    @property
    def outcomes(self) -> Mapping[Numbers, Outcome]:
        """What was found, by the numbers it holds for."""
        return self._outcomes

    def reprice(self, numbers: Numbers) -> None:
        """Work out what is kept under other numbers."""
        if numbers not in self._outcomes:
            self._outcomes[numbers] = self._repriced(numbers)

    def resolve_all(self) -> None:
        """Solve anew what was repriced, for as long as time is left."""
        standings = {numbers: outcome.standing for numbers, outcome in self._outcomes.items()}
        waiting = [numbers for numbers in standings if standings[numbers] is Standing.REPRICED]
        waiting.sort(key=self.effect, reverse=True)
        for position, numbers in enumerate(waiting):
            left_s = self.clock.left_s
            if left_s < LEAST_SOLVE_S or self.clock.is_over():
                return
            share_s = max(LEAST_SOLVE_S, left_s / (len(waiting) - position))
            self.clock.work.add(share_s)
            self._outcomes[numbers] = self._resolved(numbers, share_s)

    def effect(self, numbers: Numbers) -> tuple[float, float]:
        """Return the largest relative change of a step, then of programming and wear."""
        outcome, typical = self._outcomes[numbers], self.typical
        if outcome.why:
            return math.inf, math.inf
        told = [figures for figures in (outcome.kept, outcome.resolved) if figures is not None]
        return (
            max((_change(f, typical, _STEP) for f in told), default=0.0),
            max((_change(f, typical, _ENTRY) for f in told), default=0.0),
        )

    def _repriced(self, numbers: Numbers) -> Outcome:
        if not any(path.startswith(self._used) for path, _ in numbers):
            return Outcome(Standing.REPRICED, self.typical)
        if self.clock.is_over():
            return Outcome(Standing.SKIPPED)
        try:
            case = self._case(numbers)
        except (InfeasibleError, TargetError) as error:
            return Outcome(Standing.INFEASIBLE, why=str(error))
        if case.kept is None:
            return Outcome(Standing.REPRICED, why=_CANNOT_BE_KEPT)
        return Outcome(Standing.REPRICED, _figures(case.priced, case.kept))

    def _case(self, numbers: Numbers) -> _Case:
        """Pose the problem under other numbers, and carry the answer over to it."""
        if numbers in self._cases:
            return self._cases[numbers]
        answer = self.answer
        built = answer.priced
        target = at_numbers(built.target, dict(numbers))
        costs = self._costs(target)
        posed = pose(built.graph, built.tasks, costs, target, steps=answer.steps)
        kept: Assignment | None = answer.solution.assignment
        if posed.problem != built.posed.problem:
            kept = self._replayed(posed.problem)
        priced = replace(built, target=target, costs=costs, posed=posed)
        self._cases[numbers] = case = _Case(priced, kept)
        return case

    def _replayed(self, problem: Problem) -> Assignment | None:
        """Return what becomes of the answer, with its reruns, in another problem."""
        reruns = self.answer.solution.assignment.reruns
        found = prepare(expanded(problem, reruns))
        kept = replay(self._built, self.answer.solution.assignment, found)
        return None if kept is None else replace(kept, reruns=reruns)

    def _resolved(self, numbers: Numbers, time_s: float) -> Outcome:
        answer, outcome = self.answer, self._outcomes[numbers]
        try:
            case = self._case(numbers)
            problem = case.priced.posed.problem
            if problem == answer.priced.posed.problem:
                return replace(
                    outcome, standing=Standing.UNCHANGED, resolved=outcome.kept, ops_moved=0
                )
            if self._stays_optimal(case):
                return replace(
                    outcome, standing=Standing.OPTIMAL, resolved=outcome.kept, ops_moved=0
                )
            solution = solve(
                problem,
                objective=answer.solution.objective,
                limits=self.clock.limits.within(time_s),
                start=case.kept,
                stop=self.clock.stop,
            )
        except (InfeasibleError, TargetError) as error:
            return replace(outcome, standing=Standing.INFEASIBLE, why=str(error))
        except TimeLimitError:
            return outcome
        return replace(
            outcome,
            standing=Standing(solution.status.value),
            resolved=_figures(case.priced, solution.assignment),
            ops_moved=self._ops_moved(case.priced.posed, solution.assignment),
        )

    def _stays_optimal(self, case: _Case) -> bool:
        """Whether what is kept is as good as the optimum of a problem that is no harder."""
        solution, built = self.answer.solution, self.answer.priced.posed.problem
        if case.kept is None or solution.status is not Status.OPTIMAL:
            return False
        problem, objective = case.priced.posed.problem, solution.objective
        step = (case.kept.makespan_ns, energy_pj(problem, case.kept))
        if not objective.admits(*step) or objective.value(*step) > solution.lower_bound:
            return False
        return is_harder(problem, built)

    def _costs(self, target: Target) -> CostTable:
        """Price the devices that differ; the others are known."""
        built = self.answer.priced
        devices = zip(target.devices, built.target.devices, built.costs.devices, strict=True)
        return CostTable(
            tuple(
                known if spec == before else price_device(spec, self._work)
                for spec, before, known in devices
            )
        )

    def _ops_moved(self, posed: Posed, assignment: Assignment) -> int:
        answer = self.answer
        before = answer.priced.posed.chosen(answer.solution.assignment)
        rows = zip(answer.priced.tasks, before, posed.chosen(assignment), strict=True)
        return sum(len(task.ops) for task, was, now in rows if was.device != now.device)


def _figures(priced: Priced, assignment: Assignment) -> StepFigures:
    built, step = with_reruns(priced, assignment)
    schedule = build_schedule(built.graph, built.tasks, built.costs, built.posed, step)
    return step_figures(built.posed, step, schedule, built.costs)


def _used(answer: Answer) -> tuple[str, ...]:
    """Beginnings of the paths of numbers that the answer depends on."""
    posed, assignment = answer.priced.posed, answer.solution.assignment
    at = {posed.devices[mode.device] for mode in posed.chosen(assignment)}
    used = [f"devices.{name}." for name in at]
    for transfer in assignment.transfers:
        link = posed.problem.links[transfer.link]
        src, dst = posed.devices[link.src], posed.devices[link.dst]
        used += ["topology.", f"links.{src}-{dst}.", f"links.{dst}-{src}."]
    return tuple(dict.fromkeys(used))


def _change(figures: StepFigures, typical: StepFigures, names: Sequence[str]) -> float:
    """Largest relative change of some figures."""
    pairs = [(getattr(figures, name) or 0, getattr(typical, name) or 0) for name in names]
    return max(
        (abs(new / old - 1) if old else math.inf for new, old in pairs if new != old), default=0.0
    )
