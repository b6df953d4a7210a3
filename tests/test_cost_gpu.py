import pytest

from cost_models.gpu import GpuModel, GpuParams
from cost_models.load import load_target
from hptc.cost import Cost
from tests.cost_examples import layer, work_of


def cost_of(task: str, *overrides: str, tokens: int = 4) -> Cost:
    table = load_target("gpu", [f"devices.gpu.{item}" for item in overrides]).device("gpu").table
    device = GpuModel(GpuParams.model_validate(table))
    cost = device.device_costs("gpu", [work_of(layer(tokens))[task]]).tasks[task]
    assert cost is not None
    return cost


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
