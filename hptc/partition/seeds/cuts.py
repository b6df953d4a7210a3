"""Seeds by minimum cuts: devices that minimise total time as if nothing ran at the same time.

Alpha expansion (Boykov, Veksler and Zabih, "Fast approximate energy minimization via graph cuts",
2001): for one device after the other, a minimum cut decides which tasks move there, at the price of
their times and of the transfers along the cut. On graphs that are mostly chains with slow links
this finds which long stretches are worth a move, in milliseconds.
"""

from collections.abc import Callable, Iterator

import numpy as np
from ortools.graph.python import max_flow

from hptc.partition.instance import Instance
from hptc.partition.tables import Numbers, Reals, SendMatrix

ROUNDS = 3
"""Passes over the devices; the choice rarely changes after the second."""

RESOLUTION = 10**6
"""Costs are rounded to this share of the largest, to stay within 64 bits."""

WEIGHTS = (1.0, 0.5, 0.2)
"""How much of a transfer counts: part of it hides behind work."""


def cut_choices(instance: Instance, stop: Callable[[], bool]) -> Iterator[list[int]]:
    """Yield modes of small total time for several weights of the transfers; `stop` is polled."""
    if instance.is_dense:
        return
    fastest = [
        min(usual, key=times.__getitem__)
        for usual, times in zip(instance.usual, instance.duration, strict=True)
    ]
    first = np.array(instance.places(fastest), dtype=np.int64)
    cutter = _Cutter(instance)
    for weight in WEIGHTS:
        at = first
        for _ in range(ROUNDS):
            before = at
            for device in range(instance.devices):
                if stop():
                    return
                at = cutter.expand(at, device, weight)
            if np.array_equal(at, before):
                break
        pairs = zip(instance.mode_on, at.tolist(), strict=True)
        yield instance.settled([on[device] for on, device in pairs])


class _Cutter:
    """Costs of one instance in integers; `barrier` forbids."""

    def __init__(self, instance: Instance) -> None:
        largest = max(*map(max, instance.duration), *instance.longest_sends, 0, 0)
        self._unit = max(1, largest) / RESOLUTION
        self._barrier = RESOLUTION * (4 * instance.tasks + 4)
        self._work = np.full((instance.tasks, instance.devices), self._barrier)
        """Of each task on each device."""
        for task, on in enumerate(instance.mode_on):
            for device, mode in on.items():
                self._work[task, device] = round(instance.duration[task][mode] / self._unit)
        values = instance.problem.values
        value, self._source, self._reader = instance.reads.T
        self._value = value
        self._readers = np.array([len(value.readers) for value in values])[value]
        self._matrix = SendMatrix(instance.problem)

    def expand(self, at: Numbers, device: int, weight: float) -> Numbers:
        """Return the best devices of the tasks if each stays where it is or moves to `device`.

        With x = 1 for a move, an edge (a, b) that costs E(x_a, x_b), E(1, 1) = 0, splits into
        E00 + (E10 - E00) x_a - E10 x_b + (E01 + E10 - E00) (1 - x_a) x_b. The last factor has to be
        non-negative: E00 is cut down where the triangle inequality does not hold.
        """
        count, (a, b) = len(at), (self._source, self._reader)
        moved = np.full(len(a), device)
        first, second = self._sent(moved, at[b], weight), self._sent(at[a], moved, weight)
        both = np.minimum(self._sent(at[a], at[b], weight), first + second)
        gain = self._work[np.arange(count), at] - self._work[:, device]
        np.add.at(gain, a, both - first)
        np.add.at(gain, b, first)
        flow, (source, sink) = max_flow.SimpleMaxFlow(), (count, count + 1)
        flow.add_arcs_with_capacity(a, b, first + second - both)
        away, back = np.flatnonzero(gain > 0), np.flatnonzero(gain < 0)
        flow.add_arcs_with_capacity(away, np.full_like(away, sink), gain[away])
        flow.add_arcs_with_capacity(np.full_like(back, source), back, -gain[back])
        flow.solve(source, sink)
        moves = np.ones(count + 2, dtype=bool)
        moves[flow.get_source_side_min_cut()] = False
        return np.where(moves[:count] & (self._work[:, device] < self._barrier), device, at)

    def _sent(self, source: Numbers, device: Numbers, weight: float) -> Numbers:
        """Return the cost of each edge between two devices of its own."""
        times_ns: Reals = self._matrix.sent_ns(self._value, source, device)
        costs = np.rint(times_ns * (weight / self._readers) / self._unit)
        return np.where(np.isinf(costs), self._barrier, costs).astype(np.int64)
