"""Questions to CP-SAT about sets of devices, and what follows from the answers."""

import math
from dataclasses import replace
from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from hptc.errors import InfeasibleError
from hptc.partition.check import check, energy_pj
from hptc.partition.decode import to_assignment
from hptc.partition.fronts.frontier import Frontier, Support
from hptc.partition.fronts.frontiers import Frontiers, Proven, nothing_proven
from hptc.partition.fronts.question import Answer, Asking, Question, question
from hptc.partition.goal import Objective
from hptc.partition.instance import Instance
from hptc.partition.limits import Clock, Limits, Parts
from hptc.partition.objective import ENERGY_SCALE, latest_end
from hptc.partition.prepare import prepare
from hptc.partition.problem import Device, Link, Mode, Problem, Task, Value
from hptc.partition.restrict import restrict
from hptc.partition.solve import solve
from tests.objective_cases import NEAR, least, objectives, without_need_of_the_gpu
from tests.partition_cases import brute_steps, chain_of_blocks, problems


def answer(instance: Instance, asked: Question) -> Answer:
    return Asking(instance, asked, Clock(Limits(time_s=60.0)), 60.0).answer()


def least_cost(problem: Problem, asked: Question) -> float:
    """Return the least of what is in question, by brute force."""
    try:
        part = restrict(problem, asked.devices)
    except InfeasibleError:
        return math.inf
    devices = tuple(replace(device, static_power_pj_per_ns=0.0) for device in part.devices)
    steps = brute_steps(replace(part, devices=devices))
    return min(
        (
            time if asked.price is None else ENERGY_SCALE * energy + asked.price * time
            for time, energy in steps
            if time <= asked.until_ns
        ),
        default=math.inf,
    )


@settings(max_examples=50)
@given(problems(), st.data())
def test_answers_are_those_of_the_brute_force(problem: Problem, data: st.DataObject) -> None:
    instance = prepare(problem)
    devices = data.draw(st.sampled_from(nothing_proven(instance).frontiers)).powered
    price = data.draw(st.none() | st.integers(0, 20_000))
    until_ns = data.draw(st.integers(0, 40))
    below = until_ns + 1 if price is None else data.draw(st.integers(1, 300_000))
    asked = Question(devices, 0, until_ns, below, price)
    found, wanted = answer(instance, asked), least_cost(problem, asked)
    assert found.is_final
    assert found.bound == min(below, wanted)
    assert (found.schedule is not None) == (wanted < below)
    if found.schedule is not None:
        check(problem, to_assignment(instance, found.schedule))


@settings(max_examples=60)
@given(problems(), objectives())
def test_questions_close_every_gap(problem: Problem, objective: Objective) -> None:
    optimum = least(problem, objective)
    if math.isinf(optimum) or objective.is_makespan or not optimum:
        return
    instance = prepare(problem)
    known = nothing_proven(instance)
    goal = replace(objective, latency_limit_ns=objective.within(latest_end(instance)))
    kept = [step for step in brute_steps(problem) if objective.admits(*step)]
    best = max(kept, key=lambda step: objective.value(*step))
    earliest_ns = min(time for time, _ in kept)
    for _ in range(60):
        value = float(objective.value(*best))
        worst = Frontiers(goal, known).worst(earliest_ns)
        assert worst is None or worst[0].value <= optimum * (1 + 1e-9)
        if worst is None or worst[0].value >= value * (1 - NEAR):
            break
        asked = question(worst[1], goal, earliest_ns, *best)
        found = answer(instance, asked)
        known.support(asked.devices, Support(asked.price or 0, found.bound, asked.until_ns))
        if found.schedule is not None:
            assignment = to_assignment(instance, found.schedule)
            step = (assignment.makespan_ns, energy_pj(problem, assignment))
            if objective.admits(*step):
                best = min(best, step, key=lambda step: objective.value(*step))
    assert float(objective.value(*best)) <= optimum * (1 + 2 * NEAR) + NEAR


