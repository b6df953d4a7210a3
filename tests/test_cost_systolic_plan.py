# ruff: noqa: E501 - graph text has one line per operation, however long
from itertools import pairwise

import pytest

from cost_models.load import load_target
from cost_models.systolic import SystolicModel, SystolicParams
from cost_models.systolic.folding import Gemm
from cost_models.systolic.plan import Batch, Plan, best_plan, energy_pj
from cost_models.systolic.traffic import Words
from hptc.cost import Cost
from hptc.errors import TargetError
from hptc.ir.graph import Graph
from hptc.ir.text import from_text
from hptc.units import Pj
from tests.cost_examples import work_of

DATAFLOWS = ("os", "ws", "is")


def params(*overrides: str) -> SystolicParams:
    settings = [f"devices.systolic.{item}" for item in overrides]
    return SystolicParams.model_validate(load_target("systolic", settings).device("systolic").table)


def plan_of(count: int, m: int, k: int, n: int, *overrides: str) -> Plan:
    return best_plan(Batch(count, Gemm(m, k, n), Words(m * k, k * n, m * n)), params(*overrides))


def convolutions(groups: int, channels: int = 64, size: int = 32) -> Graph:
    """A 3x3 convolution and its three gradients."""
    x, w = f"float32[2,{channels},{size},{size}]", f"float32[{channels},{channels // groups},3,3]"
    window = f"[1, 1], [1, 1], [1, 1], false, [0, 0], {groups}"
    backward = f"aten.convolution_backward.default(%y, %x, %w, [{channels}], {window}, "
    tasks = {
        "dx": (x, "[true, false, false]"),
        "dw": (w, "[false, true, false]"),
        "db": (f"float32[{channels}]", "[false, false, true]"),
    }
    gradients = "\n".join(
        f'  %{name} : {shape} transient = {backward}{mask}) {{weight-gradient, dynamic, task="{name}"}}'
        for name, (shape, mask) in tasks.items()
    )
    outputs = "\n".join(f'  output "{name}" = %{name}' for name in ("y", *tasks))
    return from_text(f"""graph full {{
  param %w : {w} trainable
  batch %x : {x} transient
  %y : {x} transient = aten.convolution.default(%x, %w, none, {window}) {{forward, trainable, task="y"}}
{gradients}
{outputs}
}}
""")


def costs(graph: Graph, *overrides: str) -> dict[str, Cost]:
    model = SystolicModel(params("dispatch_ns=0.0", *overrides))
    found = model.device_costs("systolic", list(work_of(graph).values())).tasks
    return {name: cost for name, cost in found.items() if cost is not None}


def test_the_open_dataflow_is_the_fastest_and_of_equals_the_most_frugal() -> None:
    for sizes in ((1, 7, 300, 40), (3, 500, 64, 64), (1, 64, 64, 2000), (40, 57, 64, 57)):
        p = params()
        chosen = plan_of(*sizes)
        fixed = [plan_of(*sizes, f"dataflow={name}") for name in DATAFLOWS]
        assert chosen.cycles == min(plan.cycles for plan in fixed)
        equals = [plan for plan in fixed if plan.cycles == chosen.cycles]
        assert energy_pj(chosen, p) == min(energy_pj(plan, p) for plan in equals)


def test_a_batch_is_spread_over_the_arrays_and_fetched_ahead() -> None:
    one = plan_of(1, 64, 64, 64, "count=1")
    many = plan_of(32, 64, 64, 64, "count=1")
    assert many.macs == 32 * one.macs
    assert many.compute_cycles == 32 * one.compute_cycles
    assert many.stall_cycles < 32 * one.stall_cycles
    gang = plan_of(32, 64, 64, 64)
    assert gang.compute_cycles == 2 * one.compute_cycles


@pytest.mark.parametrize("dataflow", DATAFLOWS)
def test_costs_grow_with_every_size(dataflow: str) -> None:
    fixed = f"dataflow={dataflow}"
    for axis in range(4):
        plans = []
        for size in (1, 16, 70, 500, 3000):
            sizes = [2, 70, 70, 70]
            sizes[axis] = size
            count, m, k, n = sizes
            plans.append(plan_of(count, m, k, n, fixed))
        for small, large in pairwise(plans):
            assert small.cycles <= large.cycles
            assert energy_pj(small, params()) <= energy_pj(large, params())


