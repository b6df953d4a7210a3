"""The whole problem in one CP-SAT model: optimal for small graphs, a bound for larger ones."""

from dataclasses import dataclass

from ortools.sat.python import cp_model

from hptc.partition.cpsat import run
from hptc.partition.decode import Schedule, retime
from hptc.partition.instance import Instance
from hptc.partition.model import ScheduleModel
from hptc.partition.problem import Objective
from hptc.partition.scope import whole
from hptc.partition.search import Incumbent

POWER_SCALE = 1000
"""Energies enter the model in 1/1000 pJ, static powers rounded down to 1/1000 pJ per ns."""


@dataclass(frozen=True, slots=True)
class Proof:
    """A schedule (None if none better was found) and a bound on the objective (ns or pJ)."""

    schedule: Schedule | None
    bound: float
    is_optimal: bool
    was_interrupted: bool


def prove(search: Incumbent) -> Proof:
    """Search the whole problem from the incumbent, in the time that is left.

    The problem has to be small enough for `model.LARGEST_NS`.
    """
    instance, objective, hint = search.instance, search.objective, search.schedule
    horizon = hint.makespan if objective is Objective.LATENCY else latest_end(instance)
    built = ScheduleModel(instance, whole(instance), horizon)
    built.model.add(built.makespan >= search.bound_ns)
    scale = _minimise(built, objective)
    built.hint(hint)
    done = run(built.model, search.clock, search.clock.left_s, report=search.reporter(scale))
    schedule = None
    if done.found:
        modes, starts, sends = built.read(done.solver)
        everywhere = range(instance.tasks)
        ends = [starts[t] + instance.duration[t][modes[t]] for t in everywhere]
        raw = Schedule(
            tuple(modes[t] for t in everywhere),
            tuple(starts[t] for t in everywhere),
            tuple(ends),
            sends,
        )
        schedule = retime(instance, raw)
    bound = done.solver.best_objective_bound / scale
    return Proof(schedule, bound, done.is_proven and done.found, done.was_interrupted)


def latest_end(instance: Instance) -> int:
    """Return a makespan in ns that an optimal schedule of any modes keeps: all in sequence."""
    work = sum(max(row) for row in instance.duration)
    return work + sum(
        max(row) * min(len(set(value.readers)), instance.devices)
        for row, value in zip(instance.send, instance.problem.values, strict=True)
    )


def _minimise(built: ScheduleModel, objective: Objective) -> int:
    """Set the objective and return how many of its units make one ns or pJ."""
    if objective is Objective.LATENCY:
        built.model.minimize(built.makespan)
        return 1
    built.model.minimize(_energy(built))
    return POWER_SCALE


def _energy(built: ScheduleModel) -> cp_model.LinearExprT:
    """Return the energy in 1/1000 pJ: modes, transfers, static power of used devices."""
    instance, model = built.instance, built.model
    problem = instance.problem
    terms: list[cp_model.LinearExprT] = [
        problem.tasks[task].modes[mode].energy_pj * POWER_SCALE * lit
        for task, lits in built.chosen.items()
        for mode, lit in lits.items()
    ]
    for (v, source, device), sent in built.sent.items():
        link = problem.links[instance.link_of[source * instance.devices + device]]
        cost = int(problem.values[v].bytes * link.energy_pj_per_byte * POWER_SCALE)
        terms.append(cost * sent)
    for d, device in enumerate(problem.devices):
        power = int(device.static_power_pj_per_ns * POWER_SCALE)
        users = [
            lit
            for task, lits in built.chosen.items()
            for mode, lit in lits.items()
            if instance.device[task][mode] == d
        ]
        if power and users:
            powered = model.new_int_var(0, latest_end(instance), "")
            used = model.new_bool_var("")
            for lit in users:
                model.add_implication(lit, used)
            model.add(powered >= built.makespan).only_enforce_if(used)
            terms.append(power * powered)
    return sum(terms)
