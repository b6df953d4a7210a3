"""What the switches of a training make of the modes of one stage, as far as modes tell."""

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction

from hptc.partition.goal import Objective
from hptc.partition.training.problem import (
    Charge,
    Choice,
    Stage,
    Training,
    cheapest_move,
    moves_of,
    power_of,
    programming_of,
    switches,
    used_matrices,
)

Extra = Mapping[tuple[int, int], Fraction]
"""Task and mode to what it adds to the training, in the unit of the objective."""


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
    time_ns = max(0, charge.time_ns - free_ns)
    static_pj = power_of(stage, [stage.problem.matrices[matrix].device]) * time_ns
    return goal.value(time_ns, Fraction(charge.energy_pj) + static_pj)


def _moving(
    training: Training, position: int, choices: Sequence[Choice], goal: Objective
) -> dict[tuple[int, int], Fraction]:
    """Charge modes with the states that are moved to their device, and from it later on."""
    tasks = training.stages[position].problem.tasks
    found: dict[tuple[int, int], Fraction] = {}
    for number in range(len(training.states)):
        for task, price_of in _moved(training, number, position, choices, goal):
            for index, mode in enumerate(tasks[task].modes):
                price = price_of.get(mode.device)
                if price:
                    found[task, index] = found.get((task, index), Fraction(0)) + price
    return found


def _moved(
    training: Training, number: int, position: int, choices: Sequence[Choice], goal: Objective
) -> Iterator[tuple[int, dict[int, Fraction]]]:
    """Yield the tasks of a stage that a state depends on, with the price of each device."""
    state = training.states[number]
    devices = range(len(training.stages[position].problem.devices))
    if state.stage == position:
        yield state.task, {d: _leaving(training, number, choices, d, goal) for d in devices}
    for stage, readers in state.readers:
        if stage == position:
            reached = _reached(training, number, position, choices)
            ways = {d: cheapest_move(state, number, reached, d) for d in {*devices} - reached}
            shared = {d: _value(goal, w.charge) / len(readers) for d, w in ways.items() if w}
            yield from ((task, shared) for task in readers)


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
