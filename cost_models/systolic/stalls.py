"""Cycles in which a systolic array waits for memory, with double-buffered transfers.

While a fold computes, memory fills the other halves of the buffers for the next fold and takes the
results of the fold before. A fold waits for the rest of its transfers, if they take longer than it
computes. Nothing hides the words that the first fold starts with, nor the last results. What does
not fit half of a buffer streams through it while its own fold computes.

This is a physical bound on one shared memory. SCALE-Sim adds a potential stall to every line and
adds it again where it is positive (its issue #130); that is not reproduced.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

from cost_models.systolic.folding import Dataflow, Folding


class Step(IntEnum):
    """Where a fold lies; folds run down the rows first, so columns of folds are the outer loop."""

    FIRST = 0
    DOWN = 1
    """Below the first, in the first column of folds."""
    ACROSS = 2
    """The first of a later column."""
    INNER = 3


@dataclass(frozen=True, slots=True)
class Operand:
    """Words that memory moves for one operand, for all arrays that work together."""

    distinct: float
    """Fetched for the first time."""
    moved: float
    """With those fetched again."""
    half: float
    """What half of the buffers holds."""


@dataclass(frozen=True, slots=True)
class Transfers:
    """What memory moves for one product."""

    ifmap: Operand
    filter: Operand
    ofmap: Operand


_ALWAYS = (True, True, True, True)
_FIRST_COLUMN = (True, True, False, False)
_FIRST_ROW = (True, False, True, False)
_NEW: Mapping[Dataflow, tuple[tuple[bool, ...], tuple[bool, ...]]] = {
    Dataflow.OUTPUT: (_FIRST_COLUMN, _FIRST_ROW),
    Dataflow.WEIGHT: (_FIRST_COLUMN, _ALWAYS),
    Dataflow.INPUT: (_ALWAYS, _FIRST_COLUMN),
}
"""By step, whether a fold meets its part of the ifmap, and of the filter, for the first time."""


@dataclass(frozen=True, slots=True)
class _Fold:
    """Words of one fold."""

    ahead: float
    """Fetched while the fold before computes."""
    during: float
    """Fetched while it computes."""


def stall_cycles(
    fold: Folding,
    dataflow: Dataflow,
    transfers: Transfers,
    compute_cycles: float,
    words_per_cycle: float,
    products: int = 1,
) -> float:
    """Return the cycles that `products` equal products, one after another, wait for memory.

    Args:
        fold: How one product is folded.
        dataflow: Its stationary operand.
        transfers: Words that one product moves.
        compute_cycles: Cycles that one product computes.
        words_per_cycle: Bandwidth of the memory.
        products: How many follow one another; the next one's first words are fetched ahead.
    """
    folds = _folds(fold, dataflow, transfers)
    results = transfers.ofmap.moved / fold.folds
    late = min(results, transfers.ofmap.half)
    step_cycles = compute_cycles / fold.folds

    def waits(now: Step, following: Step | None, before: float = late) -> float:
        ahead = 0.0 if following is None else folds[following].ahead
        words = before + folds[now].during + ahead + results - late
        return max(0.0, words / words_per_cycle - step_cycles)

    order, last = _order(fold)
    start = next(iter(order), (1, last, Step.FIRST if products > 1 else None))
    total = products * sum(count * waits(now, following) for count, now, following in order)
    total += (products - 1) * waits(last, Step.FIRST) + waits(last, None)
    total += waits(*start[1:], before=0.0) - waits(*start[1:])  # nothing came before the first
    return total + (folds[Step.FIRST].ahead + late) / words_per_cycle


def _order(fold: Folding) -> tuple[list[tuple[int, Step, Step]], Step]:
    """How often one kind of fold follows another in a product, and the kind of the last one."""
    downs, acrosses = fold.row_folds - 1, fold.col_folds - 1
    bottom, later_bottom = Step.FIRST, Step.ACROSS
    order = []
    if downs:
        bottom, later_bottom = Step.DOWN, Step.INNER
        order += [
            (1, Step.FIRST, Step.DOWN),
            (downs - 1, Step.DOWN, Step.DOWN),
            (acrosses, Step.ACROSS, Step.INNER),
            (acrosses * (downs - 1), Step.INNER, Step.INNER),
        ]
    if acrosses:
        order += [(1, bottom, Step.ACROSS), (acrosses - 1, later_bottom, Step.ACROSS)]
    return order, later_bottom if acrosses else bottom


def _folds(fold: Folding, dataflow: Dataflow, transfers: Transfers) -> tuple[_Fold, ...]:
    """Words of each step's folds; a step that does not occur has none."""
    downs, acrosses = fold.row_folds - 1, fold.col_folds - 1
    counts = (1, downs, acrosses, downs * acrosses)
    new_ifmap, new_filter = _NEW[dataflow]
    ifmap = _fetched(transfers.ifmap, new_ifmap, counts)
    weights = _fetched(transfers.filter, new_filter, counts)
    folds = []
    for some, others in zip(ifmap, weights, strict=True):
        ahead = min(some, transfers.ifmap.half) + min(others, transfers.filter.half)
        folds.append(_Fold(ahead, some + others - ahead))
    return tuple(folds)


def _fetched(operand: Operand, new: tuple[bool, ...], counts: tuple[int, ...]) -> tuple[float, ...]:
    """Words of an operand in a fold of each step, spread evenly over those that fetch it alike."""
    firsts = sum(count for count, first in zip(counts, new, strict=True) if first)
    anew = operand.distinct / firsts
    again = (operand.moved - operand.distinct) / max(1, sum(counts) - firsts)
    return tuple(anew if first else again for first in new)
