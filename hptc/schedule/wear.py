"""How long the cells last that a phase writes.

A matrix is programmed once when its phase is entered, a trained one written in every step instead.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import floor

from hptc.cost import CostTable, CrossbarUse

DEFAULT_STEPS = 10_000
"""Steps of a phase where --steps does not say; they count against endurance."""


@dataclass(frozen=True, slots=True)
class Wear:
    """What cells take, and when the first fails; None where nothing is written in that way."""

    cell_writes_per_step: int
    """Most writes of one cell in a step."""
    steps_to_failure: int | None
    """Steps of the phase, for matrices that are written in every one."""
    programmings_to_failure: int | None
    """Entries to the phase, each of which programs the matrices that stay fixed."""


def wear(costs: CostTable, placed: Mapping[str, str]) -> Wear:
    """Return how long the cells that a phase uses last.

    Args:
        costs: Prices, with what each task holds in crossbars.
        placed: Device of each task.
    """
    held = tuple(_held(costs, placed))
    return Wear(
        max((use.writes_per_step for _, use in held), default=0),
        min((lasting_steps(*pair) for pair in held if pair[1].writes_per_step), default=None),
        min((floor(budget) for budget, use in held if not use.writes_per_step), default=None),
    )


def lasting_steps(write_budget_per_cell: float, use: CrossbarUse) -> int:
    """Return the steps for which a matrix can be written in each."""
    return floor(write_budget_per_cell) // use.writes_per_step


def _held(costs: CostTable, placed: Mapping[str, str]) -> Iterator[tuple[float, CrossbarUse]]:
    """Budget and use of every matrix on a device that wears."""
    for task, name in placed.items():
        device = costs.device(name)
        cost = device.tasks[task]
        if device.write_budget_per_cell is not None and cost is not None and cost.crossbars:
            yield device.write_budget_per_cell, cost.crossbars
