"""The partitioner against a brute force, and its promises on larger problems."""

import math
import time
from dataclasses import replace
from itertools import permutations

import pytest
from hypothesis import given, settings

from hptc.errors import InfeasibleError, ProblemError
from hptc.partition.bounds.loads import work_bound
from hptc.partition.bounds.lp import Solving, dual_bound
from hptc.partition.bounds.paths import path_bound
from hptc.partition.bounds.relax import Detail, relaxation
from hptc.partition.check import check, energy_pj
from hptc.partition.decode import decode_by_rank, retime, to_assignment
from hptc.partition.goal import Objective
from hptc.partition.limits import Clock, Limits, Progress
from hptc.partition.objective import latest_end
from hptc.partition.prepare import prepare
from hptc.partition.problem import Device, Link, Mode, Problem, Status, Task, Value
from hptc.partition.restrict import restrict
from hptc.partition.sat.cpsat import run
from hptc.partition.sat.exact import whole_model
from hptc.partition.search import Incumbent
from hptc.partition.seeds.heuristics import seeds
from hptc.partition.solve import solve
from tests.partition_cases import QUICK, brute_force, chain_of_blocks, problems

MEASURES = (Objective.LATENCY, Objective.ENERGY, Objective.EDP)


@settings(max_examples=150)
@given(problems())
def test_small_problems_are_solved_to_the_brute_force_optimum(problem: Problem) -> None:
    time_ns, energy = brute_force(problem)
    if math.isinf(time_ns):
        with pytest.raises(InfeasibleError):
            solve(problem, limits=QUICK)
        return
    fast = solve(problem, limits=QUICK)
    assert (fast.value, fast.lower_bound_ns, fast.status) == (time_ns, time_ns, Status.OPTIMAL)
    frugal = solve(problem, objective=Objective.ENERGY, limits=QUICK)
    assert frugal.value == pytest.approx(energy)
    assert frugal.status is Status.OPTIMAL
    assert frugal.lower_bound <= energy + 1e-9
    assert frugal.lower_bound_ns <= time_ns


@settings(max_examples=60)
@given(problems())
def test_every_bound_and_every_seed_is_valid(problem: Problem) -> None:
    time_ns, _ = brute_force(problem)
    if math.isinf(time_ns):
        return
    instance = prepare(problem)
    assert max(path_bound(instance), work_bound(instance)) <= time_ns
    for schedule in seeds(instance):
        check(problem, to_assignment(instance, schedule))
        again = retime(instance, schedule)
        check(problem, to_assignment(instance, again))
        assert time_ns <= again.makespan <= schedule.makespan
    for detail in Detail:
        relaxed = relaxation(instance, 1000, detail)
        relaxed.minimise_makespan()
        solving = Solving(relaxed.rows, 10.0)
        solving.wait(10.0)
        optimum = solving.optimum()
        assert optimum is not None
        assert optimum.bound <= time_ns
        assert dual_bound(relaxed.rows, [0.37] * len(relaxed.rows.low)) <= time_ns


@pytest.mark.parametrize("objective", MEASURES)
def test_large_problems_keep_bounds_and_baselines(objective: Objective) -> None:
    problem = chain_of_blocks(30)
    found = solve(problem, objective=objective, limits=Limits(work_s=1.0))
    check(problem, found.assignment)
    assert found.lower_bound_ns <= found.assignment.makespan_ns
    assert found.lower_bound <= found.value
    alone = solve(restrict(problem, {0}), objective=objective, limits=Limits(work_s=0.1))
    assert found.value < alone.value
    if objective is Objective.ENERGY:
        assert found.value == pytest.approx(energy_pj(problem, found.assignment))


def test_a_large_problem_keeps_its_time() -> None:
    """Ten times as long at most: the machine does other things too."""
    found = solve(chain_of_blocks(30), limits=Limits(time_s=1.0))
    assert found.status is Status.FEASIBLE
    assert found.wall_s < 10.0


def test_windows_improve_on_the_seeds() -> None:
    problem = chain_of_blocks(20, seed=3)
    stages: dict[str, float] = {}

    def note(progress: Progress) -> None:
        stages[progress.stage] = progress.value

    patient = Limits(time_s=60.0)
    found = solve(problem, limits=patient, progress=note, stop=lambda: "window" in stages)
    assert found.value == min(stages.values())
    assert stages["window"] < stages["seed"]


