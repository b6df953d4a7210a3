"""What is proven of latency and energy together of one set of devices.

The devices that run a task are powered over the whole step, so each set of them is bounded on its
own. Within a set, whoever minimises the dynamic energy D plus a price p times the latency T proves
`D + p T >= b` for every schedule of the set, or for all up to some latency: a support of its
frontier. Between its supports, the earliest possible end and the limits, the least of every
objective lies in a corner: along a support the energy `b - p T + power T` is linear in T, and T
times it is concave or grows. Latencies are whole ns, so a corner is the one before or after two
supports cross. Arithmetic is in integers, energies in 1/1000 pJ.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import combinations

from hptc.partition.goal import Measure, Objective
from hptc.partition.objective import ENERGY_SCALE, most_energy

MOST_SUPPORTS, MOST_COARSE = 12, 4
"""Prices asked for one set of devices: with values, and before that of the loads alone."""
STEP = 4
"""Factor between prices while no solution lies beyond the corner."""


@dataclass(frozen=True, slots=True)
class Corner:
    """The least of an objective that is not excluded, and where; energy in 1/1000 pJ."""

    value: Fraction
    time_ns: int
    energy: int


@dataclass(frozen=True, slots=True)
class Support:
    """The dynamic energy plus `price` per ns is at least `bound`, both in 1/1000 pJ."""

    price: int
    bound: int
    until_ns: float = math.inf
    """Of schedules that take no longer."""

    def implies(self, other: "Support") -> bool:
        """Return whether another support of the same price says nothing new."""
        return (
            self.price == other.price
            and self.bound >= other.bound
            and self.until_ns >= other.until_ns
        )


@dataclass
class Frontier:
    """What is proven of schedules that use no device but `powered`."""

    powered: frozenset[int]
    power: int
    """Least static power in 1/1000 pJ per ns."""
    supports: dict[int, int]
    """Price p to the bound b on D + p T, by the relaxation of this very set."""
    points: dict[int, tuple[float, float]] = field(default_factory=dict)
    """Price to T and D of the relaxation's solution."""
    earliest_ns: int = 0
    """No schedule ends before."""
    is_relaxed: bool = False
    """Whether the relaxation of the makespan is part of that."""
    others: list[Support] = field(default_factory=list)
    """Supports that come from elsewhere."""
    is_coarse: bool = True
    """Whether `supports` and `points` come from the loads of devices alone, if from anything."""

    def note(self, support: Support) -> None:
        """Take a support that was proven elsewhere."""
        if not any(known.implies(support) for known in self.others):
            self.others = [known for known in self.others if not support.implies(known)]
            self.others.append(support)

    def refine(self) -> None:
        """Begin anew with prices; what the loads of devices proved stays."""
        for price, bound in self.supports.items():
            self.note(Support(price, bound))
        self.supports, self.points = {0: self.supports[0]}, {}
        self.is_coarse = False

    def corner(self, objective: Objective, earliest_ns: int) -> Corner | None:
        """Return the least of an objective from `earliest_ns` on; None if all is beyond limits."""
        corners = self.corners(objective, earliest_ns)
        return min(corners, key=lambda corner: corner.value, default=None)

    def corners(self, objective: Objective, earliest_ns: int) -> list[Corner]:
        """Return all corners within the limits, the earliest first."""
        lines = self._lines()
        first, last = _times(objective, max(earliest_ns, self.earliest_ns), lines, self.power)
        if last is not None and first > last:
            return []
        times = {time for time in _breaks(lines) if time > first} | {first}
        if last is not None:
            times = {time for time in times if time < last} | {last}
        return [self._at(objective, time, lines) for time in sorted(times)]

    def next_price(self, objective: Objective, corner: Corner) -> int | None:
        """Return the price whose support cuts off the corner, None where none is left to try."""
        if len(self.supports) > (MOST_COARSE if self.is_coarse else MOST_SUPPORTS):
            return None
        for price in (self._tangent(objective, corner), self._chord(corner)):
            if price is not None and price not in self.supports:
                return price
        return None

    def span(self, objective: Objective, earliest_ns: int, value: Fraction) -> tuple[int, int]:
        """Return from when to when, around the least corner, an objective may be below `value`.

        The objective has a latency limit, and the corner is below.
        """
        corners = self.corners(objective, earliest_ns)
        low = high = min(range(len(corners)), key=lambda index: corners[index].value)
        while low > 0 and corners[low - 1].value < value:
            low -= 1
        while high < len(corners) - 1 and corners[high + 1].value < value:
            high += 1
        first, last = corners[low].time_ns, corners[high].time_ns
        if low > 0:
            first = self._edge(objective, first, corners[low - 1].time_ns, value)
        if high < len(corners) - 1:
            last = self._edge(objective, last, corners[high + 1].time_ns, value)
        return first, last

    def _edge(self, objective: Objective, inside: int, outside: int, value: Fraction) -> int:
        """Return a time up to which, from `inside` towards `outside`, the objective is below."""
        lines = self._lines()
        while abs(outside - inside) > 1:
            middle = (inside + outside) // 2
            if self._at(objective, middle, lines).value < value:
                inside = middle
            else:
                outside = middle
        return inside

    def _lines(self) -> list[Support]:
        return [*(Support(p, b) for p, b in self.supports.items()), *self.others]

    def _at(self, objective: Objective, time: int, lines: list[Support]) -> Corner:
        dynamic = max(s.bound - s.price * time for s in lines if time <= s.until_ns)
        energy = dynamic + self.power * time
        return Corner(objective.value(time, Fraction(energy, ENERGY_SCALE)), time, energy)

    def _tangent(self, objective: Objective, corner: Corner) -> int | None:
        """Return the price at which the objective does not change along the support."""
        if objective.measure is Measure.LATENCY:
            return None
        energy_pj = corner.energy / ENERGY_SCALE
        return self.power + int(ENERGY_SCALE * objective.price(corner.time_ns, energy_pj))

    def _chord(self, corner: Corner) -> int | None:
        """Return the price of the line through the solutions on either side of the corner."""
        time = corner.time_ns
        before = max((p for p in self.points.values() if p[0] <= time), default=None)
        after = min((p for p in self.points.values() if p[0] >= time), default=None)
        if before is None:
            return STEP * max(*self.supports, self.power, 1)
        if after is None:
            return min(price for price in self.supports if price) // STEP or None
        if before[0] >= after[0]:
            return None
        return max(0, int((before[1] - after[1]) / (after[0] - before[0])))


def _times(
    objective: Objective, first: int, lines: Sequence[Support], power: int
) -> tuple[int, int | None]:
    """Return from when to when the limits hold at a static power, in ns, if from `first` on."""
    last, most = objective.latency_limit_ns, most_energy(objective)
    if most is None:
        return first, last
    for line in lines:
        slope, room = line.price - power, most - line.bound
        if slope < 0 and line.until_ns == math.inf:
            until = room // -slope
            last = until if last is None else min(last, until)
        elif slope > 0:
            first = max(first, int(min(-(room // slope), line.until_ns + 1)))
        elif slope == 0 and room < 0:
            if line.until_ns == math.inf:
                return 1, 0
            first = max(first, int(line.until_ns) + 1)
    return first, last


def _breaks(lines: Sequence[Support]) -> Iterator[int]:
    """Yield the times next to where two supports cross or one ends."""
    for one, other in combinations(lines, 2):
        if one.price != other.price:
            time = (other.bound - one.bound) // (other.price - one.price)
            yield from (time, time + 1)
    for line in lines:
        if line.until_ns < math.inf:
            yield from (int(line.until_ns), int(line.until_ns) + 1)
