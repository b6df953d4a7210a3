"""`hptc explain`: what an operation of a bundle is, and what it would cost elsewhere."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hptc.schedule.bundle import load_bundle, save_bundle
from tests.command_line import hptc, refused
from tests.conftest import Compiled


def explained(*arguments: str | Path) -> dict[str, Any]:
    done = hptc("explain", *arguments, "--json")
    assert done.code == 0, done.err
    found = json.loads(done.out)
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize("phase", ["full", "low", "infer"])
def test_every_operation_is_explained_as_it_is_scheduled(wind: Compiled, phase: str) -> None:
    compiled = {p.value: c for p, c in load_bundle(wind.path).phases.items()}[phase]
    runs = {i.task: i for i in compiled.schedule.step if i.ops and i.task}
    for op in compiled.graph.ops[:: len(compiled.graph.ops) // 2]:
        told = explained(wind.path, op.name, "--phase", phase)["phases"][phase]
        assert (told["op"], told["kind"], told["task"]) == (op.name, op.kind, op.task)
        assert told["tag"] == (op.tag.value if op.tag else None)
        if op.task is None:
            assert told["placement"] is None
            continue
        run, placed = runs[op.task], told["placement"]
        assert (placed["device"], placed["start_ns"]) == (run.device, run.start_ns)
        assert op.name in told["ops"]
        assert placed["slack_ns"] >= 0
        for other in placed["alternatives"]:
            assert (other["lost_ns"] is None) == (other["barrier"] is not None)
            assert other["lost_ns"] is None or other["lost_ns"] >= 0


def test_a_name_is_explained_in_all_phases_that_have_it(wind: Compiled) -> None:
    found = explained(wind.path, "mm_6")
    assert set(found["phases"]) == {"full", "low", "infer"}
    text = hptc("explain", wind.path, "mm_6")
    assert text.code == 0
    assert "elsewhere" in text.out
    assert "aten.mm" in text.out


def test_what_is_folded_has_no_place(wind: Compiled) -> None:
    graph = next(c.graph for p, c in load_bundle(wind.path).phases.items() if p.value == "infer")
    op = next(op for op in graph.ops if op.task is None)
    done = hptc("explain", wind.path, op.name, "--phase", "infer")
    assert "folded" in done.out


def test_unknown_names_are_answered_with_near_ones(wind: Compiled) -> None:
    refused(hptc("explain", wind.path, "mmm_6"), 2, "mm_6")
    refused(hptc("explain", wind.path, "mm_6", "--phase", "lowest"), 2, "--phase", "low")


def test_a_bundle_priced_otherwise_is_refused(tmp_path: Path, small: Compiled) -> None:
    """A target changed afterwards has other prices than the schedule was built for."""
    bundle = load_bundle(small.path)
    (phase, compiled), *_ = bundle.phases.items()
    toml = compiled.target_toml.replace("vector_lanes = 128", "vector_lanes = 1")
    assert toml != compiled.target_toml
    changed = replace(bundle, phases={phase: replace(compiled, target_toml=toml)}, transitions=())
    path = tmp_path / "changed.hptc"
    save_bundle(changed, path, force=False)
    op = next(op.name for op in compiled.graph.ops if op.task)
    refused(hptc("explain", path, op, "--phase", phase.value), 3, "Compile it again")


def test_solve_explains_its_answer(tmp_path: Path) -> None:
    """A fork of two: `right` on the other device waits for a transfer, and could wait longer."""
    content = {
        "devices": ["a", "b"],
        "links": [{"src": s, "dst": 1 - s, "bw_bytes_per_ns": 1, "latency_ns": 1} for s in (0, 1)],
        "tasks": [
            {"id": 7, "name": "first", "cost": [2, 9]},
            {"id": 8, "name": "left", "cost": [8, 9]},
            {"id": 9, "name": "right", "cost": [8, 3]},
        ],
        "edges": [{"src": 7, "dst": 8, "bytes": 4}, {"src": 7, "dst": 9, "bytes": 2}],
    }
    problem = tmp_path / "fork.json"
    problem.write_text(json.dumps(content))
    done = hptc("solve", problem, "--explain", "--json")
    assert done.code == 0, done.err
    found = json.loads(done.out)["explain"]
    assert found["makespan_ns"] == 10
    assert [(hop["kind"], hop["task"]) for hop in found["critical_path"]] == [
        ("task", 7),
        ("task", 8),
    ]
    loads = {load["name"]: (load["busy_ns"], load["share"]) for load in found["loads"]}
    assert loads == {"a": (10, 1.0), "b": (3, 0.3), "a->b": (3, 0.3)}
    first, left, right = found["tasks"]
    assert (first["slack_ns"], left["slack_ns"], right["slack_ns"]) == (0, 0, 2)
    lost = [task["alternatives"][0]["lost_ns"] for task in (first, left, right)]
    assert lost == [9 + 5 + 8 - 10, 5 + 5 + 9 - 10, 8 + 2 + 8 - 10]
    assert found["bounds"] == {"paths_ns": 10, "loads_ns": 7}
    text = hptc("solve", problem, "--explain").out
    assert "critical path: 2 tasks, 0 transfers" in text
