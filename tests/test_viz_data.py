"""The records behind the page: placement, lanes, main tags, and their encoding."""

import json
import math
from dataclasses import replace
from typing import Any

import pytest

from hptc.ir.graph import Phase
from hptc.schedule.model import Instruction, InstructionKind
from hptc.viz.collect import collect
from hptc.viz.data import FlowRow, OpRow, PhaseData
from hptc.viz.encode import to_json
from hptc.viz.lanes import lane_of, lanes
from hptc.viz.report import number
from hptc.viz.work import ROLES, TAGS, main_of
from tests.bundles import HOSTILE, RANK, ROWS, WIDTH, make_bundle


@pytest.fixture(scope="module")
def low() -> PhaseData:
    return collect(make_bundle()).phases[1]


def _op(tag: str, macs: int) -> OpRow:
    return OpRow("op", "aten.mm.default", "", "forward", tag, macs)


def test_placement_counts_operations_and_macs_where_they_run(low: PhaseData) -> None:
    cells = {(cell.device, cell.tag): cell for cell in low.placement}
    assert cells["xbar", "static"].ops == 4
    assert cells["xbar", "static"].macs == 4 * ROWS * WIDTH * WIDTH
    assert cells["systolic", "trainable"].macs == 8 * ROWS * WIDTH * RANK
    assert cells["gpu", "dynamic"].busy_ns == 4 * 3_100
    assert (cells["gpu", "folded"].ops, cells["gpu", "folded"].busy_ns) == (1, 2_000)
    assert len(cells) == 4


def test_placement_adds_up_to_the_graph(low: PhaseData) -> None:
    assert sum(cell.ops for cell in low.placement) == len(low.ops)
    assert sum(cell.macs for cell in low.placement) == sum(tag.macs for tag in low.tags)


def test_row_ranges_of_one_operation_count_once() -> None:
    bundle = make_bundle(layers=1)
    compiled = bundle.phases[Phase.LOW]
    halves = tuple(
        replace(item, rows=rows, accumulate=True)
        for item in compiled.schedule.step[:1]
        for rows in ((0, 32), (32, 64))
    )
    tiled = replace(compiled, schedule=replace(compiled.schedule, step=halves))
    phase = collect(replace(bundle, phases={Phase.LOW: tiled})).phases[0]
    (cell,) = (cell for cell in phase.placement if cell.device == "xbar")
    assert (cell.ops, cell.busy_ns) == (1, 2 * 5_200)
    assert phase.instructions[1].rows == "32-63 accumulated"


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ([("dynamic", 0), ("dynamic", 0), ("static", 10)], "static"),
        ([("dynamic", 0), ("dynamic", 0), ("static", 0)], "dynamic"),
        ([("dynamic", 0), ("trainable", 0)], "trainable"),
        ([], ""),
    ],
)
def test_main_tag_is_by_macs_then_count_then_order(
    tags: list[tuple[str, int]], expected: str
) -> None:
    ops = [_op(tag, macs) for tag, macs in tags]
    assert main_of(ops, lambda op: op.tag, TAGS) == expected


def test_lanes_group_matrices_under_their_device_and_links_last(low: PhaseData) -> None:
    names = [lane.name for lane in low.lanes]
    matrices = [f"xbar/w{at}" for at in range(4)]
    assert names[:7] == ["xbar", *matrices, "systolic", "gpu"]
    assert set(names[7:]) == {"xbar->gpu", "systolic->gpu"}


def test_unused_device_keeps_its_lane() -> None:
    assert [lane.name for lane in lanes((), ("gpu", "xbar"))] == ["gpu", "xbar"]


@pytest.mark.parametrize(
    ("kind", "resource", "expected"),
    [
        (InstructionKind.EXEC, "", ("gpu", "gpu", "device")),
        (InstructionKind.EXEC, "gpu/w", ("gpu/w", "gpu", "matrix")),
        (InstructionKind.TRANSFER, "", ("host->gpu", "", "link")),
        (InstructionKind.LOAD, "host->gpu", ("host->gpu", "", "link")),
    ],
)
def test_lane_of_an_instruction(
    kind: InstructionKind, resource: str, expected: tuple[str, str, str]
) -> None:
    lane = lane_of(Instruction(kind, "gpu", 0, 1, source="host", resource=resource))
    assert (lane.name, lane.device, lane.kind) == expected


def test_baselines_start_with_the_gpu_and_keep_the_infeasible(low: PhaseData) -> None:
    assert [item.name for item in low.baselines] == ["gpu", "reram", "systolic"]
    assert low.baselines[1].latency_ns is None


def test_rows_are_those_of_the_step_before_it_is_cut(low: PhaseData) -> None:
    assert low.flows == (FlowRow(1, ROWS, 4_000, 1_000, 0, 3, 2),)
    report: Any = make_bundle().report
    untold = {"phases": {"low": report["phases"]["low"] | {"rows": [{}, 7]}}}
    assert collect(replace(make_bundle(), report=untold)).phases[1].flows == (FlowRow(*[None] * 7),)


@pytest.mark.parametrize("value", [None, True, "7", math.nan, math.inf])
def test_what_is_no_finite_number_reads_as_none(value: object) -> None:
    assert number({"gap": value}, "gap") is None


def test_totals_come_from_the_schedule() -> None:
    bundle = make_bundle()
    totals = collect(replace(bundle, report={})).phases[0].totals
    schedule = bundle.phases[Phase.FULL].schedule
    assert totals.latency_ns == schedule.latency_ns
    assert totals.energy_nj == pytest.approx(schedule.energy_pj / 1_000)
    assert (totals.gap, totals.status) == (None, "unknown")


def test_encoding_is_safe_in_a_script_and_keeps_every_record() -> None:
    data = collect(make_bundle(name=HOSTILE))
    text = to_json(data)
    assert text.isascii()
    assert not set("<>&") & set(text)
    loaded: Any = json.loads(text)
    assert loaded["model"] == HOSTILE
    table = loaded["phases"]["columns"]["instructions"][1]
    kinds = table["columns"]["kind"]
    decoded = [kinds["texts"][code] for code in kinds["codes"]]
    assert decoded == [row.kind for row in data.phases[1].instructions]
    assert table["rows"] == len(data.phases[1].instructions)


def test_roles_are_listed_in_the_order_of_the_step(low: PhaseData) -> None:
    assert [role.name for role in low.roles] == list(ROLES[:2])
