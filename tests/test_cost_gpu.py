from itertools import pairwise

import pytest

from benchmarks.cost_models.gpu import scores
from cost_models.gpu import GpuModel, GpuParams
from cost_models.gpu_kernels import GemmRates, Product, gemm_ns
from cost_models.load import builtin_targets, load_target, target_from_toml
from hptc.cost import Cost
from hptc.errors import TargetError
from tests.cost_examples import layer, work_of
from tests.reference import reference_dir

RATES = GemmRates(
    sm_count=10,
    peak_flop_per_ns=1_000.0,
    memory_bytes_per_ns=1e9,
    efficiency=1.0,
    half_intensity=0.0,
    fill_k=0.0,
)


def cost_of(task: str, *overrides: str, tokens: int = 4) -> Cost:
    table = load_target("gpu", [f"devices.gpu.{item}" for item in overrides]).device("gpu").table
    device = GpuModel(GpuParams.model_validate(table))
    cost = device.device_costs("gpu", [work_of(layer(tokens))[task]]).tasks[task]
    assert cost is not None
    return cost


def test_tiles_run_in_waves() -> None:
    # 10 multiprocessors of 100 flop/ns: ten 32x32 tiles are one wave, one more starts another.
    wave_ns = 2 * 32 * 32 * 64 / 100
    assert gemm_ns(Product(10, 32, 64, 32, 4), RATES) == wave_ns
    assert gemm_ns(Product(11, 32, 64, 32, 4), RATES) == 2 * wave_ns


def test_a_long_sum_is_split_over_idle_multiprocessors() -> None:
    whole_ns = 2 * 32 * 32 * 2048 / 100
    assert gemm_ns(Product(1, 32, 2048, 32, 4), RATES) == whole_ns / 8


def test_memory_bounds_a_thin_product() -> None:
    slow = GemmRates(10, 1e9, 2.0, 1.0, 0.0, 0.0)
    assert gemm_ns(Product(1, 1, 100, 100, 4), slow) == (100 + 10_000 + 100) * 4 / 2.0


def test_products_grow_with_every_dimension_and_empty_ones_are_free() -> None:
    sizes = (1, 31, 32, 33, 400)
    for small, large in pairwise(sizes):
        assert gemm_ns(Product(1, small, 64, 64, 4), RATES) <= gemm_ns(
            Product(1, large, 64, 64, 4), RATES
        )
        assert gemm_ns(Product(1, 64, small, 64, 4), RATES) <= gemm_ns(
            Product(1, 64, large, 64, 4), RATES
        )
    assert gemm_ns(Product(1, 0, 64, 64, 4), RATES) == 0.0


def test_the_host_decides_for_small_kernels() -> None:
    assert cost_of("h", "launch_overhead_ns=9000.0").latency_ns == 9_000.0
    assert cost_of("r", "launch_overhead_ns=9000.0").latency_ns == 18_000.0


def test_a_graph_pays_gaps_instead_of_launches() -> None:
    graph = cost_of("r", "launch=cuda-graph", "graph_node_gap_ns=700.0", "kernel_floor_ns=2000.0")
    assert graph.latency_ns == pytest.approx(2 * 2_700, rel=1e-3)


def test_a_fused_chain_is_one_kernel_and_moves_less() -> None:
    chain, fused = cost_of("r"), cost_of("r", "fuse_elementwise=true")
    assert fused.latency_ns == chain.latency_ns / 2
    assert fused.energy_pj < chain.energy_pj


def test_optimizer_kernels_serve_many_tensors() -> None:
    overhead = ("launch_overhead_ns=8000.0", "optimizer_tensors_per_launch=32")
    assert cost_of("o", "optimizer=per-tensor", *overhead).latency_ns == 16_000.0
    assert cost_of("o", "optimizer=foreach", *overhead).latency_ns == 500.0
    assert cost_of("o", "optimizer=fused", *overhead).latency_ns == 250.0
    assert cost_of("o", "optimizer=fused").energy_pj < cost_of("o", "optimizer=foreach").energy_pj


def test_tensor_cores_speed_up_products_only() -> None:
    for task, faster in (("h", True), ("z", False)):
        tf32 = cost_of(task, "launch=cuda-graph", "precision=tf32", tokens=100_000)
        fp32 = cost_of(task, "launch=cuda-graph", tokens=100_000)
        assert (tf32.energy_pj < fp32.energy_pj) is faster


def test_a_precision_without_a_peak_is_refused() -> None:
    with pytest.raises(TargetError, match="precision tf32 needs tf32_peak_tflops"):
        load_target("gpu-v100", ["devices.gpu.precision=tf32"])


DATA_SHEET = """
schema_version = 1
name = "made-up"
extends = "builtin:gpu-datasheet"
[devices.gpu]
sm_count = 50
fp32_peak_tflops = 10.0
fp16_peak_tflops = 80.0
memory_bandwidth_bytes_per_ns = 500.0
tdp_w = 150.0
"""


def test_a_gpu_is_priced_from_its_data_sheet_alone() -> None:
    target = target_from_toml(DATA_SHEET, "made-up")
    model = GpuModel(GpuParams.model_validate(target.device("gpu").table))
    large = Product(1, 4096, 4096, 4096, 4)
    share = large.flops / 10_000 / model.product_ns(large)
    assert 0.5 < share <= 1.0
    assert cost_of("h", tokens=64).energy_pj > 0


def test_what_is_only_extended_is_no_target() -> None:
    assert "gpu-datasheet" not in builtin_targets()
    with pytest.raises(TargetError, match="expected the key 'sm_count'"):
        load_target("gpu-datasheet")


def test_a_card_that_idles_at_its_full_power_is_refused() -> None:
    with pytest.raises(TargetError, match="static_power_w below tdp_w = 300"):
        load_target("gpu", ["devices.gpu.static_power_w=300.0"])


def test_measured_kernels_are_met() -> None:
    limits = {"bmm": 20.0, "linear": 15.0, "projections": 12.0}
    lines = [(line.family.split()[-1], line) for line in scores(reference_dir("cost_models"))]
    assert limits.keys() <= {kind for kind, _ in lines}
    for kind, line in lines:
        if kind in limits:
            assert line.mape_pct < limits[kind], line
