"""Bounds by their source, for those who want to know what keeps a step from being shorter."""

from hptc.partition.bounds.lp import Solving
from hptc.partition.bounds.paths import path_bound
from hptc.partition.bounds.relax import Detail, relaxation
from hptc.partition.explain.explain import Bounds
from hptc.partition.prepare import prepare
from hptc.partition.problem import Problem


def bounds_by_source(problem: Problem, makespan_ns: int) -> Bounds:
    """Return what paths and loads prove of a problem that has an answer of `makespan_ns` ns."""
    instance = prepare(problem)
    built = relaxation(instance, makespan_ns, Detail.DEVICES)
    built.minimise_makespan()
    solving = Solving(built.rows, None)
    solving.wait()
    optimum = solving.optimum()
    loads_ns = 0 if optimum is None else min(max(0, optimum.bound), makespan_ns)
    return Bounds(path_bound(instance), loads_ns)
