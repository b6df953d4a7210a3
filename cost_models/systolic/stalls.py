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
from enum import Enum

from cost_models.systolic.folding import Dataflow, Folding


class Step(Enum):
    """Where a fold lies; folds run down the rows first, so columns of folds are the outer loop."""

    FIRST = "first"
    DOWN = "down"
    """Below the first, in the first column of folds."""
    ACROSS = "across"
    """The first of a later column."""
    INNER = "inner"


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


_NEW_FIRST = frozenset({Step.FIRST, Step.DOWN})
_NEW_ACROSS = frozenset({Step.FIRST, Step.ACROSS})
_NEW_IN_STEP: Mapping[Dataflow, tuple[frozenset[Step], frozenset[Step]]] = {
    Dataflow.OUTPUT: (_NEW_FIRST, _NEW_ACROSS),
    Dataflow.WEIGHT: (_NEW_FIRST, frozenset(Step)),
    Dataflow.INPUT: (frozenset(Step), _NEW_FIRST),
}
"""Folds that meet a part of the ifmap, and of the filter, for the first time."""


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
        ahead = folds[following].ahead if following else 0.0
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


def _folds(fold: Folding, dataflow: Dataflow, transfers: Transfers) -> Mapping[Step, _Fold]:
    """Words of each kind of fold; a kind that does not occur has none."""
    downs, acrosses = fold.row_folds - 1, fold.col_folds - 1
    counts = {
        Step.FIRST: 1,
        Step.DOWN: downs,
        Step.ACROSS: acrosses,
        Step.INNER: downs * acrosses,
    }
    new_ifmap, new_filter = _NEW_IN_STEP[dataflow]
    operands = ((transfers.ifmap, new_ifmap), (transfers.filter, new_filter))
    found = {}
    for step in Step:
        fetched = [
            (_fetched(operand, step, new, counts), operand.half) for operand, new in operands
        ]
        ahead = sum(min(words, half) for words, half in fetched)
        found[step] = _Fold(ahead, sum(words for words, _ in fetched) - ahead)
    return found


def _fetched(
    operand: Operand, step: Step, new: frozenset[Step], counts: Mapping[Step, int]
) -> float:
    """Words of an operand in one fold, spread evenly over the folds that fetch it anew or again."""
    if step in new:
        return operand.distinct / sum(counts[kind] for kind in new)
    again = operand.moved - operand.distinct
    return again / max(1, sum(count for kind, count in counts.items() if kind not in new))
