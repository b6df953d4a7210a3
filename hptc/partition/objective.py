"""Times and energies as CP-SAT has them: what it minimises and keeps, and in which units."""

import math
from collections.abc import Collection, Sequence
from fractions import Fraction

from ortools.sat.python import cp_model

from hptc.partition.decode import Schedule
from hptc.partition.goal import Measure, Objective
from hptc.partition.instance import Instance
from hptc.partition.sat.model import ScheduleModel

ENERGY_SCALE = 1000
"""Energies enter models in 1/1000 pJ; powers and link energies are rounded down to that, so that
bounds stay bounds."""

FLOAT_SLACK = Fraction(1, 1 << 48)
"""Relative error of an energy as a float, at most: `check.energy_pj` rounds a dozen times."""

LARGEST_NS = 1 << 58
"""Times beyond it could leave CP-SAT's 64-bit integers."""

LARGEST_ENERGY = 1 << 60
"""Energies beyond it, in 1/1000 pJ, could leave CP-SAT's 64-bit integers."""


def latest_end(instance: Instance) -> int:
    """Return a makespan in ns that no schedule needs to exceed: everything in sequence."""
    work = sum(max(row) for row in instance.duration)
    return work + sum(
        length * min(len(set(value.readers)), instance.devices)
        for length, value in zip(instance.longest_sends, instance.problem.values, strict=True)
    )


def longest(instance: Instance, objective: Objective, makespan: int) -> int:
    """Return the longest makespan in ns worth considering, given that of the best schedule."""
    if objective.measure is Measure.LATENCY:
        return makespan
    return objective.within(latest_end(instance))


def static_power(instance: Instance, device: int) -> int:
    """Return the static power of a device in 1/1000 pJ per ns, rounded down."""
    return int(instance.problem.devices[device].static_power_pj_per_ns * ENERGY_SCALE)


def transfer_energy(instance: Instance, v: int, source: int, device: int) -> int:
    """Return the energy of bringing a value to a device in 1/1000 pJ, rounded down."""
    link = instance.problem.links[instance.link_of[source, device]]
    value = instance.problem.values[v]
    sent = int(value.bytes * link.energy_pj_per_byte * ENERGY_SCALE)
    return sent + value.written(device).energy_pj * ENERGY_SCALE


def largest_energy(instance: Instance) -> int:
    """Return an energy in 1/1000 pJ that no schedule exceeds."""
    modes = sum(max(m.energy_pj for m in task.modes) for task in instance.problem.tasks)
    power = sum(static_power(instance, device) for device in range(instance.devices))
    sent = sum(
        transfer_energy(instance, v, *ends)
        for v in range(len(instance.problem.values))
        for ends in instance.link_of
    )
    return modes * ENERGY_SCALE + sent + power * latest_end(instance)


def fits(instance: Instance, objective: Objective, makespan: int | None = None) -> bool:
    """Return whether CP-SAT's 64-bit integers hold every sum of times or energies.

    Given a `makespan` in ns, those of a search for less latency than that.
    """
    if objective.is_makespan and makespan is not None:
        single = max(*map(max, instance.duration), *instance.longest_sends, 0, 0)
        return max(makespan, single) <= LARGEST_NS
    if latest_end(instance) > LARGEST_NS:
        return False
    return objective.is_makespan or headroom(instance, objective.price(1.0, 0.0)) >= 1


def headroom(instance: Instance, price: float) -> int:
    """Return by which factor CP-SAT's integers hold energy and time at a price in pJ per ns."""
    priced = math.ceil(ENERGY_SCALE * price * latest_end(instance))
    return LARGEST_ENERGY // max(1, largest_energy(instance) + priced)


def largest_price(instance: Instance) -> float:
    """Return the price of a ns in pJ up to which CP-SAT's integers hold energy and priced time."""
    room = LARGEST_ENERGY - largest_energy(instance)
    return room / max(1, latest_end(instance)) / ENERGY_SCALE


def dynamic_energy(built: ScheduleModel) -> cp_model.LinearExpr:
    """Return the energy of the free modes and the new transfers in 1/1000 pJ."""
    instance = built.instance
    tasks = instance.problem.tasks
    terms: list[cp_model.LinearExprT] = [
        tasks[task].modes[mode].energy_pj * ENERGY_SCALE * lit
        for task, lits in built.chosen.items()
        for mode, lit in lits.items()
    ]
    terms += [transfer_energy(instance, *way) * sent for way, sent in built.sent.items()]
    return _sum(terms)


def static_energy(built: ScheduleModel, powered: Collection[int]) -> cp_model.LinearExpr:
    """Return makespan times power in 1/1000 pJ for a fixed set of powered devices."""
    return _sum([sum(static_power(built.instance, d) for d in powered) * built.makespan])


def priced_time(built: ScheduleModel, price: float) -> cp_model.LinearExpr:
    """Return the makespan in 1/1000 pJ, a ns being worth `price` pJ."""
    return _sum([int(ENERGY_SCALE * price) * built.makespan])


def most_energy(objective: Objective) -> int | None:
    """Return what schedules within the energy limit take at most in 1/1000 pJ; None without limit.

    Their energies are compared as floats, which may lie below the true ones.
    """
    if objective.energy_limit_pj is None:
        return None
    return math.ceil(Fraction(objective.energy_limit_pj) * ENERGY_SCALE * (1 + FLOAT_SLACK))


def chosen_static_energy(built: ScheduleModel) -> cp_model.LinearExpr:
    """Return makespan times power in 1/1000 pJ, a device being powered when a task uses it."""
    instance, model = built.instance, built.model
    terms: list[cp_model.LinearExprT] = []
    for device in range(instance.devices):
        users = [
            lit
            for task, lits in built.chosen.items()
            for mode, lit in lits.items()
            if instance.device[task][mode] == device
        ]
        power = static_power(instance, device)
        if not power or not users:
            continue
        time, used = model.new_int_var(0, latest_end(instance), ""), model.new_bool_var("")
        for lit in users:
            model.add_implication(lit, used)
        model.add(time >= built.makespan).only_enforce_if(used)
        terms.append(power * time)
    return _sum(terms)


def dynamic_energy_of(built: ScheduleModel, schedule: Schedule) -> int:
    """Return what a schedule takes of `dynamic_energy`, in 1/1000 pJ."""
    instance, tasks = built.instance, built.instance.problem.tasks
    modes = sum(tasks[task].modes[schedule.modes[task]].energy_pj for task in built.chosen)
    sent = sum(
        transfer_energy(instance, v, source, device)
        for v, source, device in built.sent
        if (v, device) in schedule.sends and built.source(v, schedule) == source
    )
    return modes * ENERGY_SCALE + sent


def _sum(terms: Sequence[cp_model.LinearExprT]) -> cp_model.LinearExpr:
    return cp_model.LinearExpr.affine(cp_model.LinearExpr.sum(terms), 1, 0)
