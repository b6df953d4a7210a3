"""The whole problem in one CP-SAT model: optimal for small graphs, a bound for larger ones."""

import math
from dataclasses import dataclass, replace
from fractions import Fraction

from hptc.partition.decode import Schedule, retime
from hptc.partition.goal import Measure, Objective
from hptc.partition.instance import Instance
from hptc.partition.limits import Clock
from hptc.partition.memory.model import add_memory
from hptc.partition.objective import (
    ENERGY_SCALE,
    chosen_static_energy,
    dynamic_energy,
    headroom,
    latest_end,
    longest,
    most_energy,
    priced_time,
)
from hptc.partition.outcome import NEARLY
from hptc.partition.sat.cpsat import Run, run
from hptc.partition.sat.model import ScheduleModel
from hptc.partition.sat.scope import whole
from hptc.partition.search import Incumbent
from hptc.units import PJ_PER_NJ

FINEST = 10**6
"""Largest factor of a weighted sum against the rounding of its price."""


@dataclass(frozen=True, slots=True)
class Proof:
    """A schedule (None if none better was found) and a bound on the objective in its unit."""

    schedule: Schedule | None
    bound: float
    is_optimal: bool
    was_interrupted: bool


def prove(search: Incumbent, time_s: float, workers: int) -> Proof:
    """Search the whole problem from the incumbent for at most `time_s` s.

    The problem has to be small enough for CP-SAT (`objective.fits`).
    """
    if search.objective.measure is Measure.EDP:
        return _prove_product(search, time_s, workers)
    return _prove_sum(search, search.objective, time_s, workers)


def _prove_product(search: Incumbent, time_s: float, workers: int) -> Proof:
    """Walk from the slowest schedules to the fastest, a bound on the energy at each latency.

    If no schedule that takes at most `top` takes less energy than `floor`, then none between
    value / floor and `top` has a product below the value, nearly that of the best one: what is
    faster comes next.
    """
    clock = search.clock
    until_s = clock.elapsed_s + time_s
    top = longest(search.instance, search.objective, search.schedule.makespan)
    while top >= search.bound_ns:
        goal = replace(search.objective, measure=Measure.ENERGY, latency_limit_ns=top)
        found = _prove_sum(search, goal, until_s - clock.elapsed_s, workers)
        if found.schedule is not None:
            search.offer(found.schedule, "exact")
        if found.bound == math.inf:
            break
        reach = top
        if found.bound > 0:
            reach = math.ceil(Fraction(search.value) * NEARLY / Fraction(found.bound)) - 1
        if reach >= top or found.was_interrupted:
            return replace(found, bound=search.bound_ns * found.bound, is_optimal=False)
        top = reach
    return Proof(None, search.value * float(NEARLY), is_optimal=True, was_interrupted=False)


def _prove_sum(search: Incumbent, objective: Objective, time_s: float, workers: int) -> Proof:
    """Search for the least of an objective that is no product; its bound is infinite if none is."""
    instance, hint = search.instance, search.schedule
    built = whole_model(instance, longest(instance, objective, hint.makespan))
    built.model.add(built.makespan >= search.bound_ns)
    scale = _minimise(built, objective)
    built.hint(hint)
    report = search.reporter(scale) if objective == search.objective else None
    done = run(built.model, search.clock, time_s, workers=workers, report=report)
    if done.is_proven and not done.found:
        return Proof(None, math.inf, is_optimal=False, was_interrupted=done.was_interrupted)
    schedule = read_whole(built, done) if done.found else None
    bound = done.bound if scale == 1 else done.bound / scale
    is_optimal = done.is_proven and done.found and search.clock.limits.gap <= 0
    return Proof(schedule, bound, is_optimal, done.was_interrupted)


def any_schedule(instance: Instance, clock: Clock) -> tuple[Schedule | None, bool]:
    """Return any schedule, and whether it is proven that there is one or none."""
    built = whole_model(instance, latest_end(instance))
    done = run(built.model, clock, clock.left_s, workers=clock.limits.workers)
    if done.was_interrupted:
        raise KeyboardInterrupt
    return read_whole(built, done) if done.found else None, done.is_proven


def whole_model(instance: Instance, horizon: int) -> ScheduleModel:
    """Return the model of the whole problem for schedules of at most `horizon` ns."""
    built = ScheduleModel(instance, whole(instance), horizon)
    if instance.memories:
        add_memory(built, horizon)
    return built


def read_whole(built: ScheduleModel, done: Run) -> Schedule:
    """Return what was found, as early as it goes; within memories what waits may have to."""
    instance = built.instance
    modes, starts, sends = built.read(done.solver)
    everywhere = range(instance.tasks)
    ends = [starts[t] + instance.duration[t][modes[t]] for t in everywhere]
    raw = Schedule(
        tuple(modes[t] for t in everywhere),
        tuple(starts[t] for t in everywhere),
        tuple(ends),
        sends,
    )
    return raw if instance.memories else retime(instance, raw)


def _minimise(built: ScheduleModel, objective: Objective) -> float:
    """Set limit and objective; return how many of its units make one of the measure's."""
    if objective.is_makespan:
        built.model.minimize(built.makespan)
        return 1
    energy = dynamic_energy(built) + chosen_static_energy(built)
    most = most_energy(objective)
    if most is not None:
        built.model.add(energy <= most)
    if objective.measure is Measure.LATENCY:
        built.model.minimize(built.makespan)
        return 1
    if objective.measure is Measure.ENERGY:
        built.model.minimize(energy)
        return ENERGY_SCALE
    price = objective.price(1.0, 0.0)
    finer = max(1, min(FINEST, headroom(built.instance, price)))
    built.model.minimize(finer * energy + priced_time(built, finer * price))
    return finer * ENERGY_SCALE * PJ_PER_NJ / objective.energy_weight
