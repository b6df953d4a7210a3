from itertools import pairwise

import pytest

from benchmarks.cost_models.scalesim import scale_sim_scores
from cost_models.load import load_target
from cost_models.systolic import SystolicModel, SystolicParams
from cost_models.systolic.folding import (
    Array,
    Dataflow,
    FoldOverlap,
    Gemm,
    cycles,
)
from cost_models.systolic.traffic import Buffers, Words, dram_words, sram_words
from hptc.cost import Cost
from tests.cost_examples import every_family, layer, work_of
from tests.reference import reference_dir

FOLDED_ARRAY = Array(4, 4)


def test_counts_are_exactly_those_of_scale_sim() -> None:
    scores = {line.family: line for line in scale_sim_scores(reference_dir("cost_models"))}
    assert scores.keys() >= {"cycles", "SRAM filter", "DRAM ifmap", "DRAM filter", "DRAM ofmap"}
    for family, line in scores.items():
        assert line.exact == line.cases > 0, family


@pytest.mark.parametrize(
    ("dataflow", "fold"), [(Dataflow.OUTPUT, 13), (Dataflow.WEIGHT, 18), (Dataflow.INPUT, 17)]
)
def test_cycles_by_hand(dataflow: Dataflow, fold: int) -> None:
    # 8x7 by 7x7 on 4x4. os: 2x2 folds of 7+4+4-2; ws: 2x2 of 8+8+4-2; is: 2x2 of 7+8+4-2.
    gemm = Gemm(8, 7, 7)
    assert cycles(gemm, FOLDED_ARRAY, dataflow, FoldOverlap.SERIAL) == 4 * fold
    assert cycles(gemm, FOLDED_ARRAY, dataflow, FoldOverlap.SCALE_SIM) == 4 * fold - 1
    streamed = 8 if dataflow is Dataflow.WEIGHT else 7
    assert cycles(gemm, FOLDED_ARRAY, dataflow, FoldOverlap.OVERLAPPED) == fold + 3 * streamed


@pytest.mark.parametrize("dataflow", list(Dataflow))
@pytest.mark.parametrize("overlap", list(FoldOverlap))
def test_an_empty_product_costs_nothing(dataflow: Dataflow, overlap: FoldOverlap) -> None:
    empty = Gemm(0, 7, 7)
    assert cycles(empty, FOLDED_ARRAY, dataflow, overlap) == 0
    assert sram_words(empty, FOLDED_ARRAY, dataflow) == Words(0, 0, 0)
    assert dram_words(empty, FOLDED_ARRAY, dataflow, Buffers(20, 20, 20)) == Words(0, 0, 0)


@pytest.mark.parametrize("dataflow", list(Dataflow))
@pytest.mark.parametrize("overlap", list(FoldOverlap))
def test_cycles_grow_with_every_dimension(dataflow: Dataflow, overlap: FoldOverlap) -> None:
    sizes = (1, 3, 4, 5, 17)
    for small, large in pairwise(sizes):
        for grown in (Gemm(large, 5, 6), Gemm(5, large, 6), Gemm(5, 6, large)):
            base = Gemm(*(small if size == large else size for size in (grown.m, grown.k, grown.n)))
            before = cycles(base, FOLDED_ARRAY, dataflow, overlap)
            assert before <= cycles(grown, FOLDED_ARRAY, dataflow, overlap)


def test_operands_that_do_not_fit_are_fetched_again() -> None:
    gemm = Gemm(8, 7, 8)
    roomy = dram_words(gemm, FOLDED_ARRAY, Dataflow.OUTPUT, Buffers(2000, 2000, 2000))
    assert (roomy.ifmap, roomy.filter, roomy.ofmap) == (56, 56, 64)
    tight = dram_words(gemm, FOLDED_ARRAY, Dataflow.OUTPUT, Buffers(20, 20, 20))
    assert (tight.ifmap, tight.filter, tight.ofmap) == (112, 112, 64)


def model(*overrides: str) -> SystolicModel:
    at_once = ("devices.systolic.dispatch_ns=0.0", *overrides)
    table = load_target("systolic", at_once).device("systolic").table
    return SystolicModel(SystolicParams.model_validate(table))


def cost_of(task: str, *overrides: str, tokens: int = 4) -> Cost:
    work = work_of(layer(tokens, 64, 64))[task]
    cost = model(*overrides).device_costs("systolic", [work]).tasks[task]
    assert cost is not None
    return cost


FREE_MEMORY = "devices.systolic.memory_bandwidth_bytes_per_ns=1e12"


def test_one_array_takes_the_closed_form() -> None:
    one = ("devices.systolic.count=1", "devices.systolic.dataflow=os", FREE_MEMORY)
    # 4x64 by 64x64 on 128x32: 1x2 folds of 64 + 128 + 32 - 2 cycles at 1 GHz.
    assert cost_of("h", *one).latency_ns == pytest.approx(2 * 222.0)


def test_more_arrays_and_a_faster_clock_help() -> None:
    one = cost_of("h", "devices.systolic.count=1", FREE_MEMORY, tokens=400)
    gang = cost_of("h", FREE_MEMORY, tokens=400)
    fast = cost_of("h", FREE_MEMORY, "devices.systolic.clock_ghz=2.0", tokens=400)
    assert gang.latency_ns < one.latency_ns
    assert fast.latency_ns == pytest.approx(gang.latency_ns / 2)


def test_memory_bounds_a_starved_array() -> None:
    starved = "devices.systolic.memory_bandwidth_bytes_per_ns=0.5"
    # x, w and h are fetched and written once, 4 bytes a word, at half a byte a ns; of
    # computing, at most one fold shows.
    moving_ns = (4 * 64 + 64 * 64 + 4 * 64) * 4 / 0.5
    assert moving_ns <= cost_of("h", starved).latency_ns < moving_ns + 400


def test_a_fused_chain_moves_only_what_enters_and_leaves() -> None:
    per_byte = ["devices.systolic.memory_energy_pj_per_byte=1.0"]
    silent = [
        f"devices.systolic.{key}=0.0"
        for key in ("vector_energy_pj_per_flop", "buffer_energy_pj_per_byte", "mac_energy_pj")
    ]
    # relu(h) + dy: h and dy in, the sum out; the ReLU's result stays on chip.
    assert cost_of("r", *per_byte, *silent).energy_pj == 3 * 4 * 64 * 4.0


def test_every_family_runs() -> None:
    work = work_of(every_family())
    costs = model().device_costs("systolic", list(work.values())).tasks
    for name, cost in costs.items():
        assert cost is not None
        assert (cost.latency_ns > 0) == (name != "view"), name


def test_a_task_that_does_anything_is_dispatched() -> None:
    at_once = cost_of("h")
    assert cost_of("h", "devices.systolic.dispatch_ns=250.0").latency_ns == at_once.latency_ns + 250
