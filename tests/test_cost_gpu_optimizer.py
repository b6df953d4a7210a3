"""Optimizer steps move what the kernels of `torch.optim` move, per-tensor, foreach and fused."""

import pytest

from cost_models.gpu import GpuModel, GpuParams
from cost_models.gpu_groups import OptimizerMode, groups, moved_bytes
from cost_models.load import load_target
from cost_models.work import TaskWork
from hptc.ir.text import from_text
from tests.cost_examples import work_of

ELEMENTS = 32 * 64
MODES: tuple[OptimizerMode, ...] = ("per-tensor", "foreach", "fused")


def step(*lines: str, made: dict[str, str]) -> TaskWork:
    """The task of one parameter's update, from the operations of its step."""
    ops = "\n".join(
        f"  %{line.split(' ', 1)[0]} : float32[32,64] trainable = {line.split(' ', 1)[1]} "
        '{optimizer, trainable, task="w.step"}'
        for line in lines
    )
    updates = "\n".join(f"  update %{state} <- %{new}" for state, new in made.items())
    graph = from_text(f"""graph full {{
  param %w : float32[32,64] trainable
  state %m : float32[32,64] trainable
  state %v : float32[32,64] trainable
  batch %g : float32[32,64] transient
  state %lr : float32[] trainable
  state %scale : float32[] trainable
{ops}
{updates}
}}
""")
    return work_of(graph)["w.step"]


@pytest.fixture
def adamw() -> TaskWork:
    return step(
        "decayed aten.mul.Tensor(%w, 0.99999)",
        "m1 aten.mul.Tensor(%m, 0.9)",
        "g1 aten.mul.Tensor(%g, 0.1)",
        "mean aten.add.Tensor(%m1, %g1)",
        "v1 aten.mul.Tensor(%v, 0.999)",
        "g2 aten.mul.Tensor(%g, 0.001)",
        "gg aten.mul.Tensor(%g2, %g)",
        "square aten.add.Tensor(%v1, %gg)",
        "root aten.sqrt.default(%square)",
        "scaled aten.div.Tensor(%root, %scale)",
        "below aten.add.Tensor(%scaled, 1e-08)",
        "above aten.mul.Tensor(%lr, %mean)",
        "change aten.div.Tensor(%above, %below)",
        "new aten.sub.Tensor(%decayed, %change)",
        made={"w": "new", "m": "mean", "v": "square"},
    )


@pytest.fixture
def momentum() -> TaskWork:
    return step(
        "m1 aten.mul.Tensor(%m, 0.9)",
        "buffer aten.add.Tensor(%m1, %g)",
        "change aten.mul.Tensor(%lr, %buffer)",
        "new aten.sub.Tensor(%w, %change)",
        made={"w": "new", "m": "buffer"},
    )


def tensors_moved(task: TaskWork, mode: OptimizerMode) -> list[int]:
    """Tensors that each kernel moves."""
    found = groups(task, mode, fuse_elementwise=False)
    return [moved_bytes(group, task) // (4 * ELEMENTS) for group in found]


def test_adamw_moves_28_bytes_a_parameter_fused_and_80_else(adamw: TaskWork) -> None:
    assert tensors_moved(adamw, "fused") == [7]
    # mul_, lerp_, mul_, addcmul_, sqrt, div_, add_, addcdiv_
    assert tensors_moved(adamw, "foreach") == [2, 3, 2, 3, 2, 2, 2, 4]
    assert tensors_moved(adamw, "per-tensor") == tensors_moved(adamw, "foreach")


def test_momentum_moves_20_bytes_a_parameter_fused_and_32_else(momentum: TaskWork) -> None:
    assert tensors_moved(momentum, "fused") == [5]
    assert tensors_moved(momentum, "foreach") == [2, 3, 3]  # mul_, add_, add_


def test_every_operation_is_in_one_kernel(adamw: TaskWork, momentum: TaskWork) -> None:
    for task in (adamw, momentum):
        for mode in MODES:
            for chained in (False, True):
                found = groups(task, mode, fuse_elementwise=chained)
                names = [op.op.outputs[0] for group in found for op in group]
                assert sorted(names) == sorted(op.op.outputs[0] for op in task.ops)


def test_foreach_shares_launches_and_fused_moves_less(adamw: TaskWork) -> None:
    kernels = {}
    for mode in MODES:
        overrides = [f"devices.gpu.optimizer={mode}", "devices.gpu.optimizer_tensors_per_launch=32"]
        table = load_target("gpu", overrides).device("gpu").table
        kernels[mode] = GpuModel(GpuParams.model_validate(table)).kernels(adamw)
    launches = {mode: sum(kernel.launches for kernel in found) for mode, found in kernels.items()}
    assert launches == {"per-tensor": 8.0, "foreach": 8 / 32, "fused": 1 / 32}
    energy = {mode: sum(kernel.energy_pj for kernel in found) for mode, found in kernels.items()}
    assert energy["fused"] < energy["foreach"] == energy["per-tensor"]


def test_state_of_a_step_ago_comes_from_memory(adamw: TaskWork) -> None:
    overrides = ["devices.gpu.optimizer=fused", "devices.gpu.l2_bytes=1000000000"]
    model = GpuModel(GpuParams.model_validate(load_target("gpu", overrides).device("gpu").table))
    (kernel,) = model.kernels(adamw)
    rate = model.params.memory_bandwidth_bytes_per_ns * model.params.elementwise_efficiency
    floor_ns = model.params.kernel_floor_ns * kernel.launches
    assert kernel.device_ns == pytest.approx(floor_ns + 7 * 4 * ELEMENTS / rate, rel=1e-3)
