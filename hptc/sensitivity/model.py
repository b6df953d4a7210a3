"""An answer, and its outcomes under other numbers. Data only."""

from dataclasses import dataclass
from enum import Enum

from hptc.partition.problem import Solution
from hptc.schedule.priced import Priced
from hptc.schedule.report import StepFigures
from hptc.target import NumberRange

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

    priced: Priced
    steps: int
    """Of the phase, against endurance."""
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
