"""Limits of a solve, its progress, and the clock that keeps them."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from hptc.errors import UsageError

MAX_SEED = 2**31 - 1
"""Largest seed that CP-SAT takes."""


@dataclass(frozen=True, slots=True)
class Limits:
    """When a solve may stop.

    Args:
        time_s: wall time in s for everything, the bound included.
        gap: relative distance of value and bound that is good enough.
        seed: of every random choice.
        workers: threads of CP-SAT where one could not prove the answer; answers found by one are
            the same each time, as far as the time limit allows.

    Raises:
        UsageError: one of them is out of range.
    """

    time_s: float = 10.0
    gap: float = 0.0
    seed: int = 0
    workers: int = 2

    def __post_init__(self) -> None:
        """Check the ranges."""
        if not (math.isfinite(self.time_s) and self.time_s > 0):
            raise _out_of_range("--time-limit", "a positive number of s", self.time_s)
        if not (math.isfinite(self.gap) and self.gap >= 0):
            raise _out_of_range("--gap", "a number of at least 0", self.gap)
        if not 0 <= self.seed <= MAX_SEED:
            raise _out_of_range("--seed", f"a number from 0 to {MAX_SEED}", self.seed)


def _out_of_range(option: str, expected: str, found: float) -> UsageError:
    return UsageError(option, expected=expected, found=str(found))


@dataclass(frozen=True, slots=True)
class Progress:
    """State of a running solve, in the unit of the objective (ns or pJ)."""

    elapsed_s: float
    value: float
    lower_bound: float
    stage: str


@dataclass(frozen=True)
class Clock:
    """Wall time of one solve; `stop` lets the caller end it early."""

    limits: Limits
    stop: Callable[[], bool] | None = None
    started: float = field(default_factory=time.monotonic)

    @property
    def elapsed_s(self) -> float:
        """Wall time since the start in s."""
        return time.monotonic() - self.started

    @property
    def left_s(self) -> float:
        """Wall time left in s, never negative."""
        return max(0.0, self.limits.time_s - self.elapsed_s)

    def is_over(self) -> bool:
        """Return whether the time has passed or the caller wants an end."""
        return self.left_s <= 0 or (self.stop is not None and self.stop())
