"""Objectives and limits against a brute force; the bounds that frontiers prove."""

import math
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given, settings

from hptc.errors import InfeasibleError, UsageError
from hptc.partition.bounds.lp import Solving
from hptc.partition.bounds.relax import Detail, relaxation
from hptc.partition.check import energy_pj
from hptc.partition.fronts.frontiers import Frontiers, nothing_proven
from hptc.partition.fronts.pareto import pareto
from hptc.partition.goal import Measure, Objective, parse_objective
from hptc.partition.instance import Instance
from hptc.partition.limits import Limits, Parts
from hptc.partition.prepare import prepare
from hptc.partition.problem import Device, Mode, Problem, Status, Task
from hptc.partition.solve import solve
from tests.objective_cases import NEAR, least, objectives, without_need_of_the_gpu
from tests.partition_cases import QUICK, brute_front, brute_steps, chain_of_blocks, problems


@settings(max_examples=60)
@given(problems(), objectives())
def test_every_objective_is_solved_to_the_brute_force_optimum(
    problem: Problem, objective: Objective
) -> None:
    optimum = least(problem, objective)
    if math.isinf(optimum):
        with pytest.raises(InfeasibleError):
            solve(problem, objective=objective, limits=QUICK)
        return
    found = solve(problem, objective=objective, limits=QUICK)
    assert found.value == pytest.approx(optimum, rel=NEAR)
    assert found.status is Status.OPTIMAL
    assert found.lower_bound <= optimum * (1 + 1e-9)
    taken = (found.assignment.makespan_ns, energy_pj(problem, found.assignment))
    assert objective.admits(*taken)
    assert float(objective.value(*taken)) == pytest.approx(found.value)


@settings(max_examples=25)
@given(problems())
def test_energies_that_floats_round_are_proven_and_kept_as_limits(problem: Problem) -> None:
    problem = with_fractions(problem)
    steps = list(brute_steps(problem))
    if not steps:
        return
    product = solve(problem, objective=Objective.EDP, limits=QUICK)
    assert product.status is Status.OPTIMAL
    assert product.value == pytest.approx(min(time * energy for time, energy in steps))
    frugal = solve(problem, objective=Objective.ENERGY, limits=QUICK).value
    goal = replace(Objective.LATENCY, energy_limit_pj=frugal)
    found = solve(problem, objective=goal, limits=QUICK)
    assert found.status is Status.OPTIMAL
    assert found.value == min(time for time, energy in steps if energy <= frugal * (1 + 1e-9))


def with_fractions(problem: Problem) -> Problem:
    """Return the problem with powers that no float holds."""
    devices = (
        replace(d, static_power_pj_per_ns=d.static_power_pj_per_ns + 0.1) for d in problem.devices
    )
    return replace(problem, devices=tuple(devices))


@settings(max_examples=40)
@given(problems(), objectives())
def test_frontiers_never_exclude_what_exists(problem: Problem, objective: Objective) -> None:
    optimum = least(problem, objective)
    if math.isinf(optimum):
        return
    for bound in frontier_bounds(prepare(problem), objective, 1000):
        assert bound <= optimum * (1 + 1e-9)


def frontier_bounds(instance: Instance, objective: Objective, horizon: int) -> Iterator[float]:
    frontiers = Frontiers(objective, nothing_proven(instance))
    yield frontiers.bound(0)
    while (query := frontiers.next_query(0, loads_first=True)) is not None:
        detail = Detail.PATHS if query.has_values else Detail.DEVICES
        relaxed = relaxation(instance, horizon, detail)
        relaxed.minimise_energy(instance, query.powered, query.price)
        solving = Solving(relaxed.rows, 10.0)
        solving.wait(10.0)
        optimum = solving.optimum()
        if optimum is None:
            frontiers.give_up(query)
        else:
            frontiers.learn(query, optimum.bound, optimum.values[relaxed.makespan] * optimum.scale)
        yield frontiers.bound(0)


@pytest.mark.parametrize(
    "objective",
    [
        Objective.EDP,
        Objective(Measure.WEIGHTED, 1.0, 1e-4),
        Objective(Measure.LATENCY, energy_limit_pj=4e10),
        Objective(Measure.ENERGY, latency_limit_ns=560_000),
    ],
)
def test_steps_of_many_tasks_are_bounded_and_keep_their_limits(objective: Objective) -> None:
    problem = chain_of_blocks(15)
    found = solve(problem, objective=objective, limits=Limits(work_s=0.5))
    energy = energy_pj(problem, found.assignment)
    assert objective.admits(found.assignment.makespan_ns, energy)
    assert 0 < found.lower_bound <= found.value
    assert found.gap < 1.0


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ({"latency_limit_ns": 1000}, r"--latency-limit 1,000 ns: .* at least [\d,]+ ns"),
        ({"energy_limit_pj": 1e6}, r"--energy-limit 1,000 nJ: .* at least [\d,.]+ nJ"),
    ],
)
def test_limits_out_of_reach_are_named_with_what_is_possible(
    limits: dict[str, int], message: str
) -> None:
    with pytest.raises(InfeasibleError, match=message):
        solve(chain_of_blocks(2), objective=Objective(Measure.EDP, **limits), limits=QUICK)


