from dataclasses import replace
from itertools import pairwise, product

import pytest

from cost_models.systolic.folding import Array, Dataflow, Gemm, folding
from cost_models.systolic.stalls import Operand, Transfers, stall_cycles

ARRAY = Array(4, 4)
GEMMS = [Gemm(m, k, n) for m, k, n in product((3, 9, 14), repeat=3)]
COMPUTE = 120.0


def transfers(gemm: Gemm, dataflow: Dataflow, passes: int, half: float) -> Transfers:
    """Operands that stream are fetched in each of `passes`, if they are met in so many."""
    fold = folding(gemm, ARRAY, dataflow)
    columns, rows = min(passes, fold.col_folds), min(passes, fold.row_folds)
    ifmap, weights = gemm.m * gemm.k, gemm.k * gemm.n
    ifmap_passes = 1 if dataflow is Dataflow.INPUT else columns
    filter_passes = {Dataflow.OUTPUT: rows, Dataflow.WEIGHT: 1, Dataflow.INPUT: columns}[dataflow]
    return Transfers(
        Operand(ifmap, ifmap * ifmap_passes, half),
        Operand(weights, weights * filter_passes, half),
        Operand(gemm.m * gemm.n, gemm.m * gemm.n, half),
    )


def fold_by_fold(
    gemm: Gemm, dataflow: Dataflow, moved: Transfers, words_per_cycle: float, products: int
) -> float:
    """The same timeline, walked through."""
    fold = folding(gemm, ARRAY, dataflow)
    places = list(product(range(fold.col_folds), range(fold.row_folds)))
    rows_meet = {place: place[0] == 0 for place in places}
    columns_meet = {place: place[1] == 0 for place in places}
    always = dict.fromkeys(places, True)
    meets = {
        Dataflow.OUTPUT: (rows_meet, columns_meet),
        Dataflow.WEIGHT: (rows_meet, always),
        Dataflow.INPUT: (always, rows_meet),
    }[dataflow]
    ahead, during = [], []
    for place in places:
        words = [
            operand.distinct / sum(meet.values())
            if meet[place]
            else (operand.moved - operand.distinct) / (len(places) - sum(meet.values()))
            for operand, meet in zip((moved.ifmap, moved.filter), meets, strict=True)
        ]
        halves = (moved.ifmap.half, moved.filter.half)
        ahead.append(sum(map(min, words, halves)))
        during.append(sum(words) - ahead[-1])
    ahead, during = ahead * products, during * products
    results = moved.ofmap.moved / len(places)
    late = min(results, moved.ofmap.half)
    step = COMPUTE / len(places)
    cycles = ahead[0] / words_per_cycle
    for number in range(len(ahead)):
        following = ahead[number + 1] if number + 1 < len(ahead) else 0.0
        before = late if number else 0.0
        overlapped = before + during[number] + following + results - late
        cycles += max(step, overlapped / words_per_cycle)
    return cycles + late / words_per_cycle - products * COMPUTE


@pytest.mark.parametrize("gemm", GEMMS, ids=str)
@pytest.mark.parametrize("dataflow", list(Dataflow))
def test_stalls_are_those_of_the_timeline(gemm: Gemm, dataflow: Dataflow) -> None:
    fold = folding(gemm, ARRAY, dataflow)
    for passes, half, bandwidth, products in product((1, 9), (5.0, 1e9), (0.5, 3.0), (1, 2, 5)):
        moved = transfers(gemm, dataflow, passes, half)
        found = stall_cycles(fold, dataflow, moved, COMPUTE, bandwidth, products)
        expected = fold_by_fold(gemm, dataflow, moved, bandwidth, products)
        assert found == pytest.approx(expected)
        words = moved.ifmap.moved + moved.filter.moved + moved.ofmap.moved
        assert found + products * COMPUTE >= products * words / bandwidth * (1 - 1e-9)


@pytest.mark.parametrize("dataflow", list(Dataflow))
def test_more_bandwidth_never_waits_longer(dataflow: Dataflow) -> None:
    gemm = Gemm(14, 9, 14)
    moved, fold = transfers(gemm, dataflow, 9, 5.0), folding(gemm, ARRAY, dataflow)
    waits = [
        stall_cycles(fold, dataflow, moved, COMPUTE, bandwidth)
        for bandwidth in (0.1, 1.0, 10.0, 1e3, 1e9)
    ]
    assert all(slow > fast for slow, fast in pairwise(waits))
    assert waits[-1] == pytest.approx(0.0, abs=1e-5)


def test_only_the_first_fetch_and_the_last_results_show_where_computing_hides_the_rest() -> None:
    gemm, dataflow = Gemm(8, 4, 8), Dataflow.OUTPUT
    moved, fold = transfers(gemm, dataflow, 1, 1e9), folding(gemm, ARRAY, dataflow)
    # 2x2 folds: the first brings half of both operands (16 + 16), the last leaves 16 results.
    assert stall_cycles(fold, dataflow, moved, 1e9, 2.0) == (16 + 16 + 16) / 2.0
    small = replace(moved, ifmap=replace(moved.ifmap, half=4.0))
    assert stall_cycles(fold, dataflow, small, 1e9, 2.0) == (4 + 16 + 16) / 2.0
