"""The whole training of a program: its phases placed for it, and what it takes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from hptc.ir.graph import Phase
from hptc.options import Options
from hptc.partition.problem import Solution, Status
from hptc.partition.training.outcome import Answer, outcome
from hptc.partition.training.solve import solve_training
from hptc.phases import Hooks, PlacedPhase, limits_of
from hptc.schedule.model import Transition
from hptc.schedule.pose_training import pose_training
from hptc.schedule.report import Json
from hptc.schedule.training import objective_report, training_report


@dataclass(frozen=True)
class PlacedTraining:
    """The phases of a training, and its report."""

    phases: Mapping[Phase, PlacedPhase]
    report: Json | None
    """None where nothing is said of its steps."""


def place_training(
    phases: Mapping[Phase, PlacedPhase],
    crossings: Sequence[Transition],
    options: Options,
    hooks: Hooks,
    time_s: float,
) -> PlacedTraining:
    """Price a training and, if that is the objective, place its phases again for it.

    Args:
        phases: As placed for themselves.
        crossings: How state crosses between them.
        options: Of the compilation, with the steps.
        hooks: Where to look in meanwhile.
        time_s: For all of it, in s.
    """
    posed = pose_training(
        {phase: found.placed.priced for phase, found in phases.items()}, crossings, options.steps
    )
    if not posed.phases:
        return PlacedTraining(phases, None)
    starts = [phases[phase].placed.solution for phase in posed.phases]
    if not options.is_training:
        pairs = zip(posed.training.stages, starts, strict=True)
        answers = [Answer.of(stage, start.assignment) for stage, start in pairs]
        return PlacedTraining(phases, training_report(posed, outcome(posed.training, answers)))
    found = solve_training(
        posed.training,
        options.objective,
        starts,
        limits=limits_of(options, time_s, len(options.phases)),
        progress=hooks.together,
        stop=hooks.stop,
    )
    placed = dict(phases)
    for phase, answer in zip(posed.phases, found.best.answers, strict=True):
        placed[phase] = _with(phases[phase], answer)
    report = training_report(posed, found.best) | objective_report(options.objective, found)
    return PlacedTraining(placed, report | {"bound_holds_for": options.bound_holds_for})


def _with(found: PlacedPhase, answer: Answer) -> PlacedPhase:
    """Return a phase with another answer; what is proven of its step stays true."""
    solution = found.placed.solution
    if answer.assignment == solution.assignment:
        return found
    value = float(solution.objective.value(answer.assignment.makespan_ns, answer.step_pj))
    changed = replace(
        solution, assignment=answer.assignment, value=value, status=_status(solution, value)
    )
    return replace(found, placed=replace(found.placed, solution=changed))


def _status(solution: Solution, value: float) -> Status:
    return solution.status if value <= solution.value else Status.FEASIBLE
