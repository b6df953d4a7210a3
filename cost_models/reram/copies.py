"""In how many copies each matrix may be held: the numbers among which the partitioner chooses."""

from collections.abc import Mapping
from dataclasses import dataclass

MOST = 4
"""Numbers of copies offered for one matrix; each is one more way to run its readers."""


@dataclass(frozen=True, slots=True)
class Demand:
    """One matrix that may be held several times."""

    crossbars: int
    """For one copy."""
    vectors: tuple[int, ...]
    """Read each way in a step; the copies share them."""

    def most(self, capacity_crossbars: int, limit: int) -> int:
        """Return the largest number of copies that is of use, fits and keeps a limit."""
        fitting = capacity_crossbars // self.crossbars
        return self.least_alike(max(1, min(max(self.vectors), fitting, limit)))

    def least_alike(self, copies: int) -> int:
        """Return the least number of copies that make each vector wait for no more others."""
        return max(-(-vectors // -(-vectors // copies)) for vectors in self.vectors)


def offered_copies(
    demands: Mapping[str, Demand], capacity_crossbars: int, others_crossbars: int, limit: int
) -> dict[str, tuple[int, ...]]:
    """Return numbers of copies of each matrix, in ascending order.

    Copies only save time, so if the most of every matrix fit together, nothing else is offered.
    Otherwise it is up to `MOST` numbers from one copy to the most, each about as many times the one
    before.

    Args:
        demands: Matrices by name; only those whose contents stay fixed.
        capacity_crossbars: Of the device.
        others_crossbars: What all other matrices take together.
        limit: Most copies of one matrix.
    """
    most = {name: demand.most(capacity_crossbars, limit) for name, demand in demands.items()}
    taken = sum(most[name] * demands[name].crossbars for name in demands)
    if taken + others_crossbars <= capacity_crossbars:
        return {name: (copies,) for name, copies in most.items()}
    return {name: _spread(demand, most[name]) for name, demand in demands.items()}


def _spread(demand: Demand, most: int) -> tuple[int, ...]:
    steps = (round(most ** (step / (MOST - 1))) for step in range(MOST))
    return tuple(sorted({demand.least_alike(copies) for copies in steps}))
