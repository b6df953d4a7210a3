"""How a phase is cut into chunks of rows, and what came of it."""

from collections.abc import Callable
from dataclasses import dataclass

from hptc.partition.limits import Limits
from hptc.partition.problem import Assignment, Problem, Solution
from hptc.schedule.priced import Priced

Solver = Callable[[Problem, Limits, Assignment | None], Solution]
"""Solves a problem within limits, from an assignment if there is one."""


@dataclass(frozen=True, slots=True)
class Tiling:
    """How a phase is cut."""

    axis: int
    """Of the first input."""
    extent: int
    chunks: int
    """The most."""
    ops: int
    """Operations of the whole phase that run in chunks."""
    ops_by_chunks: dict[int, int]
    """How many of them run in each number of chunks."""


@dataclass(frozen=True, slots=True)
class Tried:
    """What other ways to cut a phase, and not to, were considered."""

    tilings: int
    """That were worked out."""
    chunks: tuple[int, ...]
    """Numbers of chunks that were offered to each task that works row by row."""
    lower_bound_ns: int
    """Proven for every tiling with these numbers, and for the whole phase."""


@dataclass(frozen=True, slots=True)
class Placed:
    """A phase, its answer, how it is cut (None: not at all), and what else was tried."""

    priced: Priced
    solution: Solution
    tiling: Tiling | None = None
    tried: Tried | None = None
