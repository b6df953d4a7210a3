"""`hptc compile`, `inspect`, and the figures they report."""

import json
from pathlib import Path
from typing import Any

import onnx
import pytest

from hptc.ir.graph import Phase
from hptc.schedule.bundle import load_bundle
from tests.command_line import WIND, hptc, hptc_process, refused
from tests.conftest import Compiled
from tests.small_onnx import small_model

REPORT_KEYS = {"schema_version", "bundle", "target", "solve_s", "capture_s", "trained", "phases"}
PHASE_KEYS = {
    *("ops", "tags", "roles", "devices", "latency_ns", "period_ns", "energy_nj"),
    *("lower_bound_ns", "gap", "status", "crossbars_used", "program_ns", "program_nj"),
    *("cell_writes_per_step", "steps_to_failure", "programmings_to_failure"),
    *("baselines", "all_gpu"),
}


def test_json_report(wind: Compiled) -> None:
    report = wind.report
    assert set(report) >= REPORT_KEYS
    assert report["schema_version"] == 1
    assert report["bundle"] == str(wind.path)
    assert list(report["phases"]) == list(report["trained"]) == ["full", "low", "infer"]
    assert report["trained"]["infer"] == []
    assert any(name.endswith(".A") or "lora" in name.lower() for name in report["trained"]["low"])
    for figures in report["phases"].values():
        assert set(figures) >= PHASE_KEYS
        assert figures["status"] in {"optimal", "feasible"}
        work = {"ops", "macs", "flops", "bytes"}
        assert all(set(item) == work for item in figures["tags"].values())
        in_step = [item for tag, item in figures["tags"].items() if tag != "folded"]
        assert figures["step"] == {key: sum(item[key] for item in in_step) for key in work}
        for rows in figures["rows"]:
            reached = sum(rows[flow]["macs"] for flow in ("map", "reduce", "all"))
            assert rows["extent"] > 1
            assert reached <= figures["step"]["macs"]
        assert all(set(item) == {"ops", "busy_ns"} for item in figures["devices"].values())
        assert all(set(i) == {"latency_ns", "energy_nj"} for i in figures["baselines"].values())
        folded = figures["tags"]["folded"]["ops"]
        assert sum(item["ops"] for item in figures["devices"].values()) + folded == figures["ops"]


@pytest.mark.parametrize("phase", ["full", "low", "infer"])
def test_bound_below_latency_below_baselines(wind: Compiled, phase: str) -> None:
    figures = wind.report["phases"][phase]
    assert 0 < figures["lower_bound_ns"] <= figures["latency_ns"]
    assert figures["gap"] == pytest.approx(figures["latency_ns"] / figures["lower_bound_ns"] - 1)
    assert "gpu" in figures["baselines"]
    assert "systolic" in figures["baselines"]
    for baseline in figures["baselines"].values():
        assert figures["latency_ns"] <= baseline["latency_ns"]


def test_gpu_alone_is_its_own_baseline(tmp_path: Path, small_onnx: Path) -> None:
    done = hptc(
        *("compile", small_onnx, "-o", tmp_path / "m.hptc"),
        *("--target", "gpu", "--phases", "low", "--time-limit", "2", "--json"),
    )
    figures = json.loads(done.out)["phases"]["low"]
    assert figures["baselines"]["gpu"]["latency_ns"] == figures["latency_ns"]
    assert figures["baselines"]["gpu"]["energy_nj"] == pytest.approx(figures["energy_nj"])


def test_as_a_user(tmp_path: Path, small_onnx: Path) -> None:
    """The default name, a table of every phase, and no file but the bundle."""
    done = hptc_process("compile", small_onnx, "--time-limit", "2", cwd=tmp_path)
    assert done.code == 0, done.err
    assert [path.name for path in tmp_path.iterdir()] == ["small.hptc"]
    for word in ("small on hybrid", "speed-up", "\n full ", "\n low ", "\n infer ", "wrote small"):
        assert word in done.out
    assert "Traceback" not in done.err


