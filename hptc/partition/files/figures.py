"""Solutions and fronts as the JSON values that commands print: times in ns, energies in nJ."""

import math
from collections import Counter
from collections.abc import Callable, Mapping

from hptc.partition.check import energy_pj
from hptc.partition.check_busy import chosen_modes
from hptc.partition.fronts.front import Front, Point
from hptc.partition.goal import Measure, Objective
from hptc.partition.period.check import memory_bytes
from hptc.partition.period.periodic import PeriodicSolution
from hptc.partition.problem import Assignment, Problem, Solution
from hptc.partition.reruns import answered
from hptc.units import PJ_PER_NJ

Json = dict[str, object]

UNITS = {
    Measure.LATENCY: ("ns", 1.0),
    Measure.ENERGY: ("nJ", PJ_PER_NJ),
    Measure.EDP: ("ns nJ", PJ_PER_NJ),
    Measure.WEIGHTED: ("", 1.0),
    Measure.PERIOD: ("ns", 1.0),
}
"""Unit in which a measure is printed, and how many of the solver's make one."""


def objective_json(solution: Solution) -> Json:
    """Return objective and limits, the value reached and the bound proven."""
    unit, scale = UNITS[solution.objective.measure]
    return {
        **solution.objective.to_json(),
        "objective_unit": unit,
        "objective_value": solution.value / scale,
        "objective_bound": solution.lower_bound / scale,
        "objective_gap": finite(solution.gap),
    }


def step_json(problem: Problem, solution: Solution) -> Json:
    """Return the energy of the step beside the figures of its objective."""
    energy_nj = energy_pj(problem, solution.assignment) / PJ_PER_NJ
    return {"energy_nj": energy_nj, **objective_json(solution)}


def periodic_json(problem: Problem, solution: PeriodicSolution) -> Json:
    """Return the figures of a steady state: energy of a step, and the memory that steps share."""
    periodic = solution.periodic
    energy_nj = energy_pj(problem, periodic.assignment, periodic.period_ns) / PJ_PER_NJ
    held = zip(problem.devices, memory_bytes(problem, periodic), strict=True)
    return {
        "period_ns": periodic.period_ns,
        "period_bound_ns": solution.lower_bound_ns,
        "gap": finite(solution.gap),
        "energy_nj": energy_nj,
        "memory_bytes": {device.name: size for device, size in held},
        **Objective.PERIOD.to_json(),
        "objective_unit": UNITS[Measure.PERIOD][0],
        "objective_value": periodic.period_ns,
        "objective_bound": solution.lower_bound_ns,
        "objective_gap": finite(solution.gap),
    }


def _nothing(_: Assignment) -> Mapping[str, object]:
    return {}


def front_json(
    problem: Problem,
    front: Front,
    details: Callable[[Assignment], Mapping[str, object]] = _nothing,
) -> Json:
    """Return the points of a front, the fastest first, each with its bound and `details`."""
    return {
        "latency_bound_ns": front.latency_bound_ns,
        "is_complete": front.is_complete,
        "points": [
            _point(problem, point) | dict(details(point.assignment)) for point in front.points
        ],
    }


def _point(problem: Problem, point: Point) -> Json:
    return {
        "latency_ns": point.latency_ns,
        "energy_nj": point.energy_pj / PJ_PER_NJ,
        "energy_bound_nj": point.energy_bound_pj / PJ_PER_NJ,
        "gap": finite(point.gap),
        "tasks": tasks_by_device(problem, point.assignment),
    }


def tasks_by_device(problem: Problem, assignment: Assignment) -> dict[str, int]:
    """Return how many tasks run on each device, those that run again counted anew."""
    runs = chosen_modes(answered(problem, assignment), assignment)
    tasks = Counter(mode.device for mode in runs)
    return {device.name: tasks[index] for index, device in enumerate(problem.devices)}


def finite(gap: float) -> float | None:
    """Return a gap as a JSON value: None where nothing is proven."""
    return gap if math.isfinite(gap) else None
