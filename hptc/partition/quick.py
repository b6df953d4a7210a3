"""A bound on the makespan without a search."""

import threading

from hptc.partition.bounds import path_bound
from hptc.partition.instance import prepare
from hptc.partition.lp import Solving
from hptc.partition.objective import latest_end
from hptc.partition.problem import Problem
from hptc.partition.relax import relaxation

MOST_WORK_S = 3.0
"""A relaxation that takes more is left out."""


def quick_bound(problem: Problem) -> int:
    """Return a proven bound in ns from the longest path and, if that is quick, from the loads."""
    instance = prepare(problem)
    bound = path_bound(instance)
    relaxed = relaxation(instance, latest_end(instance), has_values=False)
    if relaxed.rows.work_s > MOST_WORK_S:
        return bound
    relaxed.minimise_makespan()
    solving = Solving(relaxed.rows, None)
    solving.wait(threading.TIMEOUT_MAX)
    optimum = solving.optimum()
    return bound if optimum is None else max(bound, optimum.bound)
