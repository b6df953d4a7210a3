"""One line of the accuracy report, and the limit that it must keep."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from statistics import fmean


@dataclass(frozen=True, slots=True)
class Limit:
    """The largest errors that a figure may have, or how much faster than a tool it must be."""

    mape_pct: float = inf
    worst_pct: float = inf
    speedup: float = -inf


NO_LIMIT = Limit()
EXACT = Limit(mape_pct=0.0, worst_pct=1e-7)
"""Equal up to the rounding of a double."""


@dataclass(frozen=True, slots=True)
class Score:
    """How one model did on one family of rows."""

    table: str
    family: str
    cases: int
    exact: int
    """Cases without any error."""
    mape_pct: float
    worst_pct: float
    note: str = ""
    limit: Limit = NO_LIMIT
    speedup: float = inf
    """The tool's run time over ours, where that is what was scored."""

    @property
    def missed(self) -> bool:
        """Say whether an error is above its limit, or the speed-up below."""
        slack = EXACT.worst_pct
        return (
            self.mape_pct > self.limit.mape_pct + slack
            or self.worst_pct > self.limit.worst_pct + slack
            or self.speedup < self.limit.speedup
        )


def score(
    table: str,
    family: str,
    pairs: Sequence[tuple[float, float]],
    note: str = "",
    limit: Limit = NO_LIMIT,
) -> list[Score]:
    """Return the score of (guess, truth) pairs; nothing for no pairs.

    A guess that is not zero where the truth is counts as an error of 100 %.
    """
    if not pairs:
        return []
    errors = [_error_pct(guess, truth) for guess, truth in pairs]
    exact = sum(error <= EXACT.worst_pct for error in errors)
    return [Score(table, family, len(pairs), exact, fmean(errors), max(errors), note, limit)]


def _error_pct(guess: float, truth: float) -> float:
    if truth:
        return 100 * abs(guess - truth) / abs(truth)
    return 100.0 if guess else 0.0
