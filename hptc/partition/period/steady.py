"""Steady states of given modes: for a period, and of the least period that is found."""

import math
from collections.abc import Sequence

from hptc.partition.decode import decode_by_rank, to_assignment
from hptc.partition.instance import Instance
from hptc.partition.limits import Clock
from hptc.partition.period.check import memory_bytes
from hptc.partition.period.fold import fold, least_period
from hptc.partition.period.periodic import Periodic
from hptc.partition.period.recurrence import Recurrences
from hptc.partition.search import pass_s

SPREADS = (1 << 20, 64, 16, 8, 4, 2, 1)
"""Shares of gaps that are tried: with many of them steps are short, with few everything fits."""
STRETCH = 0.03
"""Relative step from period to period where longer ones are tried."""
FINENESS = 1e-3
"""Relative width at which the search for a period that modes can keep ends."""


class Steady:
    """Steady states of one choice of modes after the other.

    Args:
        instance: The tasks.
        recurrences: Their cycles.
        clock: Is charged for each.
    """

    def __init__(self, instance: Instance, recurrences: Recurrences, clock: Clock) -> None:
        self._instance, self._recurrences, self._clock = instance, recurrences, clock
        self._limits = [device.memory_bytes for device in instance.problem.devices]

    def keeps_memory(self, periodic: Periodic) -> bool:
        """Return whether the copies of all steps fit the devices."""
        if not any(limit is not None for limit in self._limits):
            return True
        used = memory_bytes(self._instance.problem, periodic)
        pairs = zip(used, self._limits, strict=True)
        return all(limit is None or size <= limit for size, limit in pairs)

    def at(self, modes: Sequence[int], period_ns: int) -> Periodic | None:
        """Return the state of a period with most gaps, which make steps short, if any is."""
        instance = self._instance
        order = self._recurrences.order(decode_by_rank(instance, modes).start)
        for spread in SPREADS:
            self._clock.work.add(pass_s(instance))
            found = fold(instance, modes, order, period_ns, spread)
            if found is not None and self.keeps_memory(found):
                return found
        return None

    def least(self, modes: Sequence[int], low_ns: int, high_ns: int) -> Periodic | None:
        """Return the state of least period between two periods; None if none is found.

        Where the lower one cannot be kept, the search halves what is between them, as if every
        period above one that can be kept could be kept too.
        """
        best = self.at(modes, low_ns)
        if best is not None:
            return best
        while high_ns - low_ns > max(1, FINENESS * high_ns) and not self._clock.is_over():
            middle = (low_ns + high_ns) // 2
            found = self.at(modes, middle)
            if found is None:
                low_ns = middle
            else:
                best, high_ns = found, middle
        return best

    def shortest(self, modes: Sequence[int], count: int) -> list[Periodic]:
        """Return the state in which `count` steps take least time, if any keeps the memory.

        A longer period makes each step shorter, down to one step after the other.
        """
        plain = decode_by_rank(self._instance, modes)
        alone = Periodic(max(1, plain.makespan), to_assignment(self._instance, plain))
        found = [alone] if self.keeps_memory(alone) else []
        period_ns, ramp_ns = least_period(self._instance, modes), self._path_ns(modes)
        best_ns = min((span_ns(periodic, count) for periodic in found), default=math.inf)
        while period_ns < plain.makespan and ramp_ns + (count - 1) * period_ns < best_ns:
            state = self.at(modes, period_ns)
            if state is not None and span_ns(state, count) < best_ns:
                found, best_ns = [state], span_ns(state, count)
            period_ns += max(1, round(STRETCH * period_ns))
            if self._clock.is_over():
                break
        return found

    def promise_ns(self, modes: Sequence[int], count: int) -> int:
        """Return what `count` steps take if a step is as short as alone, at the least period."""
        alone = decode_by_rank(self._instance, modes).makespan
        return alone + (count - 1) * least_period(self._instance, modes)

    def _path_ns(self, modes: Sequence[int]) -> int:
        """Return the longest path of modes: no step of them is shorter."""
        instance, end = self._instance, [0] * self._instance.tasks
        at = instance.places(modes)
        for task in instance.order:
            ready = 0
            for v in instance.inputs[task]:
                value = instance.problem.values[v]
                sent = instance.send[v][at[value.src]][at[task]]
                ready = max(ready, sent + (0 if value.carried else end[value.src]))
            end[task] = ready + instance.duration[task][modes[task]]
        return max(end, default=0)


def span_ns(periodic: Periodic, count: int) -> int:
    """Return the time in ns from the start of the first of `count` steps to the end of the last."""
    return periodic.assignment.makespan_ns + (count - 1) * periodic.period_ns
