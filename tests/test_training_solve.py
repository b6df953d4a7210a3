"""Whole trainings: never worse than their stages apart, never below their bounds."""

from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hptc.errors import InfeasibleError
from hptc.partition.check import check
from hptc.partition.goal import Measure, Objective
from hptc.partition.limits import Limits
from hptc.partition.problem import Device, Link, Matrix, Mode, Problem, Task, Value
from hptc.partition.solve import solve
from hptc.partition.training.outcome import TrainingSolution
from hptc.partition.training.problem import Charge, Stage, State, Training, switches
from hptc.partition.training.solve import solve_training
from hptc.partition.training.stage import confined
from tests.training_cases import brute_trainings, trainings

LIMITS = Limits(work_s=6.0, workers=1)
GOALS = (
    Objective.LATENCY,
    Objective.ENERGY,
    Objective(Measure.WEIGHTED, latency_weight=2.0, energy_weight=300.0),
)


def solved(training: Training, goal: Objective) -> TrainingSolution:
    starts = [solve(stage.problem, objective=goal, limits=LIMITS) for stage in training.stages]
    return solve_training(training, goal, starts, limits=LIMITS)


@settings(max_examples=60)
@given(trainings(), st.sampled_from(GOALS))
def test_between_the_bound_and_the_stages_apart(training: Training, goal: Objective) -> None:
    try:
        found = solved(training, goal)
    except InfeasibleError:
        return
    every = brute_trainings(training)
    least = min(goal.value(time, Fraction(energy)) for time, energy in every.values())
    tolerance = 1 + Fraction(1, 10**6)
    assert found.lower_bound <= least * tolerance
    assert found.value * tolerance >= least
    assert found.value <= found.apart.value(goal)
    assert found.value == found.best.value(goal)
    modes = tuple(answer.choice for answer in found.best.answers)
    time, energy = every[modes]
    assert found.best.time_ns >= time
    assert float(found.best.energy_pj) >= energy * (1 - 1e-9)


DEVICES = (Device("array"), Device("reram", 2))
LINKS = (Link(0, 1, 1.0, 0), Link(1, 0, 1.0, 0))
WRITE = Charge(100, 600.0)


def stage(
    steps: int,
    *ways: tuple[int, int],
    kept: bool = False,
    write: Charge = WRITE,
    crossbars: int = 1,
) -> Stage:
    """Return tasks that take so many ns on the array, and so many in a matrix of their own."""
    tasks = tuple(
        Task(f"t{i}", (Mode(0, array_ns, array_ns), Mode(1, reram_ns, reram_ns, i)))
        for i, (array_ns, reram_ns) in enumerate(ways)
    )
    matrices = tuple(Matrix(f"w{i}", 1, crossbars) for i in range(len(ways)))
    found = {i: frozenset({i}) for i in range(len(ways))} if kept else {}
    problem = Problem(DEVICES, LINKS, tasks, (), matrices)
    return Stage(problem, steps, (write,) * len(ways), (None, None), found)


def programmed(found: TrainingSolution) -> list[tuple[int, ...]]:
    return [entry.programmed for entry in found.best.switches]


@pytest.mark.parametrize(
    ("steps", "matrices", "total_ns"),
    [(5, (), 50), (12, (), 120), (13, (0,), 126), (50, (0,), 200)],
)
def test_a_matrix_is_programmed_where_the_steps_repay_it(
    steps: int, matrices: tuple[int, ...], total_ns: int
) -> None:
    found = solved(Training((stage(steps, (10, 2)),)), Objective.LATENCY)
    assert programmed(found) == [matrices]
    assert found.best.time_ns == found.value == found.lower_bound == total_ns
    assert found.apart.time_ns == 100 + 2 * steps


def test_energy_repays_each_matrix_on_its_own() -> None:
    training = Training((stage(100, (10, 2), (10, 9)),))
    found = solved(training, Objective.ENERGY)
    assert programmed(found) == [(0,)]
    assert found.value == found.lower_bound == 600 + 100 * (2 + 10)
    assert found.apart.energy_pj == 1200 + 100 * (2 + 9)


