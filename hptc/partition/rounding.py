"""From the makespan relaxation to a bound and to seeds."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

from hptc.partition.decode import Schedule, decode, decode_by_rank, legal_order
from hptc.partition.heuristics import earliest_finish
from hptc.partition.instance import Instance
from hptc.partition.lp import Solving
from hptc.partition.objective import ENERGY_SCALE, latest_end
from hptc.partition.problem import Objective
from hptc.partition.relax import Relaxation, relaxation
from hptc.partition.search import Incumbent

FLOOR = 0.02
"""A mode with a smaller share in the relaxation is not considered."""
POLL_S = 0.02
LONGEST_S = 30.0
"""Longest solve of one relaxation in s: it cannot be cancelled when the search ends early."""
MAX_POWERED = 4
"""Up to so many devices every set of powered ones is bounded on its own."""


@dataclass(frozen=True, slots=True)
class _Stage:
    """One relaxation: of the makespan, or of the energy with exactly these devices powered."""

    has_values: bool = True
    powered: frozenset[int] | None = None


class Relaxing:
    """The relaxations of a search, solved one after another beside it.

    For latency, the loads of the devices come first, then the whole. For energy there is one more
    for every set of powered devices, and the least of them all bounds; with many devices there are
    too many sets, and none is tried.
    """

    def __init__(self, search: Incumbent) -> None:
        self._search = search
        self._bounds: list[int] = []
        self._waiting = [_Stage()]
        if search.objective is Objective.LATENCY:
            self._waiting.insert(0, _Stage(has_values=False))
        else:
            self._waiting += [_Stage(powered=devices) for devices in powered_sets(search.instance)]
        self._start_next()

    def collect(self, time_s: float) -> None:
        """Take results that come within `time_s` s: raise the bound, offer the seeds."""
        until_s = self._search.clock.elapsed_s + time_s
        while self._solving is not None and not self._search.is_done:
            if not self._solving.is_running:
                self._take(self._solving)
            elif self._search.clock.elapsed_s >= until_s:
                return
            else:
                self._solving.wait(POLL_S)

    def _start_next(self) -> None:
        self._solving: Solving | None = None
        search = self._search
        is_latency = search.objective is Objective.LATENCY
        if not self._waiting:
            return
        self._stage = self._waiting.pop(0)
        horizon = search.schedule.makespan if is_latency else latest_end(search.instance)
        self._relaxed = relaxation(search.instance, horizon, has_values=self._stage.has_values)
        if self._stage.powered is None:
            self._relaxed.minimise_makespan()
        else:
            self._relaxed.minimise_energy(search.instance, self._stage.powered)
        self._solving = Solving(self._relaxed.rows, min(search.clock.left_s, LONGEST_S))

    def _take(self, solving: Solving) -> None:
        search, optimum = self._search, solving.optimum()
        if optimum is None:
            self._waiting, self._solving = [], None
            return
        if self._stage.has_values:
            for schedule in rounded(search.instance, self._relaxed, optimum.values):
                search.offer(schedule, "relaxation")
        if self._stage.powered is None:
            search.raise_bound(0, optimum.bound)
        else:
            self._bounds.append(optimum.bound)
            if not self._waiting:
                search.raise_bound(min(self._bounds) / ENERGY_SCALE)
        self._start_next()


def powered_sets(instance: Instance) -> list[frozenset[int]]:
    """Return the sets of devices that can run every task; none where there are too many."""
    used = sorted({device for row in instance.device for device in row})
    if len(used) > MAX_POWERED:
        return []
    sets = [frozenset(c) for size in range(1, len(used) + 1) for c in combinations(used, size)]
    return [found for found in sets if all(found.intersection(row) for row in instance.device)]


def rounded(instance: Instance, relaxed: Relaxation, values: Sequence[float]) -> Iterator[Schedule]:
    """Yield schedules near a fractional solution: largest shares, earliest finish among shares."""
    shares = [[values[variable] for variable in row] for row in relaxed.chosen]
    start = [values[variable] for variable in relaxed.start]
    order = legal_order(instance, start)
    largest = [max(range(len(row)), key=row.__getitem__) for row in shares]
    choices = [instance.settled(largest)]
    for floor in (FLOOR, -1.0):
        allowed = [[m for m, share in enumerate(row) if share > floor] for row in shares]
        horizon = relaxed.rows.upper[relaxed.makespan]
        bias = [[(1 - share) * horizon * (floor < 0) for share in row] for row in shares]
        greedy = earliest_finish(instance, allowed, order, bias)
        if greedy is not None:
            choices.append(greedy)
    for modes in choices:
        if instance.admits(modes):
            yield decode(instance, modes, order)
            yield decode_by_rank(instance, modes)
