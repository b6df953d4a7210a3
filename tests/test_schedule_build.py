"""Posing a problem, and building the schedule of its answer."""

from dataclasses import replace
from itertools import product

import pytest

from hptc.cost import Cost, CostTable
from hptc.errors import InfeasibleError, VerifyError
from hptc.ir.graph import Graph, Update, ValueKind
from hptc.ir.tasks import tasks_of
from hptc.partition.problem import Assignment, Placement
from hptc.partition.tables import transfer_ns
from hptc.schedule.build import build_schedule
from hptc.schedule.check import check_schedule
from hptc.schedule.model import InstructionKind, Schedule
from hptc.schedule.pose import home_value, pose
from hptc.schedule.report import step_figures
from hptc.target import LinkSpec
from hptc.units import Ns, Pj
from tests import schedule_examples as ex


def test_pose_rounds_latencies_up_and_keeps_names() -> None:
    posed = pose(ex.STEP, ex.TASKS, ex.costs(), ex.target())
    assert posed.tasks == ("linear", "loss", "backward", "optimizer")
    assert posed.devices == ex.DEVICES
    linear = posed.problem.tasks[0]
    assert [(m.device, m.duration_ns, m.matrix) for m in linear.modes] == [
        (0, 11, None),
        (1, 5, 0),
        (2, 20, None),
    ]
    assert posed.matrices == (("xbar", "w0"),)
    assert posed.problem.matrices[0].crossbars == 2
    assert posed.problem.devices[0].static_power_pj_per_ns == 2000.0
    assert posed.problem.links[0].energy_pj_per_byte == 2.0
    assert posed.problem.links[0].latency_ns == 3


def test_pose_sends_task_results_and_carried_states_only() -> None:
    posed = pose(ex.STEP, ex.TASKS, ex.costs(), ex.target())
    by_name = dict(zip(posed.values, posed.problem.values, strict=True))
    assert set(by_name) == {"h", "d", "g_b", "b"}  # m is read by its own task, w0 is static
    assert by_name["b"].carried
    assert (by_name["b"].src, by_name["b"].readers, by_name["b"].bytes) == (3, (0,), 8)
    assert not by_name["d"].carried


def test_pose_names_the_task_that_nothing_runs() -> None:
    (_, xbar, _) = ex.costs().devices
    with pytest.raises(
        InfeasibleError, match=r"task loss \(aten\.mean\.default, .*none among xbar"
    ):
        pose(ex.STEP, ex.TASKS, CostTable((xbar,)), replace(ex.target(), links=()))


def test_transfers_by_hand() -> None:
    link = LinkSpec(
        "gpu", "xbar", bandwidth_bytes_per_ns=2.0, latency_ns=10.0, energy_pj_per_bit=0.5
    )
    posed = pose(ex.STEP, ex.TASKS, ex.costs(), replace(ex.target(), links=(link,)))
    (wire,) = posed.problem.links
    assert transfer_ns(wire, 100) == 60
    assert transfer_ns(wire, 101) == 61
    assert wire.energy_pj_per_byte * 100 == 400.0


def test_pose_counts_rewrites_against_the_endurance() -> None:
    gpu, xbar, _ = ex.costs().devices
    cost = xbar.tasks["linear"]
    assert cost is not None
    worn = replace(cost, crossbars=replace(ex.MATRIX, writes_per_step=1))
    table = CostTable((gpu, replace(xbar, tasks={"linear": worn})))
    target = replace(ex.target(), links=())
    assert len(pose(ex.STEP, ex.TASKS, table, target, steps=10**6).problem.tasks[0].modes) == 2
    assert len(pose(ex.STEP, ex.TASKS, table, target, steps=10**6 + 1).problem.tasks[0].modes) == 1
    alone = CostTable((replace(xbar, tasks={"linear": worn}),))
    with pytest.raises(InfeasibleError, match="The write endurance of xbar"):
        pose(ex.STEP, ex.TASKS, alone, target, steps=10**7)


def test_schedule_of_the_hybrid() -> None:
    schedule = ex.scheduled(ex.HYBRID)
    check_schedule(ex.STEP, schedule)
    assert [i.label for i in schedule.prologue] == [
        "LOAD b (gpu, 0-0 ns)",
        "LOAD m (gpu, 0-0 ns)",
        "LOAD w0 (xbar, 0-0 ns)",
        "FOLD w0_t (xbar, 0-0 ns)",
        "PROGRAM w0 (xbar, 0-100 ns)",
    ]
    assert [i.label for i in schedule.step] == [
        "TRANSFER b (gpu to xbar, 0-4 ns)",
        "EXEC linear (xbar, 4-9 ns)",
        "TRANSFER h (xbar to gpu, 9-16 ns)",
        "FREE b (xbar, 9-9 ns)",
        "EXEC loss (gpu, 16-27 ns)",
        "TRANSFER d (gpu to sys, 27-34 ns)",
        "FREE h (gpu, 27-27 ns)",
        "EXEC backward (sys, 34-54 ns)",
        "FREE d (gpu, 34-34 ns)",
        "TRANSFER g_b (sys to gpu, 54-58 ns)",
        "FREE d (sys, 54-54 ns)",
        "EXEC optimizer (gpu, 58-69 ns)",
        "FREE g_b (sys, 58-58 ns)",
        "FREE g_b (gpu, 69-69 ns)",
    ]
    assert [i.label for i in schedule.epilogue] == [
        "READ_BACK b (gpu, 0-0 ns)",
        "READ_BACK m (gpu, 0-0 ns)",
    ]
    assert schedule.step[1].resource == "xbar/w0"
    transfers_pj = (8 + 32 + 32 + 8) * 2.0
    static_pj = 69 * (2000.0 + 500.0 + 100.0)
    assert schedule.energy_pj == pytest.approx(1 + 100 + 10 + 100 + transfers_pj + static_pj)
    assert (schedule.latency_ns, schedule.program_ns, schedule.program_pj) == (69, 100, 7.0)