def test_what_is_slow_to_program_is_bounded_apart() -> None:
    """Without the second matrix a step takes 10 ns, with it 9 ns: never 9 after 5 ns."""
    charges = (Charge(5, 1.0), Charge(100, 1.0))
    found = solved(
        Training((replace(stage(5, (10, 9), (10, 1)), programming=charges),)), Objective.LATENCY
    )
    assert programmed(found) == [(0,)]
    assert found.value == found.lower_bound == 5 + 5 * 10


@pytest.mark.parametrize("goal", [Objective.LATENCY, Objective.ENERGY])
def test_two_stages_repay_what_neither_would_alone(goal: Objective) -> None:
    write = Charge(100, 100.0)
    low, infer = (stage(8, (10, 2), kept=kept, write=write) for kept in (False, True))
    found = solved(Training((low, infer)), goal)
    assert programmed(found) == [(0,), ()]
    assert found.best.switches[1].kept == (0,)
    assert found.value == 100 + 16 * 2
    assert programmed(solved(Training((low, replace(infer, kept={}))), goal)) == [(), ()]


def test_what_stays_programmed_is_chosen_for_both_stages() -> None:
    """Crossbars hold one of two matrices; the second stage keeps what suits the first."""
    low = stage(1000, (10, 2), (6, 4), crossbars=2)
    infer = stage(10, (6, 4), (10, 2), kept=True, crossbars=2)
    found = solved(Training((low, infer)), Objective.LATENCY)
    assert found.apart.time_ns == 1000 * 6 + 10 * 6 + 200
    assert programmed(found) == [(0,), ()]
    assert found.best.time_ns == 1000 * 6 + 10 * 10 + 100


def test_tasks_run_again_in_a_stage_with_fewer_matrices() -> None:
    """The first result cannot stay: the stage runs its task twice, as often as it has steps."""
    bridge = Problem(
        (Device("x", memory_bytes=10), Device("reram", 1)),
        (),
        tuple(
            Task(name, (Mode(1, 99, matrix=0), Mode(0, 5, 7)), recompute=name == "a")
            for name in "abcd"
        ),
        (Value(0, (1, 3), 6), Value(1, (2,), 4), Value(2, (3,), 4)),
        (Matrix("w", 1, 1),),
    )
    one = Stage(bridge, 3, (WRITE,), (None, None), {})
    posing = confined(one, Objective.LATENCY, ())
    assert posing is not None
    found = solve(posing.problem, limits=LIMITS).assignment
    answer = posing.widened(found)
    assert posing.narrowed(answer) == found
    assert [rerun.task for rerun in answer.reruns] == [0]
    check(bridge, answer)
    training = solved(Training((one,)), Objective.LATENCY)
    assert training.best.time_ns == 3 * 25
    assert training.lower_bound == 3 * 20
    assert training.best.energy_pj == 3 * 5 * 7


def test_a_state_finds_its_home_where_it_is_needed_next() -> None:
    first, second = stage(10, (10, 10)), stage(10, (10, 90))
    moves = {(0, 1): Charge(50, 7.0), (1, 0): Charge(50, 7.0)}
    training = Training((first, second), (State(0, 0, ((1, (0,)),), moves),))
    choices = [tuple(task.modes[1] for task in first.problem.tasks)]
    choices.append(tuple(task.modes[0] for task in second.problem.tasks))
    (move,) = switches(training, choices)[1].moves
    assert (move.src, move.dst, move.charge.time_ns) == (1, 0, 50)
    assert solved(training, Objective.LATENCY).value == 200


def test_programming_at_once_stays_under_the_power() -> None:
    both = replace(stage(1, (10, 2), (10, 2)), write_power_pj_per_ns=(None, 4.0))
    choice = tuple(task.modes[1] for task in both.problem.tasks)
    (entry,) = switches(Training((both,)), [choice])
    assert entry.programming == Charge(300, 1200.0)
