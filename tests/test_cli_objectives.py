"""Objectives, limits, fronts and the cost of a training on the command line."""

import json
from pathlib import Path
from typing import Any

import pytest

from hptc.cli.objective import parse_energy, parse_time
from hptc.errors import UsageError
from tests.command_line import hptc, refused


def compiled(tmp_path: Path, model: Path, *options: str) -> Any:
    path = tmp_path / "m.hptc"
    arguments = ("compile", model, "-o", path, "--force", "--time-limit", "4")
    done = hptc(*arguments, "--phases", "low,infer", *options, "--json")
    assert done.code == 0, done.err
    return json.loads(done.out)


def test_a_compilation_tells_objective_front_and_training(tmp_path: Path, small_onnx: Path) -> None:
    report = compiled(
        *(tmp_path, small_onnx, "--objective", "edp", "--latency-limit", "1s"),
        *("--pareto", "3", "--steps", "low=50"),
    )
    for figures in report["phases"].values():
        assert figures["objective"] == "edp"
        assert figures["latency_limit_ns"] == 10**9
        assert figures["objective_unit"] == "ns nJ"
        product = figures["latency_ns"] * figures["energy_nj"]
        assert figures["objective_value"] == pytest.approx(product)
        assert figures["objective_bound"] <= figures["objective_value"] * (1 + 1e-9)
        points = figures["pareto"]["points"]
        assert 1 <= len(points) <= 3
        assert all(point["energy_bound_nj"] <= point["energy_nj"] for point in points)
    training, low = report["training"], report["phases"]["low"]
    assert list(training["phases"]) == ["low"]
    assert training["phases"]["low"]["steps"] == 50
    entry_ns = training["phases"]["low"]["entry_latency_ns"]
    assert training["latency_ns"] == entry_ns + 50 * low["latency_ns"]
    assert training["all_gpu"]["latency_ns"] == 50 * low["baselines"]["gpu"]["latency_ns"]


def test_the_table_tells_them_too(tmp_path: Path, small_onnx: Path) -> None:
    arguments = ("compile", small_onnx, "-o", tmp_path / "m.hptc", "--time-limit", "3")
    done = hptc(
        *(*arguments, "--phases", "low", "--objective", "weighted:latency=1,energy=0.01"),
        *("--pareto", "2", "--steps", "low=50"),
    )
    assert done.code == 0, done.err
    for words in ("low: weighted:latency=1,energy=0.01 ", "front of latency and energy", "all-GPU"):
        assert words in done.out
    assert "training: " in done.out


def test_few_steps_do_not_repay_programming(tmp_path: Path, small_onnx: Path) -> None:
    """The same model is fastest in crossbars, if it is trained long enough."""
    options = ("--target", "hybrid-stack", "--objective", "training")
    few = compiled(tmp_path, small_onnx, *options, "--steps", "low=1,infer=1")["training"]
    many = compiled(tmp_path, small_onnx, *options, "--steps", "low=100000,infer=1")["training"]
    assert few["phases"]["low"]["programmed"] == []
    assert few["phases"]["low"]["entry_latency_ns"] == 0
    assert few["latency_ns"] == few["objective_value"] < few["apart"]["latency_ns"]
    assert few["saved"] == pytest.approx(1 - few["latency_ns"] / few["apart"]["latency_ns"])
    assert few["saved"] > 0.4
    assert len(many["phases"]["low"]["programmed"]) == 1
    assert many["phases"]["low"]["program_ns"] > 0
    for found in (few, many):
        assert (found["objective"], found["bound_holds_for"]) == ("latency", "all schedules")
        assert 0 < found["objective_bound"] <= found["objective_value"]
        assert found["objective_value"] <= found["apart"]["objective_value"]
        parts = found["phases"].values()
        assert found["latency_ns"] == sum(part["latency_ns"] for part in parts)
        assert found["energy_nj"] == pytest.approx(sum(part["energy_nj"] for part in parts))


def test_a_training_is_told(tmp_path: Path, small_onnx: Path) -> None:
    arguments = ("compile", small_onnx, "-o", tmp_path / "m.hptc", "--force")
    asked = ("--objective", "training:energy", "--steps", "full=2,low=5")
    done = hptc(*arguments, "--target", "hybrid-stack", *asked)
    assert done.code == 0, done.err
    for words in ("training: energy is ", " above the bound, ", " less than phase by phase ("):
        assert words in " ".join(done.out.split())
    refused(hptc(*arguments, *asked[:2]), 2, "--objective training:energy", "--steps full=N,low=M")
    steps = ("--steps", "low=5", "--objective")
    refused(hptc(*arguments, *steps, "training:edp"), 2, "training:edp", "training:energy")
    refused(hptc(*arguments, *steps, "training:fast"), 2, "--objective", "'fast'")
    limit = ("training", "--energy-limit", "1mJ")
    refused(hptc(*arguments, *steps, *limit), 2, "--energy-limit", "training:weighted")


def test_limits_out_of_reach_and_malformed(tmp_path: Path, small_onnx: Path) -> None:
    arguments = ("compile", small_onnx, "-o", tmp_path / "m.hptc", "--phases", "infer")
    refused(hptc(*arguments, "--latency-limit", "1"), 4, "--latency-limit 1 ns", "at least")
    refused(hptc(*arguments, "--energy-limit", "0.001nJ"), 4, "--energy-limit 0.001 nJ", "at least")
    refused(hptc(*arguments, "--latency-limit", "soon"), 2, "--latency-limit", "ms")
    refused(hptc(*arguments, "--pareto", "1"), 2, "--pareto", "at least 2")
    refused(hptc(*arguments, "--objective", "speed"), 2, "--objective", "weighted:latency=A")


def test_the_partitioner_alone_has_them(tmp_path: Path) -> None:
    graph = {
        "devices": ["a", "b"],
        "links": [{"src": s, "dst": 1 - s, "bw_bytes_per_ns": 1, "latency_ns": 0} for s in (0, 1)],
        "tasks": [{"id": i, "name": f"t{i}", "cost": [3, 5]} for i in range(3)],
        "edges": [{"src": 0, "dst": 2, "bytes": 4}],
    }
    path = tmp_path / "graph.json"
    path.write_text(json.dumps(graph))
    found = json.loads(hptc("solve", path, "--pareto", "2", "--latency-limit", "6", "--json").out)
    assert (found["makespan_ns"], found["objective_value"], found["latency_limit_ns"]) == (6, 6, 6)
    assert [point["latency_ns"] for point in found["pareto"]["points"]] == [6]
    assert "front" in hptc("solve", path, "--pareto", "2").out
    refused(hptc("solve", path, "--latency-limit", "5"), 4, "--latency-limit 5 ns", "6 ns")
    huge = "weighted:latency=1e300,energy=1e-300"
    refused(hptc("solve", path, "--objective", huge), 2, "weights up to 1e+30")
    assert hptc("solve", path, "--objective", huge.replace("300", "30")).code == 0


@pytest.mark.parametrize(
    ("text", "time_ns"), [("40us", 40_000), ("40 us", 40_000), ("7", 7), ("1.5e3", 1500)]
)
def test_times_have_units(text: str, time_ns: int) -> None:
    assert parse_time("--latency-limit", text) == time_ns


def test_energies_have_units() -> None:
    assert parse_energy("--energy-limit", "2.5mJ") == pytest.approx(2.5e6)
    assert parse_energy("--energy-limit", None) is None
    for text in ("", "nan", "-1", "2 pJ", "1e999", "mJ"):
        with pytest.raises(UsageError, match="--energy-limit"):
            parse_energy("--energy-limit", text)