def test_the_chosen_copies_are_programmed_and_told() -> None:
    gpu, xbar, sys = ex.costs().devices
    twice = replace(ex.MATRIX, copies=2, crossbars=4, cells=80, program_pj=Pj(14.0), reads=2)
    more = {"linear": (Cost(Ns(3.0), Pj(1.0), twice),)}
    costs = CostTable((gpu, replace(xbar, copied=more), sys))
    posed = pose(ex.STEP, ex.TASKS, costs, ex.target())
    assert [m.name for m in posed.problem.matrices] == ["w0", "w0*2"]
    linear, *rest = ex.assign(posed, ex.HYBRID).placements
    assert posed.problem.tasks[0].modes[linear.mode + 1].duration_ns == 3
    faster = replace(linear, mode=linear.mode + 1, end_ns=linear.start_ns + 3)
    assignment = replace(ex.assign(posed, ex.HYBRID), placements=(faster, *rest))
    schedule = build_schedule(ex.STEP, ex.TASKS, costs, posed, assignment)
    check_schedule(ex.STEP, schedule)
    (program,) = (i for i in schedule.prologue if i.kind is InstructionKind.PROGRAM)
    assert (program.value, program.resource, program.cells) == ("w0", "xbar/w0*2", 80)
    figures = step_figures(posed, assignment, schedule, costs)
    assert (figures.crossbars_used, figures.program_nj) == (4, 0.014)
    settled = posed.settled(costs, assignment).device("xbar")
    assert [cost.crossbars for cost in settled.prices("linear")] == [twice]


def test_every_placement_builds_a_sound_schedule() -> None:
    for linear, *rest in product(ex.DEVICES, *[("gpu", "sys")] * 3):
        devices = dict(zip((t.name for t in ex.TASKS), (linear, *rest), strict=True))
        schedule = ex.scheduled(devices)
        check_schedule(ex.STEP, schedule)
        matrices = [i for i in schedule.prologue if i.kind is InstructionKind.PROGRAM]
        assert len(matrices) == (linear == "xbar")


def _without_time(graph: Graph) -> Schedule:
    """All on the gpu, every task free of charge and starting at 0."""
    gpu = ex.costs().devices[0]
    free = {name: replace(cost, latency_ns=Ns(0)) for name, cost in gpu.tasks.items() if cost}
    table = CostTable((replace(gpu, tasks=free),))
    tasks = tasks_of(graph)
    posed = pose(graph, tasks, table, replace(ex.target(), links=()))
    return build_schedule(graph, tasks, table, posed, Assignment((Placement(0, 0, 0),) * 4, ()))


def test_tasks_without_duration_keep_their_order() -> None:
    reordered = replace(ex.STEP, ops=(ex.OPS[0], *reversed(ex.OPS[1:])))
    schedule = _without_time(reordered)
    executed = [i.task for i in schedule.step if i.kind is InstructionKind.EXEC]
    assert executed == ["linear", "loss", "backward", "optimizer"]


def test_tasks_in_a_circle_are_named() -> None:
    first = replace(ex.OPS[1], args=(*ex.OPS[1].args[:2], ex.OPS[6].args[0]))
    circular = replace(ex.STEP, ops=(ex.OPS[0], first, *ex.OPS[2:]))
    with pytest.raises(VerifyError, match="linear"):
        _without_time(circular)


@pytest.mark.parametrize("new", ["x", "b", "m2", "w0_t"])
def test_a_state_that_no_task_computes_is_held_where_it_is_read(new: str) -> None:
    kinds = {"x": (ex.ROWS, ex.FEATURES), "w0_t": (ex.FEATURES, ex.UNITS)}
    extra = ex.value("m2", *kinds.get(new, (ex.UNITS,)), kind=ValueKind.STATE)
    graph = replace(
        ex.STEP,
        values=(extra, *ex.STEP.values),
        updates=(*ex.STEP.updates, Update("m2", new)),
    )
    tasks = tasks_of(graph)
    posed = pose(graph, tasks, ex.costs(), ex.target())
    schedule = build_schedule(graph, tasks, ex.costs(), posed, ex.assign(posed, ex.HYBRID))
    check_schedule(graph, schedule)
    assert [i.device for i in schedule.epilogue if i.value == "m2"] == ["gpu"]
    assert home_value(graph, "m2") == ("b_new" if new == "b" else new)
