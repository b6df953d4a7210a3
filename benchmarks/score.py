"""One line of the accuracy report."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean


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


def score(
    table: str, family: str, pairs: Sequence[tuple[float, float]], note: str = ""
) -> list[Score]:
    """Return the score of (guess, truth) pairs; nothing for no pairs."""
    if not pairs:
        return []
    errors = [100 * abs(guess - truth) / abs(truth) if truth else 0.0 for guess, truth in pairs]
    exact = sum(abs(guess - truth) <= 1e-9 * abs(truth) for guess, truth in pairs)
    return [Score(table, family, len(pairs), exact, fmean(errors), max(errors), note)]
