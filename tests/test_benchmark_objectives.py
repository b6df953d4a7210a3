"""Placements beside a front, as the benchmark measures them."""

from dataclasses import replace

from benchmarks.objectives import distance, measure, placed, placements
from hptc.partition.fronts.front import Front, Point
from hptc.partition.limits import Limits
from hptc.partition.problem import Assignment, Mode, Task
from tests.partition_cases import chain_of_blocks

NOWHERE = Assignment((), ())
FRONT = Front((Point(NOWHERE, 10, 8e3, 5e3), Point(NOWHERE, 20, 2e3, 2e3)), 9, is_complete=False)


def test_distances_are_to_the_point_that_is_as_good_in_the_other_thing() -> None:
    found = distance("x", 40, 4e3, FRONT)
    assert (found.latency_ratio, found.energy_ratio, found.edp_ratio) == (2.0, 2.0, 4.0)
    best = distance("x", 9, 1e3, FRONT)
    assert (best.latency_ratio, best.energy_ratio) == (None, None)
    assert best.energy_nj == 1.0


def test_placements_fix_one_mode_per_task() -> None:
    problem = chain_of_blocks(1)
    fixed = {name: placed(problem, pick) for name, pick in placements()}
    modes = {name: [t.modes[0] for t in p.tasks] for name, p in fixed.items()}
    assert {mode.device for mode in modes["all-GPU"]} == {0}
    assert [mode.device for mode in modes["ReRAM + systolic"]] == [1, 2, 1, 0, 2, 1]
    copies = Task("read", (Mode(1, 9, 9), Mode(2, 8, 2, matrix=0), Mode(2, 4, 2, matrix=1)))
    several = placed(replace(problem, tasks=(copies,)), dict(placements())["ReRAM + systolic"])
    assert several.tasks[0].modes == copies.modes[1:]
    for task, mode in zip(problem.tasks, modes["greedy"], strict=True):
        assert mode.duration_ns == min(m.duration_ns for m in task.modes)


def test_a_small_step_is_measured() -> None:
    result = measure(chain_of_blocks(1), 2, Limits(time_s=2.0))
    assert [row["objective"] for row in result["objectives"]] == ["latency", "energy", "edp"]
    assert 1 <= len(result["front"]["points"]) <= 2
    names = [row["name"] for row in result["placements"]]
    assert names == ["all-GPU", "ReRAM + systolic", "greedy", "HEFT"]
    for row in result["placements"]:
        assert row["edp_ratio"] >= 1.0 - 1e-9
