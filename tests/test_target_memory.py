"""Memory and units of targets: from the file to the problem, the schedule and its check."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from cost_models.load import builtin_targets, load_target
from hptc.errors import InfeasibleError, VerifyError
from hptc.partition.limits import Limits
from hptc.partition.problem import Resident, Solution
from hptc.partition.solve import solve
from hptc.schedule.build import build_schedule
from hptc.schedule.check import check_schedule
from hptc.schedule.explain import assignment_of
from hptc.schedule.limits import check_limits
from hptc.schedule.model import Schedule
from hptc.schedule.pose import Posed, pose
from hptc.target import Target
from tests import schedule_examples as ex
from tests.command_line import hptc


def limited(memory: Mapping[str, int | None], units: int = 1) -> Target:
    target = ex.target()
    devices = (
        replace(d, memory_bytes=memory.get(d.name), units=units if d.name == "sys" else 1)
        for d in target.devices
    )
    return replace(target, devices=tuple(devices))


def solved(target: Target) -> tuple[Posed, Solution, Schedule]:
    posed = pose(ex.STEP, ex.TASKS, ex.costs(), target)
    found = solve(posed.problem, limits=Limits(time_s=5.0, workers=1))
    schedule = build_schedule(ex.STEP, ex.TASKS, ex.costs(), posed, found.assignment)
    check_schedule(ex.STEP, schedule)
    check_limits(ex.STEP, schedule, target)
    return posed, found, schedule


def test_memory_that_holds_everything_changes_nothing() -> None:
    plain = pose(ex.STEP, ex.TASKS, ex.costs(), ex.target())
    roomy = pose(ex.STEP, ex.TASKS, ex.costs(), limited({"gpu": 10**6, "sys": 10**6}))
    assert roomy == plain


def test_memory_that_binds_counts_all_that_lies_there() -> None:
    plain = pose(ex.STEP, ex.TASKS, ex.costs(), ex.target())
    tight = pose(ex.STEP, ex.TASKS, ex.costs(), limited({"gpu": 200}))
    assert [device.memory_bytes for device in tight.problem.devices] == [200, None, None]
    assert tight.values == (*plain.values, "m")  # the moment, which only its own task reads
    assert tight.problem.values[-1].carried
    assert tight.problem.values[-1].readers == ()
    linear, loss, _, optimizer = range(4)
    assert tight.problem.residents == (
        Resident((linear,), 48 + 24 + 32),  # the batch, the frozen weight by its root, the output
        Resident((loss,), 32 + 4),  # the target, the loss
        Resident((optimizer,), 4),  # the learning rate
    )


def test_a_tight_device_gives_its_work_away_or_names_its_memory() -> None:
    _, _, schedule = solved(limited({"gpu": 10, "xbar": 10}))
    assert {i.device for i in schedule.step if i.task} == {"sys"}
    with pytest.raises(InfeasibleError, match="memory"):
        solved(limited({"gpu": 10, "sys": 10}))


def test_the_check_counts_what_the_instructions_hold() -> None:
    schedule = ex.scheduled(dict.fromkeys(("linear", "loss", "backward", "optimizer"), "gpu"))
    lasting = (8 + 8) + (48 + 24 + 32) + (32 + 4) + 4
    peak = lasting + 32  # d, beside what lies there throughout; h is an output
    check_limits(ex.STEP, schedule, limited({"gpu": peak + 8}))
    with pytest.raises(VerifyError, match=f"memory of gpu.*at most {peak - 1} bytes"):
        check_limits(ex.STEP, schedule, limited({"gpu": peak - 1}))


def test_units_run_tasks_side_by_side() -> None:
    target = limited({"gpu": 10}, units=2)
    posed, found, schedule = solved(target)
    assert posed.problem.devices[2].count == 2
    assert posed.problem.devices[2].static_power_pj_per_ns == 2 * 100.0
    resources = {i.resource for i in schedule.step if i.task and i.device == "sys"}
    assert resources <= {"sys#1", "sys#2"}
    assert assignment_of(posed, schedule) == found.assignment


def test_more_units_than_there_are_do_not_pass() -> None:
    _, _, schedule = solved(limited({}))
    names = iter(("sys#1", "sys#2", "sys#3", "sys#4"))
    step = tuple(
        replace(i, device="sys", resource=next(names)) if i.task else i for i in schedule.step
    )
    with pytest.raises(VerifyError, match=r"device sys: expected at most 2 units, found 4"):
        check_limits(ex.STEP, replace(schedule, step=step), limited({}, units=2))


@pytest.mark.parametrize("name", builtin_targets())
def test_what_a_builtin_target_holds_has_a_source(name: str) -> None:
    for device in load_target(name).devices:
        sources = device.table.get("sources")
        assert isinstance(sources, Mapping)
        assert (device.memory_bytes is None) == ("memory_bytes" not in sources)
        assert device.units == 1


def test_compile_keeps_a_small_memory_or_ends_with_4(small_onnx: Path, tmp_path: Path) -> None:
    bundle = tmp_path / "small.hptc"
    base = ("compile", small_onnx, "--target", "hybrid-stack", "--time-limit", "2", "-o", bundle)
    refused = hptc(*base, "--set", "devices.systolic.memory_bytes=64")
    assert refused.code == 4, refused.err
    assert "memory" in refused.err
    assert not bundle.exists()
    kept = ("--set", "devices.systolic.memory_bytes=20000", "--set", "devices.systolic.units=2")
    done = hptc(*base, *kept)
    assert done.code == 0, done.err
    assert hptc("run", bundle, "--verify").code == 0
