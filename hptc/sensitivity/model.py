"""An answer, and its outcomes under other numbers. Data only."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from hptc.cost import CostTable
from hptc.ir.graph import Graph
from hptc.ir.tasks import Task
from hptc.partition.problem import Solution
from hptc.schedule.pose import Posed
from hptc.schedule.report import StepFigures
from hptc.target import NumberRange, Target

Numbers = frozenset[tuple[str, float]]
"""Paths of ranges, and the numbers put there; what is not named is typical."""


class Standing(Enum):
    """How far an outcome was worked out."""

    UNCHANGED = "unchanged"
    """The partitioner sees the same problem: the answer stands."""
    OPTIMAL = "optimal"
    FEASIBLE = "feasible"
    """Solved anew, with or without proof."""
    REPRICED = "repriced"
    """Not solved anew: the time was over."""
    INFEASIBLE = "infeasible"
    """No assignment keeps every rule, or the numbers contradict one another."""
    SKIPPED = "skipped"
    """Not even priced: the time was over."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A phase as it was placed, with the typical numbers."""

    graph: Graph
    tasks: Sequence[Task]
    target: Target
    steps: int
    """Of the phase, against endurance."""
    costs: CostTable
    posed: Posed
    solution: Solution


@dataclass(frozen=True, slots=True)
class Outcome:
    """The answer under other numbers; what is None does not exist or was not worked out."""

    standing: Standing
    kept: StepFigures | None = None
    """Of the answer as it was built; a matrix keeps its copies where as many are offered."""
    resolved: StepFigures | None = None
    """Of the answer to the new problem."""
    ops_moved: int | None = None
    """Operations whose device differs between the two."""
    why: str = ""
    """What stands in the way of what does not exist."""


def ends(item: NumberRange) -> tuple[Numbers, Numbers]:
    """Return the numbers that put a range to its low and to its high end."""
    low, high = (
        frozenset() if end == item.typical else frozenset({(item.path, end)})
        for end in (item.low, item.high)
    )
    return low, high
