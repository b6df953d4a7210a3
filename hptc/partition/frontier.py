"""What is proven of latency and energy together, for the objectives that need both.

The devices that run a task are powered over the whole step, so each set of them is bounded on its
own. Within a set, a relaxation that minimises the dynamic energy D plus a price p times the latency
T proves `D + p T >= b` for every schedule of the set: a support of its frontier. Between its
supports, the earliest possible end and the limits, the least of every objective lies in a corner:
along a support the energy `b - p T + power T` is linear in T, and T times it is concave or grows.
Arithmetic is in rationals, so a bound is exact; T is in ns, energies are in 1/1000 pJ.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import combinations

from hptc.partition.goal import Measure, Objective
from hptc.partition.instance import Instance
from hptc.partition.objective import ENERGY_SCALE, static_power

MAX_POWERED = 4
"""Up to so many devices every set of powered ones is bounded on its own."""
MOST_SUPPORTS = 12
"""Prices asked for one set of devices."""
STEP = 4
"""Factor between prices while no solution lies beyond the corner."""


@dataclass(frozen=True, slots=True)
class Corner:
    """The least of an objective that is not excluded, and where; energy in 1/1000 pJ."""

    value: Fraction
    time_ns: Fraction
    energy: Fraction


@dataclass(frozen=True, slots=True)
class Query:
    """A relaxation to solve: only these devices, a ns at this price in 1/1000 pJ."""

    powered: frozenset[int]
    price: int


@dataclass
class Frontier:
    """What is proven of schedules that use no device but `powered`."""

    powered: frozenset[int]
    power: int
    """Least static power in 1/1000 pJ per ns."""
    supports: dict[int, int]
    """Price p to the bound b on D + p T."""
    points: dict[int, tuple[float, float]] = field(default_factory=dict)
    """Price to T and D of the relaxation's solution."""

    def corner(self, objective: Objective, earliest_ns: int) -> Corner | None:
        """Return the least of an objective from `earliest_ns` on; None if all is beyond limits."""
        first, last = self._times(objective, earliest_ns)
        if last is not None and first > last:
            return None
        times = {Fraction(first), *(time for time in self._crossings() if time > first)}
        if last is not None:
            times = {time for time in times if time <= last} | {Fraction(last)}
        corners = [self._at(objective, time) for time in sorted(times)]
        return min(corners, key=lambda corner: corner.value)

    def next_price(self, objective: Objective, corner: Corner) -> int | None:
        """Return the price whose support cuts off the corner, None where none is left to try."""
        if len(self.supports) > MOST_SUPPORTS:
            return None
        for price in (self._tangent(objective, corner), self._chord(corner)):
            if price is not None and price not in self.supports:
                return price
        return None

    def _at(self, objective: Objective, time: Fraction) -> Corner:
        dynamic = max(bound - price * time for price, bound in self.supports.items())
        energy = dynamic + self.power * time
        return Corner(objective.value(time, energy / ENERGY_SCALE), time, energy)

    def _times(self, objective: Objective, earliest_ns: int) -> tuple[int, int | None]:
        """Return from when to when the limits hold, in ns."""
        first, last = earliest_ns, objective.latency_limit_ns
        if objective.energy_limit_pj is None:
            return first, last
        most = math.floor(Fraction(objective.energy_limit_pj) * ENERGY_SCALE)
        for price, bound in self.supports.items():
            slope = price - self.power
            if slope > 0:
                first = max(first, -((most - bound) // slope))
            elif slope < 0:
                until = (most - bound) // -slope
                last = until if last is None else min(last, until)
            elif bound > most:
                return 1, 0
        return first, last

    def _crossings(self) -> Iterator[Fraction]:
        for (p, a), (q, b) in combinations(self.supports.items(), 2):
            yield Fraction(b - a, q - p)

    def _tangent(self, objective: Objective, corner: Corner) -> int | None:
        """Return the price at which the objective does not change along the support."""
        if objective.measure is Measure.LATENCY:
            return None
        energy_pj = float(corner.energy / ENERGY_SCALE)
        return self.power + int(ENERGY_SCALE * objective.price(float(corner.time_ns), energy_pj))

    def _chord(self, corner: Corner) -> int | None:
        """Return the price of the line through the solutions on either side of the corner."""
        time = float(corner.time_ns)
        before = max((p for p in self.points.values() if p[0] <= time), default=None)
        after = min((p for p in self.points.values() if p[0] >= time), default=None)
        if before is None:
            return STEP * max(*self.supports, self.power, 1)
        if after is None:
            return min(price for price in self.supports if price) // STEP or None
        if before[0] >= after[0]:
            return None
        return max(0, int((before[1] - after[1]) / (after[0] - before[0])))


@dataclass
class Proven:
    """What is proven of all schedules of a problem; solves for several objectives share it."""

    frontiers: tuple[Frontier, ...]
    """One of each set of devices."""
    bound_ns: int = 0
    is_relaxed: bool = False
    """Whether the relaxation of the makespan is part of that bound."""


def nothing_proven(instance: Instance) -> Proven:
    """Return what is known of a problem without search."""
    sets = powered_sets(instance)
    return Proven(tuple(Frontier(s, power, {0: _least_dynamic(instance, s)}) for s, power in sets))


class Frontiers:
    """The frontiers of all sets of devices as an objective sees them, the worst refined first."""

    def __init__(self, objective: Objective, frontiers: Sequence[Frontier]) -> None:
        self._objective = objective
        self._frontiers = frontiers

    def bound(self, earliest_ns: int) -> float:
        """Return a bound on the objective of schedules that end from `earliest_ns` on."""
        worst = self._worst(earliest_ns)
        if worst is None:
            return 0.0
        exact = worst[0].value
        return float(exact) if float(exact) <= exact else math.nextafter(float(exact), 0.0)

    def next_query(self, earliest_ns: int) -> Query | None:
        """Return the relaxation that may raise the bound, None where it is as good as it gets."""
        worst = self._worst(earliest_ns)
        if worst is None:
            return None
        corner, frontier = worst
        price = frontier.next_price(self._objective, corner)
        return None if price is None else Query(frontier.powered, price)

    def promising(self, earliest_ns: int, below: float) -> list[frozenset[int]]:
        """Return the sets that may hold a lesser value than `below`, the most promising first."""
        corners = [(f.corner(self._objective, earliest_ns), f.powered) for f in self._frontiers]
        known = [(c.value, powered) for c, powered in corners if c is not None and c.value < below]
        return [powered for _, powered in sorted(known, key=lambda pair: pair[0])]

    def _worst(self, earliest_ns: int) -> tuple[Corner, Frontier] | None:
        corners = ((f.corner(self._objective, earliest_ns), f) for f in self._frontiers)
        known = [(corner, f) for corner, f in corners if corner is not None]
        return min(known, key=lambda pair: pair[0].value, default=None)

    def give_up(self, query: Query) -> None:
        """Note that the relaxation of a query was not solved: its cost is at least 0."""
        self._of(query).supports[query.price] = 0

    def learn(self, query: Query, bound: int, time_ns: float) -> None:
        """Take the bound that the relaxation of a query proved, and where its solution ends."""
        frontier = self._of(query)
        frontier.supports[query.price] = bound
        frontier.points[query.price] = (time_ns, bound - query.price * time_ns)

    def _of(self, query: Query) -> Frontier:
        return next(f for f in self._frontiers if f.powered == query.powered)


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