def test_the_same_seed_gives_the_same_answer() -> None:
    problem = chain_of_blocks(4)
    first, second = (solve(problem, limits=Limits(time_s=20.0, seed=5)) for _ in range(2))
    assert first.status is Status.OPTIMAL
    assert first.assignment == second.assignment


def test_a_wanted_gap_ends_the_search_without_claiming_more() -> None:
    problem = chain_of_blocks(30)
    found = solve(problem, limits=Limits(time_s=60.0, gap=5.0))
    assert found.wall_s < 30.0
    assert found.status is Status.FEASIBLE


def test_of_equal_latencies_the_one_of_less_energy_is_taken() -> None:
    devices = (Device("lean"), Device("hot", static_power_pj_per_ns=5.0))
    links = (Link(0, 1, 1.0, 0), Link(1, 0, 1.0, 0))
    tasks = tuple(Task(n, (Mode(1, 10, 50), Mode(0, 10, 50))) for n in ("x", "y"))
    found = solve(Problem(devices, links, tasks, (Value(0, (1,), 1),)), limits=QUICK)
    assert [
        task.modes[p.mode].device
        for task, p in zip(tasks, found.assignment.placements, strict=True)
    ] == [0, 0]


def test_no_tasks_take_no_time() -> None:
    found = solve(Problem((Device("gpu"),), (), (), ()))
    assert (found.value, found.lower_bound_ns, found.status) == (0, 0, Status.OPTIMAL)


def test_identical_processors_are_pooled() -> None:
    devices = tuple(Device(f"p{i}") for i in range(3))
    links = tuple(Link(a, b, 1.0, 0) for a, b in permutations(range(3), 2))
    lengths = (5, 5, 4, 4, 3, 3, 3)
    tasks = tuple(Task(f"t{i}", tuple(Mode(d, n) for d in range(3))) for i, n in enumerate(lengths))
    found = solve(Problem(devices, links, tasks, ()), limits=QUICK)
    assert (found.value, found.status) == (9, Status.OPTIMAL)


@pytest.mark.parametrize("size", [10**12, 10**15, 10**17])
def test_huge_costs_do_not_overflow(size: int) -> None:
    devices = (Device("a", None, 1e5), Device("b", None, 3e4))
    links = (Link(0, 1, 0.001, 7), Link(1, 0, 0.001, 7))
    tasks = tuple(Task(f"t{i}", (Mode(0, size + i), Mode(1, size - i))) for i in range(90))
    values = tuple(Value(i, (i + 1,), size) for i in range(0, 89, 2))
    problem = Problem(devices, links, tasks, values)
    for objective in MEASURES:
        found = solve(problem, objective=objective, limits=Limits(work_s=0.2))
        assert 0 < found.lower_bound <= found.value
        assert found.lower_bound_ns <= found.assignment.makespan_ns
    assert solve(problem, limits=Limits(work_s=0.2)).lower_bound_ns >= 44 * size


def test_times_beyond_exact_floats_are_told_apart() -> None:
    length = 2**60 + 1
    instance = prepare(Problem((Device("a"),), (), (Task("t", (Mode(0, length),)),), ()))
    search = Incumbent(instance, Objective.LATENCY, Clock(QUICK), None)
    search.offer(decode_by_rank(instance, [0]), "seed")
    search.raise_bound(length - 1)
    assert not search.is_good_enough
    search.raise_bound(length)
    assert search.is_good_enough


def test_the_model_proves_no_optimum_that_is_none() -> None:
    """CP-SAT 9.15.6755 proves 35,182 ns where the intervals of a task share its end."""
    links = (Link(2, 0, 8.0, 0), Link(0, 2, 12.5, 0), Link(1, 0, 1 / 3, 0))
    tasks = (
        Task("a", (Mode(0, 7), Mode(1, 9))),
        Task("b", (Mode(0, 12), Mode(2, 7))),
        Task("c", (Mode(0, 35160), Mode(2, 10))),
        Task("d", (Mode(0, 3),)),
    )
    rows = ((0, 2, 133354), (1, 3, 10**7), (2, 3, 0), (1, 2, 3))
    values = tuple(Value(src, (reader,), size) for src, reader, size in rows)
    instance = prepare(Problem(tuple(map(Device, "xyz")), links, tasks, values))
    built = whole_model(instance, latest_end(instance))
    built.model.minimize(built.makespan)
    assert run(built.model, Clock(QUICK), 10.0).bound == 10690


