"""Kernels bound by memory: what they move, where second readings go, and what was measured."""

from dataclasses import replace

import pytest

from benchmarks.cost_models.gpu_streams import scores
from benchmarks.cost_models.score import NO_LIMIT
from cost_models.gpu import GpuModel, GpuParams
from cost_models.gpu_streams import (
    Chip,
    StreamRates,
    Traffic,
    embedding_backward,
    gathered,
    log_softmax_backward,
    norm,
    norm_backward,
    softmax,
    softmax_backward,
    streamed,
    traffic_ns,
    unit_costs,
)
from cost_models.load import load_target
from hptc.ir.rows import Rows, rows
from hptc.ir.text import from_text
from tests.cost_examples import work_of
from tests.reference import reference_dir

CHIP = Chip(
    sm_count=10,
    threads_per_sm=1024,
    l1_bytes=64_000,
    l2_bytes=1_000_000,
    l1_row_share=1.0,
    l2_row_share=1.0,
    l2_speedup=4.0,
)
RATES = StreamRates(
    sm_count=10,
    memory_bytes_per_ns=100.0,
    elementwise_efficiency=0.5,
    gather_efficiency=0.25,
    softmax_efficiency=0.5,
    softmax_tail_cost=2.0,
    norm_efficiency=0.5,
    norm_row_ns=10.0,
    embedding_index_ns=60.0,
    embedding_sort_ns=200_000.0,
)
COSTS = unit_costs(RATES)


def test_bytes_take_their_time() -> None:
    assert traffic_ns(streamed(5_000_000, CHIP), COSTS) == pytest.approx(100_000)
    assert traffic_ns(gathered(5_000_000, CHIP), COSTS) == pytest.approx(200_000)
    assert traffic_ns(Traffic(), COSTS) == 0.0


def test_what_fits_the_second_cache_moves_faster() -> None:
    inside, outside = streamed(1_000_000, CHIP), streamed(1_000_001, CHIP)
    assert inside.streamed_bytes == 250_000
    assert outside.streamed_bytes == 1_000_001


def test_a_short_softmax_moves_two_tensors_and_a_long_one_pays_for_its_tail() -> None:
    short = softmax(Rows(10_000, 1024, 4), CHIP)
    assert (short.softmax_bytes, short.softmax_tail_bytes) == (2 * 10_000 * 1024 * 4, 0)
    whole = softmax(Rows(10_000, 2048, 4), CHIP)
    assert whole.softmax_tail_bytes == 0
    assert whole.softmax_bytes == pytest.approx(2 * 10_000 * 2048 * 4, rel=0.1)
    # 1,300 elements: 256 threads take 1,024 in vectors, then two rounds of one element each.
    ragged = softmax(Rows(10_000, 1300, 4), CHIP)
    assert ragged.softmax_tail_bytes == 2 * 10_000 * 512 * 4


def test_second_readings_miss_when_rows_outgrow_both_caches() -> None:
    small, large = Rows(100_000, 256, 4), Rows(1_000, 65_536, 4)
    assert norm(small, CHIP).norm_bytes == pytest.approx(2 * small.bytes, rel=0.01)
    assert norm(large, CHIP).norm_bytes == pytest.approx(3 * large.bytes, rel=0.01)
    roomy = replace(CHIP, l1_bytes=1e9)
    assert norm(large, roomy).norm_bytes == pytest.approx(2 * large.bytes, rel=0.01)


def test_gradients_move_what_their_kernels_move() -> None:
    data = Rows(100_000, 256, 4)
    product_and_pass = softmax_backward(data, CHIP)
    assert product_and_pass.kernels == 2
    assert product_and_pass.moved_bytes == pytest.approx(6 * data.bytes)
    assert log_softmax_backward(data, CHIP).moved_bytes == pytest.approx(3 * data.bytes)
    both = norm_backward(data, CHIP)
    assert both.kernels == 2
    assert both.moved_bytes == pytest.approx(5 * data.bytes, rel=0.01)


def test_the_gradient_of_a_table_is_zeros_and_one_sum_per_index() -> None:
    few = embedding_backward(Rows(100, 64, 4), 2_000_000, CHIP)
    assert traffic_ns(few, COSTS) == pytest.approx(2_000_000 / 50 + 100 * 60)
    many = embedding_backward(Rows(100_000, 64, 4), 2_000_000, CHIP)
    assert traffic_ns(many, COSTS) == pytest.approx(2_000_000 / 50 + 200_000)


def test_few_rows_draw_on_few_multiprocessors() -> None:
    # One of ten multiprocessors draws a tenth of the L2's rate, four times that of the memory.
    one, ten = Rows(1, 1_000_000, 4), Rows(10, 100_000, 4)
    whole = replace(CHIP, l1_bytes=1e12)
    assert norm(ten, whole).norm_bytes == pytest.approx(2 * ten.bytes)
    assert norm(one, whole).norm_bytes == pytest.approx(2 * one.bytes * 10 / 4)
    assert norm(one, whole).moved_bytes == pytest.approx(norm(ten, whole).moved_bytes)


@pytest.mark.parametrize("length", [0, 1, 31, 1024, 1025, 4096, 100_000])
def test_no_rows_cost_nothing_and_more_rows_no_less(length: int) -> None:
    for kernel in (softmax, softmax_backward, log_softmax_backward, norm, norm_backward):
        times = [traffic_ns(kernel(Rows(n, length, 2), CHIP), COSTS) for n in (0, 1, 7, 1_000)]
        assert times[0] == 0.0
        assert times == sorted(times)


