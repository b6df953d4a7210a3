"""Random small trainings and a brute force that knows nothing of the solvers."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import product

from hypothesis import strategies as st

from hptc.partition.problem import Mode, Problem
from hptc.partition.training.problem import Charge, Stage, State, Training
from tests.partition_cases import brute_choices, problems

Modes = tuple[Mode, ...]


@st.composite
def trainings(draw: st.DrawFn, most_stages: int = 3) -> Training:
    """Draw stages on the same devices: what they keep programmed, and states that cross."""
    first = draw(problems(most_tasks=2, has_matrices=draw(st.booleans())))
    count = draw(st.integers(1, most_stages))
    found = [first, *(_reworked(draw, first) for _ in range(count - 1))]
    charges = st.builds(Charge, st.integers(0, 30), st.integers(0, 60).map(float))
    stages = []
    for position, problem in enumerate(found):
        matrices = range(len(problem.matrices))
        keeping = [m for m in matrices if position and draw(st.integers(0, 3))]
        stages.append(
            Stage(
                problem,
                draw(st.integers(1, 6)),
                tuple(draw(charges) for _ in matrices),
                tuple(draw(st.sampled_from([None, 0.5, 4.0])) for _ in problem.devices),
                {m: draw(st.frozensets(st.sampled_from(matrices), min_size=1)) for m in keeping},
            )
        )
    return Training(tuple(stages), tuple(_states(draw, found)))


def _reworked(draw: st.DrawFn, problem: Problem) -> Problem:
    """Return the problem with other times and energies, and some of its modes."""
    tasks = []
    for task in problem.tasks:
        modes = draw(st.lists(st.sampled_from(task.modes), min_size=1, unique=True))
        places = [mode for mode in task.modes if mode in modes]
        drawn = [
            replace(mode, duration_ns=draw(st.integers(0, 9)), energy_pj=draw(st.integers(0, 20)))
            for mode in places
        ]
        tasks.append(replace(task, modes=tuple(drawn)))
    return replace(problem, tasks=tuple(tasks), together=())


def _states(draw: st.DrawFn, found: Sequence[Problem]) -> list[State]:
    states = []
    devices = range(len(found[0].devices))
    for _ in range(draw(st.integers(0, 2)) if len(found) > 1 else 0):
        stage = draw(st.integers(0, len(found) - 2))
        readers = []
        for later in range(stage + 1, len(found)):
            tasks = range(len(found[later].tasks))
            chosen = sorted(draw(st.sets(st.sampled_from(tasks))))
            if chosen:
                readers.append((later, tuple(chosen)))
        moves = {
            (a, b): Charge(draw(st.integers(0, 20)), float(draw(st.integers(0, 20))))
            for a, b in product(devices, repeat=2)
            if a != b and draw(st.integers(0, 4))
        }
        states.append(State(stage, 0, tuple(readers), moves))
    return states


def brute_trainings(training: Training) -> dict[tuple[Modes, ...], tuple[int, float]]:
    """Return time in ns and energy in pJ of the whole training, for all choices of modes."""
    steps = [brute_choices(stage.problem) for stage in training.stages]
    return {modes: _taken(training, steps, modes) for modes in product(*steps)}


def _taken(
    training: Training, steps: Sequence[Mapping[Modes, tuple[int, float]]], chosen: Sequence[Modes]
) -> tuple[int, float]:
    time, energy = 0, 0.0
    powers = [
        sum(stage.problem.devices[d].static_power_pj_per_ns for d in {m.device for m in modes})
        for stage, modes in zip(training.stages, chosen, strict=True)
    ]
    held: set[int] = set()
    for position, stage in enumerate(training.stages):
        step_ns, step_pj = steps[position][chosen[position]]
        used = {mode.matrix for mode in chosen[position] if mode.matrix is not None}
        new = [m for m in sorted(used) if not held & stage.kept.get(m, set())]
        by_device: dict[int, list[Charge]] = {}
        for m in new:
            by_device.setdefault(stage.problem.matrices[m].device, []).append(stage.programming[m])
        spans = [0]
        for device, charges in by_device.items():
            power = stage.write_power_pj_per_ns[device]
            spans += [charge.time_ns for charge in charges]
            if power is not None:
                spans.append(math.ceil(sum(charge.energy_pj for charge in charges) / power))
        time += max(spans) + stage.steps * step_ns
        energy += sum(stage.programming[m].energy_pj for m in new) + stage.steps * step_pj
        energy += powers[position] * max(spans)
        held = used
    for state in training.states:
        places = {chosen[state.stage][state.task].device}
        for later, readers in state.readers:
            arrived = set()
            for device in {chosen[later][reader].device for reader in readers} - places:
                ways = [
                    (charge.time_ns, charge.energy_pj, src)
                    for (src, dst), charge in state.moves.items()
                    if dst == device and src in places
                ]
                move_ns, move_pj, _ = min(ways, default=(0, 0.0, 0))
                time, energy = time + move_ns, energy + move_pj + powers[later] * move_ns
                arrived.add(device)
            places |= arrived
    return time, energy
