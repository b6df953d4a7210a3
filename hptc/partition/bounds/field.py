"""The least sum of priced loads over all choices of modes, bounded by messages along values.

Each task costs what its mode takes of a device, each value what its transfer takes of a link, both
at a price. Half of the messages say what a choice of a reader costs before it, half what a choice
of a source costs behind it: sequential tree-reweighted message passing (Kolmogorov, "Convergent
tree-reweighted message passing for energy minimization", 2006). Whatever they say, they only move
costs between tasks and values, so the least costs of all of them add up to a bound.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hptc.partition.instance import NO_LINK, Instance
from hptc.partition.tables import Numbers, Reals, SendMatrix

PRICE_BITS = 20
"""All prices together are about 2^20."""
COST_BITS = 56
"""Where costs could be larger, times are counted in units of a power of two ns, rounded down."""
SUM_BITS = 59
"""What the messages to a task, and those from it, may add up to."""


class Field:
    """Costs of modes and of pairs of modes, and the messages; times in 2^shift ns.

    Prices are integers: of the rows of tasks, then of pairs of devices.
    """

    def __init__(self, instance: Instance) -> None:
        longest = sum(map(max, instance.duration)) + sum(instance.longest_sends)
        self.shift = max(0, longest.bit_length() + PRICE_BITS - COST_BITS)
        self.rows, self.pairs = len(instance.resources), instance.devices**2
        self._is_mode = _padded([[1] * len(row) for row in instance.device]).astype(bool)
        self._work = _padded(instance.duration) >> self.shift
        self._row = _padded(instance.resource)
        reads = instance.reads
        carried = np.array([value.carried for value in instance.problem.values], dtype=bool)
        value, self._source, self._reader = reads[~carried[reads[:, 0]]].T
        self._add_pairs(instance, value)
        count = instance.tasks
        self._after = np.bincount(self._reader, minlength=count)[:, None]
        self._parts = np.maximum(np.bincount(self._source, minlength=count)[:, None], self._after)
        self._parts = np.maximum(self._parts, 1)
        level = instance.level
        self._forward = _batches(level[self._source])
        self._backward = _batches(-level[self._reader])
        self._by_level = _batches(level)
        self._to_level = _batches(level[self._reader])
        shape = (len(value), self._work.shape[1])
        self._down, self._up = np.zeros(shape), np.zeros(shape)

    def _add_pairs(self, instance: Instance, value: Numbers) -> None:
        """Set what each value takes of which link, for each pair of modes of its ends."""
        at = _padded(instance.device)
        first, then = at[self._source][:, :, None], at[self._reader][:, None, :]
        self._pair = np.ravel_multi_index((first, then), (instance.devices,) * 2)
        matrix, each = SendMatrix(instance.problem), value[:, None, None]
        lengths = matrix.units(each, first, then, self.shift, NO_LINK)
        is_pair = self._is_mode[self._source][:, :, None] & self._is_mode[self._reader][:, None, :]
        self._is_pair = is_pair & (lengths != NO_LINK)
        self._send = np.where(self._is_pair, lengths, 0)
        readers = np.bincount(value, minlength=len(instance.problem.values))
        self._readers = np.maximum(readers, 1)[value][:, None, None]
        """A value is sent once for all of them, so each bears a part."""

    def pass_messages(self, prices: Numbers) -> None:
        """Send messages to all readers, then to all sources."""
        modes, pairs = self._costs(prices)
        cost = np.where(self._is_mode, modes, np.inf)
        np.add.at(cost, self._reader, self._down)
        np.add.at(cost, self._source, self._up)
        between = np.where(self._is_pair, pairs, np.inf)
        for part in self._forward:
            task = self._source[part]
            given = cost[task] / self._parts[task] - self._up[part]
            told = _finite((given[:, :, None] + between[part]).min(axis=1))
            np.add.at(cost, self._reader[part], told - self._down[part])
            self._down[part] = told
        for part in self._backward:
            task = self._reader[part]
            given = cost[task] / self._parts[task] - self._down[part]
            told = _finite((given[:, None, :] + between[part]).min(axis=2))
            np.add.at(cost, self._source[part], told - self._up[part])
            self._up[part] = told

    def bound(self, prices: Numbers) -> int:
        """Return what the messages prove: no choice of modes costs less, in 2^shift ns of price."""
        modes, pairs = self._costs(prices)
        down, up = self._whole(self._down), self._whole(self._up)
        np.add.at(modes, self._reader, down)
        np.add.at(modes, self._source, up)
        given = modes // self._parts
        kept = modes - given * self._after
        pairs += (given[self._reader] - down)[:, None, :] - up[:, :, None]
        return _least(kept, self._is_mode) + _least(pairs, self._is_pair)

    def _whole(self, told: Reals) -> Numbers:
        """Return messages as integers of which no sum at a task leaves 64 bits."""
        most = 2.0 ** (SUM_BITS - int(self._parts.max()).bit_length())
        return np.floor(np.clip(np.nan_to_num(told), -most, most)).astype(np.int64)

    def choice(self, prices: Numbers) -> Numbers:
        """Return modes of small cost: task by task, as the messages have it of what comes later."""
        modes, pairs = self._costs(prices)
        cost = np.where(self._is_mode, modes, np.inf)
        np.add.at(cost, self._source, self._up)
        between = np.where(self._is_pair, pairs, np.inf)
        found = np.zeros(len(cost), dtype=np.int64)
        for step, tasks in enumerate(self._by_level):
            if step:
                part = self._to_level[step - 1]
                chosen = between[part, found[self._source[part]]]
                np.add.at(cost, self._reader[part], chosen)
            found[tasks] = cost[tasks].argmin(axis=1)
        return found

    def loads_ns(self, choice: Numbers) -> Reals:
        """Return what modes take of all that has a price, in ns."""
        taken = np.zeros(self.rows + self.pairs)
        tasks = np.arange(len(choice))
        np.add.at(taken, self._row[tasks, choice], self._work[tasks, choice])
        ends = np.arange(len(self._source)), choice[self._source], choice[self._reader]
        share = self._send[ends] / self._readers[:, 0, 0]
        np.add.at(taken, self.rows + self._pair[ends], share)
        return np.ldexp(taken, self.shift)

    def _costs(self, prices: Numbers) -> tuple[Numbers, Numbers]:
        """Return the costs of modes and of pairs of modes, without messages."""
        modes = prices[self._row] * self._work
        pairs = prices[self.rows + self._pair] * self._send // self._readers
        return modes, pairs


def _padded(rows: Sequence[Sequence[int]]) -> Numbers:
    """Return rows as one table, filled up with 0."""
    found = np.zeros((len(rows), max(map(len, rows))), dtype=np.int64)
    for position, row in enumerate(rows):
        found[position, : len(row)] = row
    return found


def _batches(key: Numbers) -> list[Numbers]:
    """Return the positions of equal keys, the least key first."""
    order = np.argsort(key, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(key[order])) + 1)


def _finite(told: Reals) -> Reals:
    """Return messages where there are any: of what no choice reaches, nothing is said."""
    return np.where(np.isfinite(told), told, 0.0)


def _least(costs: Numbers, is_possible: NDArray[np.bool_]) -> int:
    """Return the sum of the least possible costs of all rows; of one that has none, nothing."""
    inner = tuple(range(1, costs.ndim))
    least = costs.min(axis=inner, where=is_possible, initial=np.iinfo(np.int64).max)
    return sum(np.where(is_possible.any(axis=inner), least, 0).tolist())
