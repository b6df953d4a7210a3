"""A bound from prices on the time of devices and links.

A schedule of makespan T keeps no unit and no link busy for longer than T. So for prices that, times
the units, add up to 1, T is at least the sum of all loads at their prices, and that is at least the
least such sum over all choices of modes (`field`). Prices rise where the choice made at them takes
more than the bound, and fall elsewhere: a subgradient method on the dual of the relaxation of
devices and links, in a fraction of the time that HiGHS takes for it.
"""

import math

import numpy as np

from hptc.partition.bounds.field import PRICE_BITS, Field
from hptc.partition.decode import by_start
from hptc.partition.instance import Instance
from hptc.partition.limits import LEAST_S
from hptc.partition.search import Incumbent
from hptc.partition.seeds.heuristics import decoded
from hptc.partition.tables import Numbers

FEWEST_TASKS = 2_000
"""Below, HiGHS solves the relaxation in the time, paths included."""
MOST_PAIRS = 4_000_000
"""Pairs of devices, of modes too, that are looked at for each value, of all values: some 100 MB."""
ROUNDS, SHARE = 100, 0.1
"""Most rounds, and the share of the time left that they have."""
ENOUGH = 0.0003
"""Relative distance of the bound from the loads of a choice below which prices are good enough."""
LINKS_PRICE = 0.3
"""Of all links together at first, where that of all rows of tasks is 1."""
STEP, SLOWER, MOST = 1.0, 30, 0.5
"""Of logarithms of prices, per relative load beyond the bound (at most `MOST`); half after so many
rounds."""
ROUND_PASSES = 0.2
"""What a round takes, in passes over the problem."""


def plant_priced(search: Incumbent, paths_ns: int) -> None:
    """Raise the bound on the makespan, and offer what the choice of the most level loads makes.

    Args:
        search: Holds a schedule.
        paths_ns: A bound in ns from paths: where loads stay below, there is nothing to gain.
    """
    instance = search.instance
    width = max(instance.devices, *map(len, instance.device))
    is_large = instance.items * width**2 > MOST_PAIRS
    is_wanted = search.clock.limits.parts.prices and not search.proven.is_relaxed
    if not is_wanted or instance.tasks < FEWEST_TASKS or is_large:
        return
    prices = Prices(instance)
    clock = search.clock.part(max(SHARE * search.clock.left_s, LEAST_S))
    while prices.rounds < ROUNDS and not prices.are_good(paths_ns) and not clock.is_over():
        prices.improve()
        search.raise_bound(0, prices.bound_ns)
        clock.work.add(ROUND_PASSES * search.pass_s)
    if prices.choice is not None:
        modes = instance.settled(prices.choice.tolist())
        for schedule in decoded(instance, modes, by_start(instance, search.schedule)):
            search.offer(schedule, "priced")


class Prices:
    """Prices of rows and links, and what they have proven."""

    def __init__(self, instance: Instance) -> None:
        self._field = Field(instance)
        links = np.zeros((instance.devices, instance.devices))
        for ends in instance.link_of:
            links[ends] = LINKS_PRICE / len(instance.link_of)
        rows = np.full(len(instance.units), 1.0 / sum(instance.units))
        self._units = np.concatenate([np.array(instance.units), np.ones(links.size)])
        self._prices = np.concatenate([rows, links.ravel()])
        self.rounds = 0
        self.bound_ns = 0
        self.choice: Numbers | None = None
        """Modes of the most level loads so far."""
        self.loads_ns = math.inf
        """The largest of these loads: no bound of this kind is above it."""

    def are_good(self, paths_ns: int) -> bool:
        """Whether other prices could not prove much more, or not more than paths do."""
        return self.loads_ns <= max(paths_ns, (1 + ENOUGH) * self.bound_ns)

    def improve(self) -> None:
        """Pass messages at the prices as they are, take what they prove, and change the prices."""
        field = self._field
        self._prices /= self._prices @ self._units
        prices = np.floor(np.ldexp(self._prices, PRICE_BITS)).astype(np.int64)
        total = int(prices @ self._units.astype(np.int64))
        field.pass_messages(prices)
        bound_ns = -(-(field.bound(prices) << field.shift) // total)
        self.bound_ns = max(self.bound_ns, bound_ns)
        choice = field.choice(prices)
        loads_ns = field.loads_ns(choice) / self._units
        if loads_ns.max() < self.loads_ns:
            self.choice, self.loads_ns = choice, float(loads_ns.max())
        step = STEP / (1 + self.rounds / SLOWER)
        self._prices *= np.exp(step * np.clip(loads_ns / max(bound_ns, 1) - 1, -MOST, MOST))
        self.rounds += 1
