"""The partitioner's benchmark: its graphs, files, peers and verdicts."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.memory import peak_gib
from benchmarks.partitioner.cases import Case, folder_cases, generated_cases
from benchmarks.partitioner.generators import DEVICES, layered, training
from benchmarks.partitioner.peers import (
    HAS_SAGA,
    LISTS,
    OUT_OF_TIME,
    SAGA,
    SINGLE,
    Peer,
    best,
    peers,
)
from benchmarks.partitioner.solves import Solved, in_child, solved
from benchmarks.partitioner.verdicts import row, summary
from benchmarks.partitioner.write import problem_json
from hptc.partition.files.read import read_problem
from hptc.partition.limits import Limits
from hptc.partition.problem import Device, Link, Matrix, Mode, Problem, Task, Value, Write

SMALL = Problem(
    (Device("gpu", None, 2.5), Device("array", count=2, memory_bytes=64), Device("reram", 8)),
    (Link(0, 1, 4.0, 10, 0.5), Link(1, 0, 4.0, 10), Link(0, 2, 8.0, 5), Link(2, 0, 8.0, 5)),
    (
        Task("a", (Mode(0, 10, 3),), "first"),
        Task("b", (Mode(0, 50), Mode(1, 5), Mode(2, 7, 1, matrix=0))),
        Task("c", (Mode(0, 20), Mode(1, 5))),
    ),
    (Value(0, (1, 2), 40), Value(2, (0, 1), 8, True, (Write(2, 6, 9), Write(1, 1)))),
    (Matrix("w", 2, 4),),
    ((0, 2),),
)


@pytest.mark.parametrize("make", [layered, training])
def test_graphs_of_a_seed_are_always_the_same(make: Callable[..., Problem]) -> None:
    first, again, other = (make(300, seed=seed, ccr=1.0) for seed in (1, 1, 2))
    assert first == again != other
    assert 270 <= len(first.tasks) <= 330
    assert [device.name for device in first.devices] == list(DEVICES)


def test_slower_links_change_nothing_else() -> None:
    slow, fast = layered(60, ccr=1.0), layered(60, ccr=0.1)
    assert slow.tasks == fast.tasks
    assert slow.values == fast.values
    assert fast.links[0].bandwidth_bytes_per_ns == 10 * slow.links[0].bandwidth_bytes_per_ns


def test_blocks_repeat_and_the_second_half_is_trained() -> None:
    tasks = {task.name: task for task in training(300).tasks}
    assert tasks["block0 q"].modes == tasks["block1 q"].modes
    assert len(tasks["block0 q"].modes) == 3
    assert len(tasks["block5 q"].modes) == 2
    assert "block0 update0" not in tasks
    assert "block5 update0" in tasks


def test_problems_survive_their_file(tmp_path: Path) -> None:
    for problem in (SMALL, training(110)):
        path = tmp_path / "problem.json"
        path.write_text(json.dumps(problem_json(problem)))
        found = read_problem(path).problem
        assert found.tasks == problem.tasks
        assert found.values == problem.values
        assert found.links == problem.links
        assert found.devices == problem.devices
        assert found.together == problem.together


def test_folders_give_optima_and_leave_out_what_is_no_problem(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    inner = tmp_path / "deep"
    inner.mkdir()
    text = json.dumps(problem_json(SMALL))
    for name in ("known.json", "new.json"):
        (inner / name).write_text(text)
    (inner / "about.json").write_text("{}")
    (inner / "BEST.csv").write_text("file,optimum_ns\nknown.json,35\n")
    (inner / "two.stg").write_text("2\n0 0 0\n1 4 1 0\n2 6 1 0\n3 0 2 1 2\n")
    (inner / "OPT_2.csv").write_text(
        "file,processors,optimum_or_lower,upper_if_open\ntwo.stg,2,6,\ntwo.stg,4,5,6\n"
    )
    found = {case.name: case for case in folder_cases(tmp_path, 3)}
    assert list(found) == ["deep/known.json", "deep/new.json", "deep/two.stg x2", "deep/two.stg x4"]
    assert [case.known_ns for case in found.values()] == [35, None, 6, 6]
    assert [case.is_stg for case in found.values()] == [False, False, True, False]
    assert "about.json" in capsys.readouterr().err


def test_peers_are_judged_and_fail_in_words() -> None:
    found = peers(layered(40), 5.0)
    assert {peer.kind for peer in found} == {SINGLE, LISTS} | ({SAGA} if HAS_SAGA else set())
    single = {peer.name: peer for peer in found if peer.kind == SINGLE}
    assert "cannot run" in single["reram"].error
    assert single["gpu"].makespan_ns == sum(
        task.modes[-1].duration_ns for task in layered(40).tasks
    )
    lists = best(found, (LISTS,))
    assert lists is not None
    assert (lists.makespan_ns or 0) <= (single["gpu"].makespan_ns or 0)


@pytest.mark.skipif(not HAS_SAGA, reason="SAGA is not installed")
def test_saga_knows_what_each_device_takes() -> None:
    found = {peer.name: peer for peer in peers(SMALL, 5.0) if peer.kind == SAGA}
    assert found["Heft"].makespan_ns is not None


def test_verdicts_name_what_is_missed() -> None:
    case = Case("c", SMALL, wall_s=10.0, max_gap=0.05)
    rivals = [Peer(SAGA, "Heft", 100, 0.1), Peer(SINGLE, "gpu", 120, 0.1), Peer(LISTS, "", 80, 0.1)]
    good = row(case, Solved(80, 80, 79, 0.01, False, 9.0, 0.5), rivals)
    bad = row(case, Solved(110, 110, 100, 0.1, False, 11.0, 3.0), rivals)
    assert (good.ratio, good.missed) == (0.8, ())
    assert bad.missed == ("ratio", "gap", "time", "memory")
    total = summary([good, bad])
    assert total.mean_ratio == pytest.approx((0.8 * 1.1) ** 0.5)
    assert total.worst_ratio == pytest.approx(1.1)
    assert total.missed[-1] == "mean ratio above 0.9"
    late = [*rivals[1:], Peer(SAGA, "Heft", None, 30.0, OUT_OF_TIME)]
    assert row(case, Solved(80, 80, 79, 0.01, False, 9.0, 0.5), late).ratio == 1.0
    known = Case("stg", SMALL, 30.0, 100, 1.01, is_stg=True)
    rows = [row(known, Solved(101, 101, 90, 0.1, False, 1.0, 0.1), ())]
    assert rows[0].missed == ()
    assert summary(rows).missed == ("fewer than 50% of the STG instances proven",)


def test_a_solve_has_a_process_of_its_own() -> None:
    found = in_child(solved, SMALL, Limits(time_s=2.0))
    assert found.is_proven
    assert 0 < found.peak_gib < 1
    assert peak_gib() > 0


def test_promises_depend_on_family_size_and_links() -> None:
    found = {case.name: case for case in generated_cases((200, 1_000), (1.0, 0.1), 0)}
    assert found["layered 1000 ccr 0.1 seed 0"].max_gap == 0.02
    assert found["layered 1000 ccr 1 seed 0"].max_gap is None
    assert found["training 1000 ccr 1 seed 0"].max_gap == 0.25
    assert {case.wall_s for case in found.values()} == {10.0}