def test_idle_elements_and_registers_cost_what_the_target_says() -> None:
    plan = plan_of(1, 4, 64, 64)
    silent = ("mac_energy_pj=0.0", "register_energy_pj_per_byte=0.0",
              "buffer_energy_pj_per_byte=0.0", "memory_energy_pj_per_byte=0.0")  # fmt: skip
    idle = energy_pj(plan, params(*silent, "idle_pe_energy_pj_per_cycle=2.0"))
    assert idle == 2.0 * plan.idle_pe_cycles > 0
    registers = (*silent[:1], *silent[2:], "idle_pe_energy_pj_per_cycle=0.0")
    used = energy_pj(plan, params(*registers, "register_energy_pj_per_byte=1.0"))
    assert used == pytest.approx(plan.macs * 3 * 4)


def test_an_empty_batch_is_free() -> None:
    for sizes in ((0, 4, 4, 4), (2, 0, 4, 4), (2, 4, 0, 4)):
        plan = plan_of(*sizes)
        assert plan.cycles == plan.memory_words == 0
        assert energy_pj(plan, params()) == Pj(0.0)


def test_a_convolution_is_a_product_whose_windows_cross_memory_once() -> None:
    found = costs(convolutions(1), "memory_energy_pj_per_byte=1.0", "buffer_energy_pj_per_byte=0.0",
                  "mac_energy_pj=0.0", "register_energy_pj_per_byte=0.0",
                  "idle_pe_energy_pj_per_cycle=0.0", "ifmap_buffer_kib=8192.0",
                  "filter_buffer_kib=8192.0", "ofmap_buffer_kib=8192.0")  # fmt: skip
    image, weight = 2 * 64 * 32 * 32 * 4, 64 * 64 * 9 * 4
    for task in ("y", "dx", "dw"):
        # Sixteen arrays cut one axis into whole parts, so a little more than once.
        assert 2 * image + weight <= found[task].energy_pj < 1.2 * (2 * image + 16 * weight), task
    assert found["db"].energy_pj > 0


@pytest.mark.parametrize("groups", [1, 4, 64])
def test_grouped_and_depthwise_convolutions_and_their_gradients_run(groups: int) -> None:
    found = costs(convolutions(groups))
    assert found.keys() == {"y", "dx", "dw", "db"}
    assert all(cost.latency_ns > 0 and cost.energy_pj > 0 for cost in found.values())


def test_area_and_leakage_add_up() -> None:
    one, two = params("count=1"), params("count=2")
    assert two.area_mm2 == 2 * one.area_mm2
    figures = SystolicModel(one).figures()
    assert figures["area_mm2"] == one.area_mm2
    assert figures["leakage_w"] == one.leakage_w
    assert figures["peak_tops"] == 2 * 128 * 32 / 1000
    powered = SystolicModel(params("static_power_w=3.0")).device_costs("s", []).static_power_w
    assert powered == 3.0 + params().leakage_w


def test_a_buffer_holds_a_word_in_each_half() -> None:
    setting = "devices.systolic.ofmap_buffer_kib=0.005"
    with pytest.raises(TargetError, match="expected ofmap_buffer_kib to hold 2 words of 4 bytes"):
        load_target("systolic", [setting])


def test_nothing_is_faster_than_the_memory_that_it_needs() -> None:
    for sizes in ((2, 1, 1, 33), (5, 1, 2, 1000), (17, 3, 40, 3), (1, 300, 70, 500)):
        count, m, k, n = sizes
        for windows in (1, 9):
            distinct = Words(-(-m * k // windows), -(-k * n // windows), m * n)
            p = params("memory_bandwidth_bytes_per_ns=1.0", "count=3")
            plan = best_plan(Batch(count, Gemm(m, k, n), distinct), p)
            assert plan.cycles >= plan.memory_words / p.memory_words_per_cycle * (1 - 1e-9)
