"""Tasks that run again in a compiled phase: built, checked, executed and verified."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from hptc.errors import VerifyError
from hptc.ir.graph import Op
from hptc.ir.tasks import tasks_of
from hptc.partition.problem import Assignment, Placement, Rerun, Transfer
from hptc.schedule.again import with_reruns
from hptc.schedule.build import build_schedule
from hptc.schedule.check import check_schedule
from hptc.schedule.model import Schedule
from hptc.schedule.pose import pose
from hptc.schedule.priced import Priced
from hptc.schedule.pure import may_run_again
from tests import schedule_examples as ex
from tests.command_line import WIND, hptc


def tight() -> Priced:
    devices = tuple(replace(device, memory_bytes=250) for device in ex.target().devices)
    target = replace(ex.target(), devices=devices)
    posed = pose(ex.STEP, ex.TASKS, ex.costs(), target)
    return Priced(ex.STEP, target, tasks_of(ex.STEP), ex.costs(), posed)


def scheduled(second_start_ns: int) -> Schedule:
    """The backward task on its own device, and there again for the optimizer."""
    once = ex.assign(tight().posed, ex.HYBRID)
    values = tight().posed.values
    late = [t for t in once.transfers if values[t.value] == "g_b"]
    (sent,) = late
    shift = second_start_ns + 20 - sent.start_ns
    again = Transfer(len(values), sent.link, sent.start_ns + shift, sent.end_ns + shift)
    first, *others = reversed(once.placements)
    optimizer = Placement(first.mode, first.start_ns + shift, first.end_ns + shift)
    backward = Placement(others[0].mode, second_start_ns, second_start_ns + 20)
    answer = Assignment(
        (*reversed(others), optimizer, backward),
        (*(t for t in once.transfers if t not in late), again),
        (Rerun(2, (3,)),),
    )
    whole, step = with_reruns(tight(), answer)
    return build_schedule(ex.STEP, whole.tasks, whole.costs, whole.posed, step)


def test_only_tasks_whose_results_end_with_the_step_may_run_again() -> None:
    roomy = pose(ex.STEP, ex.TASKS, ex.costs(), ex.target())
    for posed in (tight().posed, roomy):
        assert [task.recompute for task in posed.problem.tasks] == [False, False, True, False]


def test_random_foreign_and_accumulating_operations_run_once() -> None:
    op = ex.STEP.op_by_name["g_h"]
    assert may_run_again(ex.STEP, [op])
    others: list[Op] = [
        replace(op, kind="hptc.onnx_node.default"),
        replace(op, accumulates=True),
        ex.STEP.op_by_name["b_new"],
    ]
    for other in others:
        assert not may_run_again(ex.STEP, [other])


@pytest.mark.parametrize("start_ns", [54, 60])
def test_a_schedule_with_a_rerun_passes_its_check(start_ns: int) -> None:
    """The gradient of the first run is dropped before the second makes it, or lies there still."""
    schedule = scheduled(start_ns)
    check_schedule(ex.STEP, schedule)
    labels = [i.label for i in schedule.step if i.device == "sys"]
    assert sum("EXEC backward" in label for label in labels) == 2
    assert sum("FREE g_b" in label for label in labels) == (2 if start_ns > 54 else 1)


def test_an_operation_that_must_not_run_twice_is_found() -> None:
    schedule = scheduled(60)
    last = schedule.step[-1]
    optimizer = next(i for i in schedule.step if i.task == "optimizer")
    late = replace(optimizer, start_ns=last.end_ns, end_ns=last.end_ns + 11)
    twice = replace(schedule, step=(*schedule.step, late), latency_ns=late.end_ns)
    with pytest.raises(VerifyError, match="one EXEC a step"):
        check_schedule(ex.STEP, twice)


def test_wind_recomputes_where_its_activations_do_not_fit(tmp_path: Path) -> None:
    bundle = tmp_path / "tight.hptc"
    limit = ("--set", "devices.systolic.memory_bytes=1900000", "--work-limit", "2")
    base = ("compile", WIND, "--target", "hybrid-stack", "--phases", "full", "-o", bundle)
    studies = ("--pareto", "2", "--sensitivity", "--objective", "training", "--steps", "full=10")
    done = hptc(*base, *limit, *studies, "--json")
    assert done.code == 0, done.err
    report = json.loads(done.out)
    figures = report["phases"]["full"]
    assert figures["run_again"]
    assert report["training"]["phases"]["full"]["step_latency_ns"] == figures["latency_ns"]
    sensitivity = figures["sensitivity"]
    assert sensitivity["typical"]["latency_ns"] == figures["latency_ns"]
    ends = [item[end] for item in sensitivity["ranges"] for end in ("at_low", "at_high")]
    assert any(end["standing"] in {"repriced", "feasible"} for end in ends)
    assert all(p["latency_ns"] >= figures["lower_bound_ns"] for p in figures["pareto"]["points"])
    refused = hptc("explain", bundle, "optimizer")
    assert (refused.code, "reruns, which save memory" in refused.err) == (2, True)
    verified = hptc("run", bundle, "--verify")
    assert verified.code == 0, verified.err
