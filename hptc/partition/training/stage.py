"""Problems that one stage of a training poses where the switches count.

What is done once at a switch enters the problem of a step as energy, a part for each step.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction

from hptc.partition.goal import Measure, Objective
from hptc.partition.problem import Assignment, Mode, Placement, Problem
from hptc.partition.training.prices import Extra
from hptc.partition.training.problem import Stage
from hptc.units import PJ_PER_NJ


@dataclass(frozen=True, slots=True)
class Posing:
    """A problem to solve for a stage, and how its answers become answers of the stage."""

    problem: Problem
    objective: Objective
    modes: tuple[tuple[int, ...], ...]
    """Of each task, the modes of the stage that are left."""

    def widened(self, assignment: Assignment) -> Assignment:
        """Return an answer as one of the whole problem of the stage."""
        placements = tuple(
            replace(placed, mode=modes[placed.mode]) for placed, modes in self._rows(assignment)
        )
        return replace(assignment, placements=placements)

    def narrowed(self, assignment: Assignment) -> Assignment | None:
        """Return an answer of the stage as one of this problem, None if it uses other modes."""
        rows = list(self._rows(assignment))
        if any(placed.mode not in modes for placed, modes in rows):
            return None
        placements = tuple(replace(p, mode=modes.index(p.mode)) for p, modes in rows)
        return replace(assignment, placements=placements)

    def _rows(self, assignment: Assignment) -> Iterator[tuple[Placement, tuple[int, ...]]]:
        """Yield every run with the modes that are left of its task."""
        again = (self.modes[rerun.task] for rerun in assignment.reruns)
        return zip(assignment.placements, (*self.modes, *again), strict=True)


def confined(stage: Stage, goal: Objective, allowed: Collection[int]) -> Posing | None:
    """Pose a stage with no matrices but `allowed`; None where a task then has no mode."""
    rows = tuple(
        tuple(i for i, m in enumerate(task.modes) if m.matrix is None or m.matrix in allowed)
        for task in stage.problem.tasks
    )
    if not all(rows):
        return None
    tasks = tuple(
        replace(task, modes=tuple(task.modes[mode] for mode in row))
        for task, row in zip(stage.problem.tasks, rows, strict=True)
    )
    return Posing(replace(stage.problem, tasks=tasks), goal, rows)


def amortised(stage: Stage, goal: Objective, extra: Extra) -> Posing:
    """Pose a stage whose modes take part of the switches, rounded down to pJ of a step.

    Where only time counts, it is worth 1 ns per nJ, and nothing else takes energy.
    """
    problem, objective, pj = stage.problem, goal, Fraction(1)
    if goal.measure is Measure.LATENCY:
        problem = _timed(problem)
        objective = Objective(Measure.WEIGHTED, latency_limit_ns=goal.latency_limit_ns)
    if objective.measure is Measure.WEIGHTED:
        pj = Fraction(PJ_PER_NJ) / Fraction(objective.energy_weight)

    def charged(task: int, index: int, mode: Mode) -> Mode:
        part = pj * extra.get((task, index), Fraction(0)) / stage.steps
        return replace(mode, energy_pj=mode.energy_pj + int(part))

    tasks = tuple(
        replace(task, modes=tuple(charged(t, i, mode) for i, mode in enumerate(task.modes)))
        for t, task in enumerate(problem.tasks)
    )
    every = tuple(tuple(range(len(task.modes))) for task in tasks)
    return Posing(replace(problem, tasks=tasks), objective, every)


def _timed(problem: Problem) -> Problem:
    """Return the problem without energies."""
    tasks = tuple(
        replace(task, modes=tuple(replace(mode, energy_pj=0) for mode in task.modes))
        for task in problem.tasks
    )
    devices = tuple(replace(device, static_power_pj_per_ns=0.0) for device in problem.devices)
    links = tuple(replace(link, energy_pj_per_byte=0.0) for link in problem.links)
    values = tuple(
        replace(value, writes=tuple(replace(write, energy_pj=0) for write in value.writes))
        for value in problem.values
    )
    return replace(problem, tasks=tasks, devices=devices, links=links, values=values)
