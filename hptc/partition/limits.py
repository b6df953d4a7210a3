"""Limits of a solve, its progress, and the clock that keeps them."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Limits:
    """When a solve may stop.

    Args:
        time_s: wall time in s for everything, the bound included.
        gap: relative distance of value and bound that is good enough.
        seed: of every random choice.
        workers: threads of CP-SAT.
    """

    time_s: float = 10.0
    gap: float = 0.0
    seed: int = 0
    workers: int = 2


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
