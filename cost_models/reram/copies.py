"""How many copies of each matrix to hold: spare crossbars go where they save most time."""

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Demand:
    """One matrix that may be held several times."""

    crossbars: int
    """For one copy."""
    reads: tuple[tuple[int, float], ...]
    """For each task that reads it: vectors, and ns for one vector."""

    def latency_ns(self, copies: int) -> float:
        """Return the time of all its reads, the vectors shared among the copies."""
        return sum(-(-vectors // copies) * read_ns for vectors, read_ns in self.reads)


def allot_copies(
    demands: Mapping[str, Demand], capacity_crossbars: int, max_copies: int
) -> dict[str, int]:
    """Return the copies of each matrix, by greedy water-filling.

    Every matrix gets one copy first. Then the step (to the next count that saves time) with the
    largest saving per crossbar is taken for as long as one fits. Ties go to the first name. If not
    all matrices fit with one copy each, none gets a second: the partitioner chooses among them.

    Args:
        demands: Matrices by name; only those whose contents stay fixed.
        capacity_crossbars: Crossbars of the device.
        max_copies: Most copies of one matrix.
    """
    copies = dict.fromkeys(demands, 1)
    spare = capacity_crossbars - sum(demand.crossbars for demand in demands.values())
    steps: list[tuple[float, str, int]] = []
    for name, demand in demands.items():
        _offer(steps, name, demand, 1, max_copies)
    while steps:
        _, name, wanted = heapq.heappop(steps)
        crossbars = (wanted - copies[name]) * demands[name].crossbars
        if crossbars > spare:
            continue
        spare -= crossbars
        copies[name] = wanted
        _offer(steps, name, demands[name], wanted, max_copies)
    return copies


def _offer(
    steps: list[tuple[float, str, int]], name: str, demand: Demand, held: int, limit: int
) -> None:
    """Push the next count above `held` that saves most time per crossbar."""
    shared = max((vectors for vectors, _ in demand.reads), default=0)  # more copies save nothing
    best = _best_step(demand, held, range(held + 1, min(limit, shared) + 1))
    if best is not None:
        heapq.heappush(steps, (-best[0], name, best[1]))


def _best_step(demand: Demand, held: int, counts: Sequence[int]) -> tuple[float, int] | None:
    now_ns = demand.latency_ns(held)
    rated = [
        ((now_ns - demand.latency_ns(count)) / ((count - held) * demand.crossbars), count)
        for count in counts
    ]
    useful = [(rate, count) for rate, count in rated if rate > 0]
    return max(useful, key=lambda step: (step[0], -step[1])) if useful else None
