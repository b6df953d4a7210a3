"""Problems that one stage of a training poses where the switches count.

What is done once at a switch enters the problem of a step as energy, a part for each step.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from hptc.partition.goal import Measure, Objective
from hptc.partition.problem import Assignment, Mode, Problem
from hptc.partition.training import (
    Charge,
    Choice,
    Stage,
    Training,
    cheapest_move,
    moves_of,
    programming_of,
    switches,
    used_matrices,
)
from hptc.units import PJ_PER_NJ

Extra = Mapping[tuple[int, int], Fraction]
"""Task and mode to what it adds to the training, in the unit of the objective."""


@dataclass(frozen=True, slots=True)
class Posing:
    """A problem to solve for a stage, and how its answers become answers of the stage."""

    problem: Problem
    objective: Objective
    modes: tuple[tuple[int, ...], ...]
    """Of each task, the modes of the stage that are left."""

    def widened(self, assignment: Assignment) -> Assignment:
        """Return an answer as one of the whole problem of the stage."""
        rows = zip(assignment.placements, self.modes, strict=True)
        placements = tuple(replace(placed, mode=modes[placed.mode]) for placed, modes in rows)
        return replace(assignment, placements=placements)

    def narrowed(self, assignment: Assignment) -> Assignment | None:
        """Return an answer of the stage as one of this problem, None if it uses other modes."""
        rows = list(zip(assignment.placements, self.modes, strict=True))
        if any(placed.mode not in modes for placed, modes in rows):
            return None
        placements = tuple(replace(p, mode=modes.index(p.mode)) for p, modes in rows)
        return replace(assignment, placements=placements)


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
    is_time = goal.measure is Measure.LATENCY
    problem, objective = (
        (_timed(stage.problem), _timed_goal(goal))
        if is_time
        else (
            stage.problem,
            goal,
        )
    )
    pj = Fraction(1)
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
    return replace(problem, tasks=tasks, devices=devices, links=links)


def _timed_goal(goal: Objective) -> Objective:
    return Objective(Measure.WEIGHTED, latency_limit_ns=goal.latency_limit_ns)


def spread(stage: Stage, worth: Mapping[int, Fraction]) -> dict[tuple[int, int], Fraction]:
    """Share what each matrix is charged among the tasks that can read it.

    However many of them do, what they are charged together is no more.
    """
    readers: dict[int, list[tuple[int, int]]] = {}
    for t, task in enumerate(stage.problem.tasks):
        for i, mode in enumerate(task.modes):
            if mode.matrix is not None:
                readers.setdefault(mode.matrix, []).append((t, i))
    return {
        place: worth[matrix] / len(places)
        for matrix, places in readers.items()
        if worth.get(matrix)
        for place in places
    }


def marginal(
    training: Training, position: int, choices: Sequence[Choice], goal: Objective
) -> dict[tuple[int, int], Fraction]:
    """Return about what each mode of a stage adds to the switches, the other stages kept."""
    found = spread(training.stages[position], _worth(training, position, choices, goal))
    for key, value in _moving(training, position, choices, goal).items():
        found[key] = found.get(key, Fraction(0)) + value
    return found


def _worth(
    training: Training, position: int, choices: Sequence[Choice], goal: Objective
) -> dict[int, Fraction]:
    """Charge each matrix with its programming, less what that saves the stage after.

    What takes no longer than what is programmed anyway takes no time.
    """
    stage = training.stages[position]
    before = used_matrices(choices[position - 1]) if position else frozenset()
    free_ns = switches(training, choices)[position].programming.time_ns
    worth = {
        matrix: _alone(stage, matrix, free_ns, goal)
        for matrix in range(len(stage.programming))
        if not stage.kept.get(matrix, frozenset()) & before
    }
    if position + 1 < len(training.stages):
        after = training.stages[position + 1]
        for matrix in used_matrices(choices[position + 1]):
            for source in after.kept.get(matrix, ()):
                saved = _alone(after, matrix, 0, goal)
                worth[source] = max(Fraction(0), worth.get(source, Fraction(0)) - saved)
    return worth


def _alone(stage: Stage, matrix: int, free_ns: int, goal: Objective) -> Fraction:
    charge = programming_of(stage, [matrix])
    return goal.value(max(0, charge.time_ns - free_ns), charge.energy_pj)


def _moving(
    training: Training, position: int, choices: Sequence[Choice], goal: Objective
) -> dict[tuple[int, int], Fraction]:
    """Charge modes with the states that are moved to their device, and from it later on."""
    tasks = training.stages[position].problem.tasks
    found: dict[tuple[int, int], Fraction] = {}

    def add(task: int, charge_of: Mapping[int, Fraction]) -> None:
        for i, mode in enumerate(tasks[task].modes):
            value = charge_of.get(mode.device)
            if value:
                found[task, i] = found.get((task, i), Fraction(0)) + value

    devices = range(len(training.stages[position].problem.devices))
    for number, state in enumerate(training.states):
        if state.stage == position:
            add(state.task, {d: _leaving(training, number, choices, d, goal) for d in devices})
        for stage, readers in state.readers:
            if stage == position:
                reached = _reached(training, number, position, choices)
                ways = {d: cheapest_move(state, number, reached, d) for d in {*devices} - reached}
                charge = {
                    d: _value(goal, way.charge) / len(readers) for d, way in ways.items() if way
                }
                for task in readers:
                    add(task, charge)
    return found


def _leaving(
    training: Training, number: int, choices: Sequence[Choice], device: int, goal: Objective
) -> Fraction:
    """Return what the moves of a state take where its home is `device`."""
    moves = moves_of(training, number, choices, device)
    return sum((_value(goal, move.charge) for _, move in moves), Fraction(0))


def _reached(training: Training, number: int, position: int, choices: Sequence[Choice]) -> set[int]:
    """Return the devices on which a state lies before a stage is entered."""
    state = training.states[number]
    places = {choices[state.stage][state.task].device}
    for stage, readers in state.readers:
        if stage < position:
            places |= {choices[stage][task].device for task in readers}
    return places


def _value(goal: Objective, charge: Charge) -> Fraction:
    return goal.value(charge.time_ns, charge.energy_pj)
