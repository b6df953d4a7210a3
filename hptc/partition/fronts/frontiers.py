"""What is proven of all sets of devices of a problem, for objectives that need energies."""

import math
from dataclasses import dataclass
from itertools import combinations

from hptc.partition.fronts.frontier import Corner, Frontier, Support
from hptc.partition.goal import Objective
from hptc.partition.instance import Instance
from hptc.partition.objective import ENERGY_SCALE, static_power

MAX_POWERED = 4
"""Up to so many devices every set of powered ones is bounded on its own."""


@dataclass(frozen=True, slots=True)
class Query:
    """A relaxation to solve: only these devices, a ns at this price in 1/1000 pJ."""

    powered: frozenset[int]
    price: int
    has_values: bool = True
    """Whether values count, and not only the loads of devices."""


@dataclass
class Proven:
    """What is proven of all schedules of a problem; solves for several objectives share it."""

    frontiers: tuple[Frontier, ...]
    """One of each set of devices."""
    bound_ns: int = 0
    is_relaxed: bool = False
    """Whether the relaxation of the makespan is part of that bound."""

    def part(self, devices: frozenset[int]) -> "Proven":
        """Return what is known of the problem on some of its devices.

        The frontiers are shared; `take` hands back the rest.
        """
        inside = tuple(f for f in self.frontiers if f.powered <= devices)
        own = [f for f in inside if f.powered == devices]
        earliest_ns = max((f.earliest_ns for f in own), default=0)
        return Proven(
            inside,
            max(self.bound_ns, earliest_ns),
            is_relaxed=any(f.is_relaxed for f in own),
        )

    def take(self, devices: frozenset[int], part: "Proven") -> None:
        """Take what was proven of the makespan of schedules that use no other devices."""
        for frontier in self.frontiers:
            if frontier.powered <= devices:
                frontier.earliest_ns = max(frontier.earliest_ns, part.bound_ns)
            if frontier.powered == devices:
                frontier.is_relaxed |= part.is_relaxed
        least = min((frontier.earliest_ns for frontier in self.frontiers), default=0)
        self.bound_ns = max(self.bound_ns, least)

    def support(self, devices: frozenset[int], support: Support) -> None:
        """Take what holds for all schedules that use no other devices."""
        for frontier in self.frontiers:
            if frontier.powered <= devices:
                frontier.note(support)


def nothing_proven(instance: Instance) -> Proven:
    """Return what is known of a problem without search."""
    sets = powered_sets(instance)
    return Proven(tuple(Frontier(s, power, {0: _least_dynamic(instance, s)}) for s, power in sets))


class Frontiers:
    """The frontiers of all sets of devices as an objective sees them, the worst refined first."""

    def __init__(self, objective: Objective, proven: Proven) -> None:
        self._objective = objective
        self._proven = proven
        self._seen: dict[frozenset[int], tuple[object, Corner | None]] = {}
        """Set of devices to what its corner was computed from, and the corner."""

    def bound(self, earliest_ns: int) -> float:
        """Return a bound on the objective of schedules that end from `earliest_ns` on."""
        worst = self.worst(earliest_ns)
        if worst is None:
            return 0.0
        exact = worst[0].value
        return float(exact) if float(exact) <= exact else math.nextafter(float(exact), 0.0)

    def next_query(self, earliest_ns: int, *, loads_first: bool = False) -> Query | None:
        """Return the relaxation that may raise the bound, None where it is as good as it gets.

        With `loads_first`, the values count once the loads of devices say nothing more.
        """
        worst = self.worst(earliest_ns)
        if worst is None:
            return None
        corner, frontier = worst
        if frontier.is_coarse:
            price = frontier.next_price(self._objective, corner) if loads_first else None
            if price is not None:
                return Query(frontier.powered, price, has_values=False)
            frontier.refine()
        price = frontier.next_price(self._objective, corner)
        return None if price is None else Query(frontier.powered, price)

    def promising(self, earliest_ns: int, below: float) -> list[frozenset[int]]:
        """Return the sets that may hold a lesser value than `below`, the most promising first."""
        return [frontier.powered for _, frontier in self.below(earliest_ns, below)]

    def below(self, earliest_ns: int, value: float) -> list[tuple[Corner, Frontier]]:
        """Return what may hold a lesser value, each with its least corner, the least first."""
        known = [pair for pair in self._corners(earliest_ns) if pair[0].value < value]
        return sorted(known, key=lambda pair: pair[0].value)

    def worst(self, earliest_ns: int) -> tuple[Corner, Frontier] | None:
        """Return the least corner of all sets; None if all is beyond the limits."""
        corners = self._corners(earliest_ns)
        return min(corners, key=lambda pair: pair[0].value, default=None)

    def _corners(self, earliest_ns: int) -> list[tuple[Corner, Frontier]]:
        found = ((self._corner(f, earliest_ns), f) for f in self._proven.frontiers)
        return [(corner, frontier) for corner, frontier in found if corner is not None]

    def _corner(self, frontier: Frontier, earliest_ns: int) -> Corner | None:
        facts = (
            max(earliest_ns, frontier.earliest_ns),
            tuple(frontier.supports.items()),
            tuple(frontier.others),
        )
        seen = self._seen.get(frontier.powered)
        if seen is None or seen[0] != facts:
            seen = (facts, frontier.corner(self._objective, earliest_ns))
            self._seen[frontier.powered] = seen
        return seen[1]

    def give_up(self, query: Query) -> None:
        """Note that the relaxation of a query was not solved: its cost is at least 0."""
        self._of(query).supports[query.price] = 0

    def learn(self, query: Query, bound: int, time_ns: float) -> None:
        """Take the bound that the relaxation of a query proved, and where its solution ends."""
        frontier = self._of(query)
        frontier.supports[query.price] = bound
        frontier.points[query.price] = (time_ns, bound - query.price * time_ns)
        for part in self._proven.part(query.powered).frontiers:
            if part is not frontier:
                part.note(Support(query.price, bound))

    def _of(self, query: Query) -> Frontier:
        return next(f for f in self._proven.frontiers if f.powered == query.powered)


def powered_sets(instance: Instance) -> list[tuple[frozenset[int], int]]:
    """Return the sets of devices that can run every task, with the least power in 1/1000 pJ per ns.

    With many devices there are too many sets: then all together stand for them, at the power of
    the most frugal.
    """
    used = sorted({device for row in instance.device for device in row})
    power = {device: static_power(instance, device) for device in used}
    if len(used) > MAX_POWERED:
        return [(frozenset(used), min(power.values()))]
    sets = [frozenset(c) for size in range(1, len(used) + 1) for c in combinations(used, size)]
    return [
        (found, sum(power[device] for device in found))
        for found in sets
        if all(found.intersection(row) for row in instance.device)
    ]


def _least_dynamic(instance: Instance, devices: frozenset[int]) -> int:
    """Return the energy of all tasks in their most frugal modes there, in 1/1000 pJ."""
    return ENERGY_SCALE * sum(
        min(mode.energy_pj for mode in task.modes if mode.device in devices)
        for task in instance.problem.tasks
    )