GRADIENTS = """graph low {
  batch %dy : float32[4,8,16] transient
  batch %y : float32[4,8,16] transient
  batch %m : float32[4,8,1] transient
  batch %i : int64[4,3] transient
  batch %g : float32[4,3,6] transient
  batch %z : float32[9,6] transient
  %s : float32[4,8,16] transient = aten._softmax_backward_data.default(%dy, %y, 1, float32) {input-gradient, dynamic, task="s"}
  %n : float32[4,8,16] transient = aten.native_layer_norm_backward.default(%dy, %y, [8, 16], %m, %m, none, none, [true, false, false]) {input-gradient, dynamic, task="n"}
  %nw : float32[4,8,16] transient, %w : float32[8,16] transient, %b : float32[8,16] transient = aten.native_layer_norm_backward.default(%dy, %y, [8, 16], %m, %m, %y, %y, [true, true, true]) {input-gradient, dynamic, task="nw"}
  %l : float32[4,8,16] transient = aten.nll_loss2d_backward.default(%dy, %y, %i, none, 0, -100, %m) {input-gradient, dynamic, task="l"}
  %e : float32[9,6] transient = aten.embedding_dense_backward.default(%g, %i, 9, -1, false) {weight-gradient, dynamic, task="e"}
  %t : float32[9,6] transient = aten.index_put.default(%z, [%i], %g, true) {weight-gradient, dynamic, task="t"}
  %u : float32[9,6] transient = aten.index_put.default(%z, [%i], %g, false) {weight-gradient, dynamic, task="u"}
  output "s" = %s
  output "t" = %t
  output "u" = %u
  output "n" = %n
  output "nw" = %nw
  output "l" = %l
  output "e" = %e
}
"""  # noqa: E501  (one line per operation)


def test_rows_come_from_the_arguments_of_an_operation() -> None:
    graph = from_text(GRADIENTS)
    found = {op.outputs[0]: rows(graph, op) for op in graph.ops}
    assert found == {
        "s": Rows(64, 8, 4),
        "n": Rows(4, 128, 4),
        "nw": Rows(4, 128, 4),
        "l": None,
        "e": Rows(12, 6, 4),
        "t": Rows(12, 6, 4),
        "u": None,
    }


def test_a_batch_norm_with_given_statistics_is_element_wise() -> None:
    graph = from_text("""graph infer {
  param %w : float32[3] static
  batch %x : float32[2,3,5,5] transient
  %a : float32[2,3,5,5] transient, %b : float32[0] transient, %c : float32[0] transient = aten._native_batch_norm_legit_no_training.default(%x, %w, %w, %w, %w, 0.1, 1e-05) {forward, dynamic, task="a"}
  %d : float32[2,3,5,5] transient, %e : float32[3] transient, %f : float32[3] transient = aten.native_batch_norm.default(%x, %w, %w, %w, %w, true, 0.1, 1e-05) {forward, dynamic, task="d"}
  output "a" = %a
  output "d" = %d
}
""")  # noqa: E501  (one line per operation)
    given, counted = graph.ops
    assert rows(graph, given) is None
    assert rows(graph, counted) == Rows(3, 50, 4)


def test_group_and_rms_norms_work_by_group_and_by_row() -> None:
    graph = from_text("""graph full {
  param %w : float32[6] trainable
  param %r : float32[5] trainable
  batch %x : float32[2,6,5,5] transient
  %a : float32[2,6,5,5] transient, %b : float32[2,3] transient, %c : float32[2,3] transient = aten.native_group_norm.default(%x, %w, %w, 2, 6, 25, 3, 1e-05) {forward, trainable, task="a"}
  %d : float32[2,6,5,5] transient, %e : float32[2,6,5,1] transient = aten._fused_rms_norm.default(%x, [5], %r, 1e-05) {forward, trainable, task="d"}
  %f : float32[2,6,5,5] transient = aten.native_group_norm_backward.default(%a, %x, %b, %c, %w, 2, 6, 25, 3, [true, false, false]) {input-gradient, trainable, task="f"}
  output "f" = %f
  output "d" = %d
}
""")  # noqa: E501  (one line per operation)
    assert [rows(graph, op) for op in graph.ops] == [
        Rows(6, 50, 4),
        Rows(60, 5, 4),
        Rows(6, 50, 4),
    ]


def test_gradients_in_a_graph_are_priced_as_their_kernels() -> None:
    table = load_target("gpu", ["devices.gpu.launch=cuda-graph"]).device("gpu").table
    model = GpuModel(GpuParams.model_validate(table))
    kernels = {name: model.kernels(task) for name, task in work_of(from_text(GRADIENTS)).items()}
    launches = {name: found[0].launches for name, found in kernels.items()}
    one, two = dict.fromkeys(("n", "u"), 1.0), dict.fromkeys(("s", "nw", "l", "e", "t"), 2.0)
    assert launches == one | two
    for added in ("e", "t"):
        assert kernels[added][0].device_ns > 12 * model.params.embedding_index_ns


def test_measured_kernels_are_met_on_every_gpu_and_on_unseen_ones() -> None:
    lines = scores(reference_dir("cost_models"))
    assert [line.family for line in lines if line.missed] == []
    limited = {line.family for line in lines if line.limit != NO_LIMIT}
    assert limited == {
        f"{family}, every GPU{unseen}"
        for family in ("softmax", "norm", "elementwise")
        for unseen in ("", " unseen")
    }
