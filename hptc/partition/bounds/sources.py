"""Bounds by their source, for those who want to know what keeps a step from being shorter."""

from hptc.partition.bounds.loads import work_bound
from hptc.partition.bounds.lp import solved
from hptc.partition.bounds.paths import path_bound
from hptc.partition.bounds.relax import Detail, relaxation
from hptc.partition.explain.explain import Bounds
from hptc.partition.limits import Clock, Limits
from hptc.partition.prepare import prepare
from hptc.partition.problem import Problem

LONGEST_S = 30.0
"""Longest search in s for what loads prove; of what takes longer, the work alone is known."""


def bounds_by_source(problem: Problem, makespan_ns: int) -> Bounds:
    """Return what paths and loads prove of a problem that has an answer of `makespan_ns` ns."""
    instance = prepare(problem)
    built = relaxation(instance, makespan_ns, Detail.DEVICES)
    built.minimise_makespan()
    optimum = solved(built.rows, Clock(Limits(time_s=LONGEST_S)))
    loads_ns = work_bound(instance) if optimum is None else min(max(0, optimum.bound), makespan_ns)
    return Bounds(path_bound(instance), loads_ns)
