"""Limits of a solve, its progress, and the clock that keeps them."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Self

from hptc.errors import UsageError
from hptc.partition.problem import relative_gap

LEAST_S = 0.01
"""Shortest limit in s that a solver is given."""
MAX_SEED = 2**31 - 1
"""Largest seed that CP-SAT takes."""
SEARCH_SHARE = 0.5
"""Share of the limit that a search has, however long what comes before and after it takes."""


def never() -> bool:
    """Return whether to stop: no."""
    return False


@dataclass(frozen=True, slots=True)
class Parts:
    """Parts of the search that can be left out, to measure what each is worth."""

    cuts: bool = True
    """Seeds from minimum cuts."""
    repeats: bool = True
    """The problem with few of its repeated blocks first."""
    echo: bool = True
    """What helps one block is tried in all that are alike."""
    rounding: bool = True
    """Seeds from the relaxation; its bound stays."""
    prices: bool = True
    """The bound, and a seed, from prices on loads."""
    levels: bool = True
    """Seeds whose loads are level in each stretch of the step."""
    windows: bool = True
    """Improvement of windows by CP-SAT."""
    segments: bool = True
    """The bound from segments of a long path."""
    proofs: bool = True
    """What CP-SAT proves of the whole beside the search."""
    sets: bool = True
    """Where energies count, the sets of devices one by one."""


@dataclass(frozen=True, slots=True)
class Limits:
    """When a solve may stop, and what it may use.

    Args:
        time_s: wall time in s for everything, the bound included.
        gap: relative distance of value and bound that is good enough.
        seed: of every random choice.
        workers: threads of CP-SAT where one could not prove the answer; answers found by one are
            the same each time, as far as the time limit allows.
        work_s: work that may be done instead, whatever time it takes: in s of the machine on which
            it was measured. The answer is then the same each time, on any machine.
        parts: what the search may use.

    Raises:
        UsageError: one of them is out of range.
    """

    time_s: float = 10.0
    gap: float = 0.0
    seed: int = 0
    workers: int = 2
    work_s: float | None = None
    parts: Parts = Parts()

    def __post_init__(self) -> None:
        """Check the ranges."""
        if not (math.isfinite(self.time_s) and self.time_s > 0):
            raise _out_of_range("--time-limit", "a positive number of s", self.time_s)
        if not (math.isfinite(self.gap) and self.gap >= 0):
            raise _out_of_range("--gap", "a number of at least 0", self.gap)
        if not 0 <= self.seed <= MAX_SEED:
            raise _out_of_range("--seed", f"a number from 0 to {MAX_SEED}", self.seed)
        if self.work_s is not None and not (math.isfinite(self.work_s) and self.work_s > 0):
            raise _out_of_range("--work-limit", "a positive number", self.work_s)

    @property
    def span_s(self) -> float:
        """What is limited: the work in s if it is, else the time in s."""
        return self.time_s if self.work_s is None else self.work_s

    def within(self, span_s: float) -> Self:
        """Return the same limits with another span in s."""
        if self.work_s is None:
            return replace(self, time_s=span_s)
        return replace(self, work_s=span_s)


def _out_of_range(option: str, expected: str, found: float) -> UsageError:
    return UsageError(option, expected=expected, found=str(found))


@dataclass(frozen=True, slots=True)
class Progress:
    """State of a running solve, in the unit of the objective."""

    elapsed_s: float
    """Of the wall."""
    value: float
    lower_bound: float
    stage: str

    @property
    def gap(self) -> float:
        """Relative distance of the value from its bound."""
        return relative_gap(self.value, self.lower_bound)


class Work:
    """Work done so far in s, alone or as part of a larger piece."""

    def __init__(self, part_of: "Work | None" = None) -> None:
        self.done_s = 0.0
        self._part_of = part_of

    def add(self, time_s: float) -> None:
        """Count some more work."""
        self.done_s += time_s
        if self._part_of is not None:
            self._part_of.add(time_s)


@dataclass(frozen=True)
class Clock:
    """Time of one solve; `stop` lets the caller end it early.

    It is the time of the wall or, where work is limited, of the work charged. The latter passes in
    the same way each time, so that what is decided by this clock is always decided alike.
    """

    limits: Limits
    stop: Callable[[], bool] | None = None
    started: float = field(default_factory=time.monotonic)
    work: Work = field(default_factory=Work)
    whole: "Clock | None" = None
    """What this is a part of."""

    @property
    def counts_work(self) -> bool:
        """Whether work is limited, not time."""
        return self.limits.work_s is not None

    @property
    def wall_s(self) -> float:
        """Wall time since the start in s."""
        return time.monotonic() - self.started

    @property
    def elapsed_s(self) -> float:
        """Time since the start in s."""
        return self.work.done_s if self.counts_work else self.wall_s

    @property
    def left_s(self) -> float:
        """Time left in s, never negative."""
        return max(0.0, self.limits.span_s - self.elapsed_s)

    @property
    def rest(self) -> Limits:
        """Limits for a search with the time left."""
        return self.limits.within(max(self.left_s, SEARCH_SHARE * self.limits.span_s))

    def sparing(self, time_s: float) -> "Clock":
        """Return the same clock with an end `time_s` s earlier; where work is limited, none."""
        if self.counts_work:
            return self
        span_s = self.limits.span_s
        end_s = max(span_s - time_s, SEARCH_SHARE * span_s)
        return replace(self, limits=self.limits.within(end_s))

    def part(self, span_s: float) -> "Clock":
        """Return a clock of the next `span_s` s; it is over with this one at the latest."""
        return Clock(self.limits.within(max(span_s, LEAST_S)), work=Work(self.work), whole=self)

    def is_over(self) -> bool:
        """Return whether the time has passed or the caller wants an end."""
        if self.left_s <= 0 or self.is_called_off():
            return True
        return self.whole is not None and self.whole.is_over()

    def is_called_off(self) -> bool:
        """Return whether the caller wants an end."""
        if self.stop is not None and self.stop():
            return True
        return self.whole is not None and self.whole.is_called_off()
