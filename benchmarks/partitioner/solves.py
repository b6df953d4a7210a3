"""One solve in a process of its own: what it reached, in what time and memory."""

import multiprocessing
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from typing import ParamSpec, TypeVar

from benchmarks.memory import peak_gib
from hptc.partition.check import check
from hptc.partition.goal import Objective
from hptc.partition.limits import Limits
from hptc.partition.problem import Problem
from hptc.partition.solve import solve

SHARE = 0.95
"""Of the time allowed, what the solver gets; the rest is for the judge and a busy machine."""
Given = ParamSpec("Given")
Found = TypeVar("Found")


@dataclass(frozen=True, slots=True)
class Solved:
    """A checked answer; times of the schedule in ns, of the solve in s."""

    value: float
    """Of the objective."""
    makespan_ns: int
    lower_bound_ns: int
    gap: float
    is_proven: bool
    wall_s: float
    peak_gib: float


def in_child(function: Callable[Given, Found], *args: Given.args, **more: Given.kwargs) -> Found:
    """Call a function in a fresh process, so that its memory is its own."""
    fresh = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=fresh) as pool:
        return pool.submit(function, *args, **more).result()


def solved(problem: Problem, limits: Limits, objective: Objective = Objective.LATENCY) -> Solved:
    """Solve a problem and have the answer judged; the time holds both."""
    started = time.monotonic()
    found = solve(problem, objective=objective, limits=limits)
    check(problem, found.assignment)
    return Solved(
        value=found.value,
        makespan_ns=found.assignment.makespan_ns,
        lower_bound_ns=found.lower_bound_ns,
        gap=found.gap,
        is_proven=found.gap <= 0,
        wall_s=time.monotonic() - started,
        peak_gib=peak_gib(),
    )
