"""Answers under other numbers than those they were made for."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import onnx
import pytest

from cost_models.load import at_numbers, load_target
from hptc.partition.check import energy_pj
from hptc.partition.goal import Objective
from hptc.partition.limits import Limits
from hptc.partition.solve import solve
from hptc.schedule.bundle import load_bundle
from hptc.schedule.priced import Priced
from hptc.sensitivity.model import Answer
from hptc.sensitivity.report import sensitivity
from tests.command_line import hptc
from tests.conftest import Compiled
from tests.cost_examples import layer
from tests.small_onnx import small_model

AMPLE = Limits(time_s=60.0, workers=1)
DISPATCH = "devices.systolic.dispatch_ns"
ENERGY = "devices.reram.write_energy_pj_per_cell"
ENDURANCE = "devices.reram.endurance_writes"
FAST_RERAM = ("devices.reram.dispatch_ns=0.0", "devices.reram.array_read_ns=0.01")


def answer(
    target: str = "hybrid",
    overrides: Sequence[str] = (),
    objective: Objective = Objective.LATENCY,
    steps: int = 100,
) -> Answer:
    priced = Priced.of(layer(64, 512, 512), load_target(target, overrides), steps)
    solution = solve(priced.posed.problem, objective=objective, limits=AMPLE)
    return Answer(priced, steps, solution)


def study(built: Answer, stop: Callable[[], bool] | None = None) -> Any:
    return sensitivity(built, AMPLE, stop)


def range_at(found: Any, path: str) -> Any:
    (item,) = [item for item in found["ranges"] if item["path"] == path]
    return item


def outcomes(found: Any) -> list[Any]:
    ends = [item[end] for item in found["ranges"] for end in ("at_low", "at_high")]
    return [*ends, found["favourable"], found["adverse"]]


@pytest.mark.parametrize("objective", [Objective.LATENCY, Objective.ENERGY])
def test_what_is_decided_anew_is_the_optimum_there(objective: Objective) -> None:
    built = answer(objective=objective)
    found = study(built)
    assert {item["path"] for item in found["ranges"]} == {
        r.path for r in built.priced.target.ranges
    }
    key = "latency_ns" if objective is Objective.LATENCY else "energy_nj"
    item = range_at(found, DISPATCH)
    for end in ("low", "high"):
        target = at_numbers(built.priced.target, {DISPATCH: item[end]})
        problem = Priced.of(built.priced.graph, target, built.steps).posed.problem
        best = solve(problem, objective=objective, limits=AMPLE)
        outcome = item[f"at_{end}"]
        assert outcome["standing"] == "optimal"
        assert outcome["resolved"]["latency_ns"] == pytest.approx(best.assignment.makespan_ns) or (
            objective is Objective.ENERGY
        )
        energy_nj = energy_pj(problem, best.assignment) / 1000
        if objective is Objective.ENERGY:
            assert outcome["resolved"]["energy_nj"] == pytest.approx(energy_nj)
    for outcome in outcomes(found):
        assert outcome["resolved"][key] <= outcome["kept"][key] * (1 + 1e-9)


def test_only_the_numbers_that_the_answer_uses_move_it() -> None:
    built = answer("systolic")
    found = study(built)
    typical = found["typical"]
    item = range_at(found, "devices.systolic.mac_energy_pj")
    assert item["at_high"]["standing"] == "unchanged"  # the typical number is the high one
    assert item["at_low"]["kept"]["latency_ns"] == typical["latency_ns"]
    assert item["at_low"]["kept"]["energy_nj"] < typical["energy_nj"]
    assert all(outcome["ops_moved"] == 0 for outcome in outcomes(found))
    kept = {name: found[name]["kept"]["latency_ns"] for name in ("favourable", "adverse")}
    assert kept["favourable"] < typical["latency_ns"] < kept["adverse"]


def test_the_largest_effect_comes_first() -> None:
    found = study(answer("systolic"))
    typical = found["typical"]["latency_ns"]
    ends = [[item[end]["kept"]["latency_ns"] for end in ("at_low", "at_high")]
            for item in found["ranges"]]  # fmt: skip
    moved = [max(abs(latency / typical - 1) for latency in pair) for pair in ends]
    assert moved[0] == max(moved)


def test_programming_moves_where_the_step_does_not() -> None:
    built = answer("hybrid-stack", FAST_RERAM)
    found = study(built)
    assert found["typical"]["crossbars_used"] > 0
    item = range_at(found, ENERGY)
    for end in ("low", "high"):
        kept = item[f"at_{end}"]["kept"]
        assert kept["latency_ns"] == found["typical"]["latency_ns"]
        share = kept["program_nj"] / found["typical"]["program_nj"]
        assert share == pytest.approx(item[end] / item["typical"])
    assert item["at_high"]["kept"]["program_ns"] > found["typical"]["program_ns"]


def test_an_answer_that_wears_out_cannot_be_kept() -> None:
    ranged = f"{ENDURANCE}={{low = 10.0, typical = 1e12, high = 1e12}}"
    slow = f"{DISPATCH}=1e9"
    built = answer("hybrid-stack", (*FAST_RERAM, slow, ranged))
    found = study(built)
    assert found["typical"]["steps_to_failure"] is not None
    worn = range_at(found, ENDURANCE)["at_low"]
    assert worn["kept"] is None
    assert "cannot run where it was placed" in worn["why"]
    assert worn["resolved"]["steps_to_failure"] is None
    assert worn["ops_moved"] > 0
    assert found["ranges"][0]["path"] == ENDURANCE


def test_without_time_everything_is_told_apart() -> None:
    built = answer()
    none = study(built, stop=lambda: True)
    assert {outcome["standing"] for outcome in outcomes(none)} <= {
        "unchanged", "repriced", "skipped",
    }  # fmt: skip
    assert any(outcome["standing"] == "skipped" for outcome in outcomes(none))
    assert all(item["resolved"] is None for item in outcomes(none) if item["standing"] == "skipped")


def test_a_target_without_ranges_has_nothing_to_tell() -> None:
    built = answer("systolic")
    fixed = at_numbers(built.priced.target, {})
    found = study(replace(built, priced=replace(built.priced, target=fixed)))
    assert found["ranges"] == []
    assert found["favourable"]["standing"] == found["adverse"]["standing"] == "unchanged"


def test_the_command_tells_it_only_when_asked(tmp_path: Path, small: Compiled) -> None:
    model, bundle = tmp_path / "m.onnx", tmp_path / "m.hptc"
    onnx.save(small_model(), model)
    only = ("--phases", "low", "--target", "hybrid-stack", "--time-limit", "4")
    told = hptc("compile", model, *only, "--sensitivity", "-o", bundle)
    assert told.code == 0, told.err
    assert DISPATCH in told.out
    assert "no effect" in told.out
    report = load_bundle(bundle).report
    assert json.loads(json.dumps(report))["phases"]["low"]["sensitivity"]["ranges"]
    assert "sensitivity" not in small.report["phases"]["low"]