@settings(max_examples=100)
@given(objectives(), st.integers(0, 3), st.integers(0, 12), st.data())
def test_a_corner_is_the_least_of_all_times(
    objective: Objective, power: int, earliest_ns: int, data: st.DataObject
) -> None:
    supports = data.draw(
        st.lists(
            st.builds(
                Support,
                st.sampled_from([0, 700, 2500, 9000]),
                st.integers(0, 90_000),
                st.sampled_from([0, 5, 11, 20, math.inf]),
            ),
            max_size=5,
        )
    )
    frontier = Frontier(frozenset({0}), 1000 * power, {0: data.draw(st.integers(0, 50_000))})
    for support in supports:
        frontier.note(support)
    lines = [Support(0, frontier.supports[0]), *supports]
    limit = 130 if objective.latency_limit_ns is None else objective.latency_limit_ns
    values = {}
    for time in range(earliest_ns, limit + 1):
        dynamic = max(s.bound - s.price * time for s in lines if time <= s.until_ns)
        energy = Fraction(dynamic + frontier.power * time, ENERGY_SCALE)
        if objective.admits(time, float(energy)):
            values[time] = objective.value(time, energy)
    found = frontier.corner(objective, earliest_ns)
    assert found is not None or not values
    if found is not None and values:
        assert found.value <= min(values.values())
        if objective.energy_limit_pj is None:
            assert found.value == min(values.values())


def test_what_holds_for_more_devices_holds_for_fewer() -> None:
    instance = prepare(without_need_of_the_gpu(chain_of_blocks(1)))
    known = nothing_proven(instance)
    everywhere = frozenset({0, 1, 2})
    known.support(everywhere, Support(7, 10**9, 500))
    assert all(Support(7, 10**9, 500) in f.others for f in known.frontiers)
    part = known.part(frozenset({1, 2}))
    assert {f.powered for f in part.frontiers} == {frozenset({1}), frozenset({1, 2})}
    known.take(frozenset({1, 2}), Proven(part.frontiers, 40, is_relaxed=True))
    assert known.part(frozenset({1, 2})) == Proven(part.frontiers, 40, is_relaxed=True)
    assert known.bound_ns == 0
    known.take(everywhere, Proven(known.frontiers, 30))
    assert known.bound_ns == 30
    assert known.part(frozenset({1})).bound_ns == 40


def test_the_product_of_a_larger_step_is_proven() -> None:
    problem = without_need_of_the_gpu(chain_of_blocks(14))
    found = solve(problem, objective=Objective.EDP, limits=Limits(time_s=30.0, gap=0.02))
    assert found.gap <= 0.02


def test_questions_raise_the_bound_of_a_step_with_long_values() -> None:
    problem = there_and_back(28)
    limits = Limits(work_s=1.0)
    found = solve(problem, limits=limits)
    without = solve(problem, limits=replace(limits, parts=Parts(proofs=False)))
    assert without.lower_bound < found.lower_bound <= min(found.value, without.value)


def there_and_back(layers: int) -> Problem:
    """Return a chain, another back along it that reads what the first made, and a task from both.

    Those tasks alone may run elsewhere, where each takes longer than the whole step: a program
    places parts of them there, CP-SAT sees that none fits. No segment is small, since values of the
    first chain wait.
    """
    here = range(layers)
    forward = [Task(f"f{i}", (Mode(0, 100 + 7 * (i % 5)),)) for i in here]
    backward = [Task(f"b{i}", (Mode(0, 110 + 5 * (i % 3)),)) for i in here]
    gradients = [Task(f"w{i}", (Mode(0, 300), Mode(1, 17_000))) for i in here]
    values = []
    for i in here:
        back, gradient = layers + i, 2 * layers + i
        following = i + 1 if i + 1 < layers else back
        values.append(Value(i, tuple({back, gradient, following}), 8192))
        values.append(Value(back, (gradient, back - 1) if i else (gradient,), 8192))
    return Problem(
        (Device("array"), Device("reram", capacity_crossbars=1)),
        (Link(0, 1, 64.0, 10), Link(1, 0, 64.0, 10)),
        (*forward, *backward, *gradients),
        tuple(values),
    )
