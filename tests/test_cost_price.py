from collections.abc import Callable
from itertools import pairwise

import pytest

from benchmarks.pricing import OPERATIONS, Sizes, alike, all_different, step_graph, timed
from cost_models.load import builtin_targets, load_target
from cost_models.price import price
from hptc.cost import CostTable
from hptc.ir.graph import Graph
from hptc.ir.tasks import tasks_of
from tests.cost_examples import every_family, latency_ns, layer


def table_of(graph: Graph, target: str = "hybrid") -> CostTable:
    return price(graph, tasks_of(graph), load_target(target))


@pytest.mark.parametrize("target", builtin_targets())
@pytest.mark.parametrize("graph", [layer(), every_family()], ids=["layer", "families"])
def test_every_task_has_an_answer_on_every_device(target: str, graph: Graph) -> None:
    table = table_of(graph, target)
    names = [task.name for task in tasks_of(graph)]
    for device in table.devices:
        assert list(device.tasks) == names
        assert device.static_power_w >= 0
        for cost in device.tasks.values():
            assert cost is None or min(cost.latency_ns, cost.energy_pj) >= 0


@pytest.mark.parametrize("device", ["gpu", "systolic", "reram"])
def test_costs_never_shrink_with_the_tokens(device: str) -> None:
    tables = [table_of(layer(tokens)).device(device) for tokens in (1, 7, 64, 500)]
    for small, large in pairwise(tables):
        for name, cost in large.tasks.items():
            before = small.tasks[name]
            if cost is not None and before is not None and cost.crossbars is None:
                assert before.latency_ns <= cost.latency_ns
                assert before.energy_pj <= cost.energy_pj


@pytest.mark.parametrize("device", ["gpu", "systolic"])
def test_empty_tasks_move_and_compute_nothing(device: str) -> None:
    tasks = table_of(every_family()).device(device).tasks
    assert tasks["view"] is not None
    assert (tasks["view"].latency_ns, tasks["view"].energy_pj) == (0.0, 0.0)


def test_only_crossbars_have_a_capacity_and_wear() -> None:
    table = table_of(layer())
    assert table.device("reram").capacity_crossbars == 24_576
    assert table.device("reram").write_budget_per_cell == 1e6
    for name in ("gpu", "systolic"):
        assert table.device(name).capacity_crossbars is None
        assert table.device(name).write_budget_per_cell is None


def test_copies_never_exceed_the_capacity() -> None:
    table = table_of(layer(tokens=512, inputs=1024, outputs=4096))
    uses = [cost.crossbars for cost in table.device("reram").tasks.values() if cost]
    held = {use.matrix: use.crossbars for use in uses if use}
    assert max(use.copies for use in uses if use) > 1
    assert sum(held.values()) - held["a"] <= 24_576


def test_at_batch_1_the_gpu_waits_for_its_host() -> None:
    table = table_of(layer(tokens=57, inputs=512, outputs=512))
    assert latency_ns(table, "gpu", "h") == 12_100


@pytest.mark.parametrize("layers", [alike, all_different])
def test_five_thousand_operations_are_priced(layers: Callable[[int], list[Sizes]]) -> None:
    graph = step_graph(layers(0))
    assert len(graph.ops) >= OPERATIONS
    count_s, device_s = timed(graph, load_target("hybrid"))
    assert count_s > 0
    assert set(device_s) == {"systolic", "reram", "gpu"}


def test_equal_layers_have_equal_prices() -> None:
    table = table_of(step_graph(alike(0)[:50]))
    for device in ("systolic", "gpu"):
        prices = table.device(device).tasks
        for name in ("h", "l", "r", "z", "y", "dx", "da", "o"):
            assert {prices[f"{name}{i}"] for i in range(50)} == {prices[f"{name}0"]}