def test_emitted_files_and_dumped_graph(tmp_path: Path, small_onnx: Path) -> None:
    bundle = tmp_path / "m.hptc"
    arguments = ("compile", small_onnx, "-o", bundle, "--phases", "full", "--time-limit", "2")
    done = hptc(*arguments, "--emit", "html,trace,ir", "--dump-ir-after", "tag-operands", "--json")
    assert done.code == 0, done.err
    assert set(json.loads(done.out)["emitted"]) == {"html", "trace", "ir"}
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"m.hptc", "m.html", "m.trace.json", "m.ir.txt"}
    assert "<html" in (tmp_path / "m.html").read_text()
    assert json.loads((tmp_path / "m.trace.json").read_text())["traceEvents"]
    assert "full" in (tmp_path / "m.ir.txt").read_text()
    assert "// after tag-operands" in done.err
    bundle.unlink()
    refused(hptc(*arguments, "--emit", "ir"), 2, "m.ir.txt", "--force")
    assert not bundle.exists()


def test_existing_output_needs_force(tmp_path: Path, small_onnx: Path) -> None:
    bundle = tmp_path / "m.hptc"
    bundle.write_text("mine")
    arguments = ("compile", small_onnx, "-o", bundle, "--phases", "infer", "--time-limit", "1")
    refused(hptc(*arguments), 2, "m.hptc", "--force")
    assert bundle.read_text() == "mine"
    assert hptc(*arguments, "--force").code == 0
    assert list(load_bundle(bundle).phases) == [Phase.INFER]


def test_the_same_work_gives_the_same_bundle(tmp_path: Path, small_onnx: Path) -> None:
    bundles = [tmp_path / "a.hptc", tmp_path / "b.hptc"]
    arguments = ("compile", small_onnx, "--phases", "low", "--work-limit", "0.2", "--json")
    reports = [json.loads(hptc(*arguments, "-o", bundle).out) for bundle in bundles]
    assert bundles[0].read_bytes() == bundles[1].read_bytes()
    assert [report["solve_s"] for report in reports] == [None, None]


def test_dynamic_dimension(tmp_path: Path) -> None:
    model, bundle = tmp_path / "dynamic.onnx", tmp_path / "m.hptc"
    onnx.save(small_model(batch="batch"), model)
    arguments = ("compile", model, "-o", bundle, "--phases", "infer", "--time-limit", "1")
    refused(hptc(*arguments), 3, "batch", "--shape batch=N")
    assert not bundle.exists()
    assert hptc(*arguments, "--shape", "batch=3").code == 0


def test_inspect(tmp_path: Path, small: Compiled) -> None:
    page = tmp_path / "page.html"
    assert hptc("inspect", small.path, "-o", page).code == 0
    assert "<html" in page.read_text()
    refused(hptc("inspect", small.path, "-o", page), 2, "page.html", "--force")
    assert hptc("inspect", small.path, "-o", page, "--force").code == 0
    shown: dict[str, Any] = json.loads(hptc("inspect", small.path, "--json").out)
    assert shown["phases"] == small.report["phases"]
    assert list(tmp_path.iterdir()) == [page]
    page.unlink()
    assert json.loads(hptc("inspect", small.path, "--json", "-o", page).out) == shown
    assert "<html" in page.read_text()


def test_outputs_spare_the_inputs(tmp_path: Path, small_onnx: Path, small: Compiled) -> None:
    model = tmp_path / "m.onnx"
    model.write_bytes(small_onnx.read_bytes())
    refused(hptc("compile", model, "-o", model, "--force"), 2, "an input of that name")
    clash = tmp_path / "m.html"
    refused(hptc("compile", model, "-o", clash, "--emit", "html"), 2, "another output")
    refused(hptc("inspect", small.path, "-o", small.path, "--force"), 2, "an input of that name")
    assert model.read_bytes() == small_onnx.read_bytes()
    assert WIND.is_file()