def _pair(
    links: tuple[Link, ...] = (Link(0, 1, 1.0, 0),),
    tasks: tuple[Task, ...] = (Task("x", (Mode(0, 1),)), Task("y", (Mode(1, 1),))),
    values: tuple[Value, ...] = (Value(0, (1,), 4),),
) -> Problem:
    return Problem((Device("a"), Device("b")), links, tasks, values)


def test_infeasibility_names_its_family() -> None:
    with pytest.raises(InfeasibleError, match="links between devices"):
        solve(_pair(links=()))
    with pytest.raises(InfeasibleError, match="task 'y'"):
        solve(_pair(tasks=(Task("x", (Mode(0, 1),)), Task("y", ()))))
    with pytest.raises(InfeasibleError, match="'y'"):
        restrict(_pair(), {0})
    problem = chain_of_blocks(2)
    small = replace(
        problem,
        devices=(*problem.devices[:2], replace(problem.devices[2], capacity_crossbars=4)),
        tasks=tuple(replace(t, modes=t.modes[-1:]) for t in problem.tasks),
    )
    with pytest.raises(InfeasibleError, match="crossbar capacity"):
        solve(small)


@pytest.mark.parametrize(
    "broken",
    [
        _pair(values=(Value(0, (1,), 4), Value(1, (0,), 4))),
        _pair(values=(Value(0, (7,), 4),)),
        _pair(values=(Value(0, (1,), -4),)),
        _pair(links=(Link(0, 1, 0.0, 0),)),
        _pair(links=(Link(0, 1, 1.0, 0), Link(0, 1, 1.0, 0))),
        _pair(links=(Link(0, 2, 1.0, 0),)),
        _pair(tasks=(Task("x", (Mode(0, -1),)), Task("y", (Mode(1, 1),)))),
        _pair(tasks=(Task("x", (Mode(0, 1), Mode(0, 2))), Task("y", (Mode(1, 1),)))),
    ],
)
def test_contradictions_are_problem_errors(broken: Problem) -> None:
    with pytest.raises(ProblemError):
        solve(broken)


def test_stop_ends_the_search_and_keeps_the_answer() -> None:
    problem = chain_of_blocks(30)
    started = time.monotonic()
    found = solve(
        problem, limits=Limits(time_s=60.0), stop=lambda: time.monotonic() > started + 0.5
    )
    assert time.monotonic() - started < 30.0
    check(problem, found.assignment)


@pytest.mark.parametrize("stage", ["seed", "bound", "relaxation", "window"])
def test_interrupt_returns_the_incumbent(stage: str) -> None:
    problem = chain_of_blocks(30)
    started = time.monotonic()

    def interrupt(progress: Progress) -> None:
        if progress.stage == stage:
            raise KeyboardInterrupt

    found = solve(problem, limits=Limits(time_s=60.0), progress=interrupt)
    assert time.monotonic() - started < 30.0
    check(problem, found.assignment)


def test_interrupt_before_the_first_solution_passes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(instance: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr("hptc.partition.solve.path_bound", interrupt)
    with pytest.raises(KeyboardInterrupt):
        solve(_pair())


def test_where_greedy_choices_fail_a_search_finds_admissible_modes() -> None:
    devices = (Device("a"), Device("b"))
    tasks = (
        *(Task(f"t{i}", (Mode(0, 5), Mode(1, 1))) for i in range(20)),
        Task("only a", (Mode(0, 1),)),
        Task("only b", (Mode(1, 1),)),
    )
    values = tuple(Value(i, (i + 1,), 1) for i in range(20))
    found = solve(Problem(devices, (), tasks, values), limits=QUICK)
    assert (found.value, found.status) == (101, Status.OPTIMAL)
