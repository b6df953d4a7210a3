"""The whole problem in one CP-SAT model: optimal for small graphs, a bound for larger ones."""

from dataclasses import dataclass

from hptc.partition.cpsat import run
from hptc.partition.decode import Schedule, retime
from hptc.partition.model import ScheduleModel
from hptc.partition.objective import (
    ENERGY_SCALE,
    chosen_static_energy,
    dynamic_energy,
    latest_end,
)
from hptc.partition.problem import Objective
from hptc.partition.scope import whole
from hptc.partition.search import Incumbent


@dataclass(frozen=True, slots=True)
class Proof:
    """A schedule (None if none better was found) and a bound on the objective (ns or pJ)."""

    schedule: Schedule | None
    bound: float
    is_optimal: bool
    was_interrupted: bool


def prove(search: Incumbent, time_s: float, workers: int) -> Proof:
    """Search the whole problem from the incumbent for at most `time_s` s.

    The problem has to be small enough for CP-SAT (`objective.fits`).
    """
    instance, objective, hint = search.instance, search.objective, search.schedule
    horizon = hint.makespan if objective is Objective.LATENCY else latest_end(instance)
    built = ScheduleModel(instance, whole(instance), horizon)
    built.model.add(built.makespan >= search.bound_ns)
    scale = _minimise(built, objective)
    built.hint(hint)
    done = run(built.model, search.clock, time_s, workers=workers, report=search.reporter(scale))
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
    is_optimal = done.is_proven and done.found and search.clock.limits.gap <= 0
    return Proof(schedule, bound, is_optimal, done.was_interrupted)


def _minimise(built: ScheduleModel, objective: Objective) -> int:
    """Set the objective and return how many of its units make one ns or pJ."""
    if objective is Objective.LATENCY:
        built.model.minimize(built.makespan)
        return 1
    built.model.minimize(dynamic_energy(built) + chosen_static_energy(built))
    return ENERGY_SCALE
