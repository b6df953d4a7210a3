"""Bounds on the makespan from paths: cheap, exact in integers.

All values that tasks of one level read (the most tasks in a row before them) are looked at at once,
between all pairs of devices.
"""

from collections.abc import Iterator, Sequence
from functools import cached_property

import numpy as np

from hptc.partition.instance import Instance
from hptc.partition.tables import Numbers, SendMatrix

NEVER = 1 << 61
"""Time of what cannot be: no mode there, no link. Two of them and a path fit 64 bits."""
PATH_BITS = 60
"""Longer paths are counted in units of a power of two ns, each part rounded down."""
AT_ONCE = 1 << 21
"""Pairs of devices, of all values together, that are looked at at once."""


def path_bound(instance: Instance) -> int:
    """Return the longest path in ns, every task in its best mode with its forced transfers.

    For each task and device, the head is a bound on its end and the tail one on what follows; a
    task takes one mode, so the least sum over its devices bounds the makespan. Carried values add
    the transfer they force, not their source.
    """
    if not instance.tasks:
        return 0
    paths = _Paths(instance)
    through = paths.before + paths.least + paths.after
    return int(through.min(axis=1).max()) << paths.shift


def path_heads(instance: Instance) -> list[list[int]]:
    """Return for each task and mode a bound in ns on when it can end."""
    paths = _Paths(instance)
    return [
        [(before[device] << paths.shift) + time for device, time in zip(*modes, strict=True)]
        for before, *modes in zip(
            paths.before.tolist(), instance.device, instance.duration, strict=True
        )
    ]


def path_tails(
    instance: Instance, allowed: Sequence[Sequence[int]] | None = None
) -> list[list[int]]:
    """Return for each task and mode a bound in ns on the time from its end to the makespan.

    It holds for schedules in which every task takes a mode that is allowed (None: any).
    """
    paths = _Paths(instance, allowed)
    return [
        [after[device] << paths.shift for device in devices]
        for after, devices in zip(paths.after.tolist(), instance.device, strict=True)
    ]


class _Paths:
    """What has to come before and after each task on each device, in 2^shift ns."""

    def __init__(self, instance: Instance, allowed: Sequence[Sequence[int]] | None = None) -> None:
        self._instance = instance
        longest = sum(map(max, instance.duration)) + sum(instance.longest_sends)
        self.shift = max(0, longest.bit_length() - PATH_BITS)
        self.least = self._least(allowed or [range(len(row)) for row in instance.device])
        """Time of each task on each device."""
        values = instance.problem.values
        self._matrix = SendMatrix(instance.problem)
        self._is_carried = np.array([value.carried for value in values], dtype=bool)

    @cached_property
    def before(self) -> Numbers:
        """Time before each task begins."""
        instance = self._instance
        value, source, reader = instance.reads.T
        return self._wait(value, source, reader, instance.level)

    @cached_property
    def after(self) -> Numbers:
        """Time from the end of each task."""
        reads = self._instance.reads
        value, source, reader = reads[~self._is_carried[reads[:, 0]]].T
        return self._wait(value, reader, source, -self._instance.level, is_backward=True)

    def _least(self, allowed: Sequence[Sequence[int]]) -> Numbers:
        instance = self._instance
        least = np.full((instance.tasks, instance.devices), NEVER, dtype=np.int64)
        found = [
            (task, places[mode], times[mode])
            for task, (row, places, times) in enumerate(
                zip(allowed, instance.device, instance.duration, strict=True)
            )
            for mode in row
        ]
        tasks, devices, times_ns = np.array(found, dtype=np.int64).T
        np.minimum.at(least, (tasks, devices), times_ns >> self.shift)
        return least

    def _wait(
        self,
        value: Numbers,
        first: Numbers,
        then: Numbers,
        turn: Numbers,
        *,
        is_backward: bool = False,
    ) -> Numbers:
        """Return how long each task waits on each device for the one at the other end of values."""
        wait = np.zeros_like(self.least)
        order = np.lexsort((then, turn[then]))
        value, first, then = value[order], first[order], then[order]
        for part in self._parts(turn[then]):
            v, at = value[part], first[part]
            done = np.minimum(wait[at] + self.least[at], NEVER)
            is_there = self._is_carried[v][:, None] & (done < NEVER)
            done[is_there] = 0
            sends = self._sends(v)
            reached = done[:, None, :] + sends if is_backward else done[:, :, None] + sends
            least = reached.min(axis=2 if is_backward else 1)
            least[least >= NEVER] = 0
            tasks, starts = np.unique(then[part], return_index=True)
            wait[tasks] = np.maximum(wait[tasks], np.maximum.reduceat(least, starts))
        return wait

    def _parts(self, turns: Numbers) -> Iterator[slice]:
        """Yield ranges of equal turns, none too long."""
        most = max(1, AT_ONCE // self._instance.devices**2)
        ends = [*(np.flatnonzero(np.diff(turns)) + 1).tolist(), len(turns)]
        begin = 0
        for end in ends:
            for first in range(begin, end, most):
                yield slice(first, min(first + most, end))
            begin = end

    def _sends(self, value: Numbers) -> Numbers:
        """Return the time of each value between all pairs of devices."""
        return self._matrix.pair_units(value, self.shift, NEVER)
