"""`hptc run`, `train`, `solve` and the lists."""

import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from hptc.schedule.bundle import load_bundle, save_bundle
from tests.command_line import hptc
from tests.conftest import Compiled

CHECK_KEYS = {
    *("loss_abs_err", "grad_max_rel_err", "update_max_rel_err", "output_max_abs_err"),
    *("trained_names_match", "instructions"),
}


def load(text: str) -> dict[str, Any]:
    """Parse exactly one JSON object, with no NaN."""
    found: dict[str, Any] = json.loads(text, parse_constant=pytest.fail)
    return found


def test_run(small: Compiled) -> None:
    done = hptc("run", small.path, "--steps", "5", "--json")
    assert done.code == 0, done.err
    phases = load(done.out)["phases"]
    assert list(phases) == ["full", "low", "infer"]
    assert phases["infer"]["losses"] == []
    assert phases["full"]["losses"][-1] < phases["full"]["losses"][0]
    assert hptc("run", small.path, "--steps", "5", "--json").out == done.out
    assert " low " in hptc("run", small.path, "--phase", "low").out


@pytest.mark.parametrize("name", ["small", "wind"])
def test_verify(name: str, request: pytest.FixtureRequest) -> None:
    bundle: Compiled = request.getfixturevalue(name)
    done = hptc("run", bundle.path, "--verify", "--json")
    assert done.code == 0, done.out
    found = load(done.out)
    assert found["ok"] is True
    assert set(found["reference"]) == {"torch-autograd", "torch-optimizer", "onnxruntime"}
    for phase, check in found["phases"].items():
        assert set(check) >= CHECK_KEYS
        absent = {key for key in CHECK_KEYS if check[key] is None}
        trained = {"loss_abs_err", "grad_max_rel_err", "update_max_rel_err"}
        assert absent == (trained if phase == "infer" else set())


def test_verify_sees_a_changed_weight(tmp_path: Path, small: Compiled) -> None:
    """Hashes fit, the schedule runs, only the numbers are not those of the model."""
    bundle = load_bundle(small.path)
    weights = {name: array.copy() for name, array in bundle.weights.items()}
    weights["up.weight"][0, 0] += 0.05
    changed = tmp_path / "changed.hptc"
    save_bundle(replace(bundle, weights=weights), changed, force=False)
    done = hptc("run", changed, "--verify", "--json")
    assert done.code == 1
    found = load(done.out)
    assert found["ok"] is False
    assert not any(check["ok"] for check in found["phases"].values())
    table = hptc("run", changed, "--verify", "--phase", "infer")
    assert table.code == 1
    assert "FAILED" in table.out


def test_train_through_the_switch(tmp_path: Path, small: Compiled, small_data: Path) -> None:
    logs = [tmp_path / "a.jsonl", tmp_path / "b.jsonl"]
    arguments = ("train", small.path, "--data", small_data, "--steps", "160", "--lr", "0.02")
    for log in logs:
        done = hptc(*arguments, "--switch", "at:80", "--log", log, "--json")
        assert done.code == 0, done.err
    report = load(done.out)
    assert (report["steps"], report["switched_at"], report["phase"]) == (160, 80, "low")
    assert logs[0].read_bytes() == logs[1].read_bytes()
    records = [load(line) for line in logs[0].read_text().splitlines()]
    assert [r["step"] for r in records if r["event"] == "switch"] == [80]
    epochs = [mean_loss(records, start) for start in range(0, 160, 20)]
    full, low = epochs[:4], epochs[4:]
    assert all(after < before for before, after in pairwise(full))
    assert low[-1] < low[0]
    other = tmp_path / "c.jsonl"
    assert hptc(*arguments, "--switch", "at:80", "--log", other, "--seed", "1").code == 0
    assert other.read_bytes() != logs[0].read_bytes()


def mean_loss(records: list[dict[str, Any]], start: int) -> float:
    """Mean over an epoch, so that the order of the samples does not matter."""
    losses: list[float] = [record["loss"] for record in records if record["event"] == "step"]
    return sum(losses[start : start + 20]) / 20


def test_train_writes_weights(tmp_path: Path, small: Compiled, small_data: Path) -> None:
    log, out = tmp_path / "l.jsonl", tmp_path / "w.safetensors"
    arguments = ("train", small.path, "--data", small_data, "--steps", "2", "--switch", "never")
    done = hptc(*arguments, "--log", log, "-o", out)
    assert done.code == 0, done.err
    assert done.err == ""
    assert {path.name for path in tmp_path.iterdir()} == {"l.jsonl", "w.safetensors"}
    assert hptc(*arguments, "--log", log).code == 2


def test_solve(tmp_path: Path) -> None:
    problem = tmp_path / "fork.json"
    content = {
        "devices": ["a", "b"],
        "links": [
            {"src": 0, "dst": 1, "bw_bytes_per_ns": 1, "latency_ns": 1},
            {"src": 1, "dst": 0, "bw_bytes_per_ns": 1, "latency_ns": 1},
        ],
        "tasks": [
            {"id": 0, "name": "first", "cost": [2, 9]},
            {"id": 1, "name": "left", "cost": [8, 9]},
            {"id": 2, "name": "right", "cost": [8, 3]},
        ],
        "edges": [{"src": 0, "dst": 1, "bytes": 4}, {"src": 0, "dst": 2, "bytes": 2}],
    }
    problem.write_text(json.dumps(content))
    done = hptc("solve", problem, "--json")
    assert done.code == 0, done.err
    found = load(done.out)
    assert set(found) >= {
        *("makespan_ns", "lower_bound_ns", "gap", "status", "wall_s", "assignment", "transfers"),
    }
    assert (found["makespan_ns"], found["lower_bound_ns"], found["status"]) == (10, 10, "optimal")
    assert [item["device"] for item in found["assignment"]] == ["a", "a", "b"]
    assert [(item["src"], item["dst"]) for item in found["transfers"]] == [(0, 2)]
    assert "optimal" in hptc("solve", problem).out
    repeated = [hptc("solve", problem, "--json", "--work-limit", "0.1").out for _ in range(2)]
    assert repeated[0] == repeated[1]
    assert load(repeated[0]) == found | {"wall_s": None}


def test_targets(tmp_path: Path) -> None:
    assert "hybrid-stack" in hptc("target", "list").out
    assert "hybrid" in load(hptc("target", "list", "--json").out)["targets"]
    shown = hptc("target", "show", "hybrid", "--set", "devices.reram.adc_bits=6")
    assert "adc_bits = 6" in shown.out
    own = tmp_path / "own.toml"
    own.write_text(shown.out)
    checked = hptc("target", "check", own, "--json")
    assert checked.code == 0, checked.err
    assert load(checked.out)["ok"] is True
    assert "properties" in load(hptc("target", "schema").out)
    assert hptc("target", "schema", "--json").out == hptc("target", "schema").out


def test_lists() -> None:
    names = [item["name"] for item in load(hptc("passes", "--json").out)["passes"]]
    assert "tag-operands" in names
    assert all(name in hptc("passes").out for name in names)
    report = load(hptc("doctor", "--json").out)
    assert report["ok"] is True
    assert "all is well" in hptc("doctor").out
