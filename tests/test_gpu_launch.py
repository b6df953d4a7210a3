from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cost_models.gpu import GpuModel, GpuParams
from cost_models.gpu_launch import Kernel, Launch
from cost_models.load import load_target
from tests.cost_examples import layer, work_of

EAGER = Launch("eager", overhead_ns=10.0, node_gap_ns=1.0)
GRAPH = Launch("cuda-graph", overhead_ns=10.0, node_gap_ns=1.0)


def kernels(*device_ns: float) -> list[Kernel]:
    return [Kernel(1.0, value, 0.0) for value in device_ns]


def test_the_slower_of_host_and_device_decides_a_task() -> None:
    assert EAGER.task_ns(kernels(3.0, 3.0, 3.0)) == 30.0
    assert EAGER.task_ns(kernels(3.0, 50.0, 3.0)) == 56.0
    assert EAGER.task_ns([]) == GRAPH.task_ns([]) == 0.0


def test_a_graph_takes_device_time_and_a_gap_a_node() -> None:
    assert GRAPH.task_ns(kernels(3.0, 3.0, 3.0)) == 12.0
    assert GRAPH.step_ns([*kernels(3.0), None, *kernels(3.0)]) == 8.0


def test_the_host_runs_ahead_of_a_long_kernel() -> None:
    # issued at 10, 20, 30, 40; the long one runs from 10 to 60, the rest follow at once
    assert EAGER.step_ns(kernels(50.0, 2.0, 2.0, 2.0)) == 66.0
    # the other way round the device waits for every issue
    assert EAGER.step_ns(kernels(2.0, 2.0, 2.0, 50.0)) == 90.0


def test_waiting_for_the_device_ends_the_lead() -> None:
    long, short = kernels(50.0, 2.0)
    assert EAGER.step_ns([long, short]) == 62.0
    assert EAGER.step_ns([long, None, short]) == 72.0
    assert EAGER.step_ns([None]) == 0.0


times = st.floats(min_value=0.0, max_value=1e3)


@given(st.lists(st.lists(times, min_size=1, max_size=4), max_size=8))
def test_prices_of_tasks_bound_the_step(tasks: Sequence[Sequence[float]]) -> None:
    groups = [kernels(*task) for task in tasks]
    step = EAGER.step_ns([kernel for group in groups for kernel in group])
    priced = sum(EAGER.task_ns(group) for group in groups)
    host = sum(len(group) for group in groups) * EAGER.overhead_ns
    device = sum(kernel.device_ns for group in groups for kernel in group)
    smaller = [
        min(len(group) * EAGER.overhead_ns, sum(kernel.device_ns for kernel in group))
        for group in groups
    ]
    assert max(host, device) <= step * (1 + 1e-12)
    assert max(host, device) <= priced * (1 + 1e-12)
    assert step <= (priced + max(smaller, default=0.0)) * (1 + 1e-12)


@pytest.mark.parametrize("launch", ["eager", "cuda-graph"])
def test_a_device_prices_by_its_launch_mode(launch: str) -> None:
    target = load_target("gpu", [f"devices.gpu.launch={launch}"])
    model = GpuModel(GpuParams.model_validate(target.device("gpu").table))
    for work in work_of(layer(tokens=4)).values():
        cost = model.device_costs("gpu", [work]).tasks[work.name]
        assert cost is not None
        assert cost.latency_ns == model.launch.task_ns(model.kernels(work))


def test_static_power_is_apart_from_the_energy_of_tasks() -> None:
    def costs(static_power_w: float) -> tuple[float, list[float]]:
        overrides = [f"devices.gpu.static_power_w={static_power_w}"]
        overrides += ["devices.gpu.flop_energy_pj=1.0", "devices.gpu.memory_energy_pj_per_byte=1.0"]
        table = load_target("gpu", overrides).device("gpu").table
        device = GpuModel(GpuParams.model_validate(table)).device_costs(
            "gpu", list(work_of(layer(tokens=4)).values())
        )
        return device.static_power_w, [cost.energy_pj for cost in device.tasks.values() if cost]

    (low, idle), (high, hot) = costs(10.0), costs(90.0)
    assert (low, high) == (10.0, 90.0)
    assert idle == hot