def test_an_objective_is_read_and_written() -> None:
    found = parse_objective("weighted:latency=2,energy=0.5", latency_limit_ns=7)
    assert found == Objective(Measure.WEIGHTED, 2.0, 0.5, latency_limit_ns=7)
    assert found.value(4, Fraction(2000)) == 9
    assert parse_objective(found.text, latency_limit_ns=7) == found
    third = Objective(Measure.WEIGHTED, 1 / 3, 1e-7)
    assert parse_objective(third.text) == third
    assert parse_objective("edp") == Objective.EDP
    assert parse_objective("energy", energy_limit_nj=2.0).to_json() == {
        "objective": "energy",
        "latency_limit_ns": None,
        "energy_limit_nj": 2.0,
    }


@pytest.mark.parametrize(
    "text",
    [
        "speed",
        "latency:2",
        "weighted",
        "weighted:latency=1",
        "weighted:latency=x,energy=1",
        "weighted:latency=0,energy=1",
    ],
)
def test_what_is_no_objective_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--objective"):
        parse_objective(text)


@pytest.mark.parametrize("limits", [{"latency_limit_ns": -1}, {"energy_limit_nj": math.nan}])
def test_limits_are_numbers_from_0(limits: dict[str, float]) -> None:
    with pytest.raises(UsageError, match="-limit"):
        parse_objective("latency", **limits)  # type: ignore[arg-type]


@settings(max_examples=25)
@given(problems())
def test_small_fronts_are_those_of_the_brute_force(problem: Problem) -> None:
    wanted = brute_front(problem)
    if not wanted:
        with pytest.raises(InfeasibleError):
            pareto(problem, 2, limits=QUICK)
        return
    found = pareto(problem, max(2, len(wanted)), limits=Limits(work_s=60.0))
    assert [point.latency_ns for point in found.points] == [time for time, _ in wanted]
    for point, (_, energy) in zip(found.points, wanted, strict=True):
        assert point.energy_pj == pytest.approx(energy)
        assert point.energy_bound_pj == pytest.approx(energy)
    assert found.is_complete


@pytest.mark.parametrize("measure", [Measure.EDP, Measure.WEIGHTED])
def test_the_same_work_gives_the_same_answer(measure: Measure) -> None:
    problem, objective = without_need_of_the_gpu(chain_of_blocks(15)), Objective(measure, 10.0)
    limits = Limits(time_s=30.0, work_s=0.5)
    first, second = (solve(problem, objective=objective, limits=limits) for _ in range(2))
    assert (first.assignment, first.lower_bound) == (second.assignment, second.lower_bound)


def test_as_many_points_are_found_as_are_asked_for() -> None:
    tasks = tuple(
        Task(str(t), (Mode(0, 100 + t, 900 + 7 * t), Mode(1, 300 - t, 200 + t))) for t in range(90)
    )
    problem = Problem((Device("quick"), Device("frugal")), (), tasks, ())
    found = pareto(problem, 6, limits=Limits(time_s=60.0, work_s=0.5))
    assert len(found.points) == 6
    for fast, slow in pairwise(found.points):
        assert (fast.latency_ns, -fast.energy_pj) < (slow.latency_ns, -slow.energy_pj)


@pytest.mark.parametrize("has_questions", [True, False])
def test_points_of_a_larger_front_beat_one_another_in_one_thing_only(has_questions: bool) -> None:
    problem = without_need_of_the_gpu(chain_of_blocks(10))
    parts = Parts(proofs=has_questions)
    found = pareto(problem, 4, limits=Limits(work_s=1.0, parts=parts))
    assert 2 <= len(found.points) <= 4
    for fast, slow in pairwise(found.points):
        assert fast.latency_ns < slow.latency_ns
        assert fast.energy_pj > slow.energy_pj
        assert fast.energy_bound_pj >= slow.energy_bound_pj
    for point in found.points:
        assert point.latency_ns >= found.latency_bound_ns
        assert point.energy_bound_pj <= point.energy_pj
        assert point.energy_pj == pytest.approx(energy_pj(problem, point.assignment))
    with pytest.raises(UsageError, match="--pareto"):
        pareto(problem, 1, limits=QUICK)
