"""Endurance: from the hottest cell to the steps that a phase can make."""

from dataclasses import replace
from pathlib import Path

import pytest

import tests.schedule_examples as ex
from cost_models.load import load_target
from cost_models.registry import KINDS
from hptc.cost import CostTable
from hptc.errors import TargetError
from hptc.schedule.wear import Wear, lasting_steps, wear
from tests.command_line import hptc, refused

PLACED = {"linear": "xbar", "loss": "gpu"}
REWRITTEN = replace(ex.MATRIX, writes_per_step=1)


def costs_with(budget: float, writes_per_step: int) -> CostTable:
    gpu, xbar, _ = ex.costs().devices
    cost = xbar.tasks["linear"]
    assert cost is not None
    held = replace(cost, crossbars=replace(ex.MATRIX, writes_per_step=writes_per_step))
    return CostTable((gpu, replace(xbar, tasks={"linear": held}, write_budget_per_cell=budget)))


@pytest.mark.parametrize("budget", [1e6, 1e8, 1e10, 1e12])
def test_a_matrix_lasts_as_many_writes_as_its_budget(budget: float) -> None:
    assert wear(costs_with(budget, 1), PLACED) == Wear(1, int(budget), None)
    assert wear(costs_with(budget, 0), PLACED) == Wear(0, None, int(budget))


def test_partial_writes_are_lost() -> None:
    assert lasting_steps(0.9, REWRITTEN) == 0
    assert lasting_steps(2.9, REWRITTEN) == 2
    assert lasting_steps(10.0, replace(REWRITTEN, writes_per_step=4)) == 2


def test_what_holds_no_cells_does_not_wear() -> None:
    assert wear(ex.costs(), {"linear": "gpu"}) == Wear(0, None, None)


@pytest.mark.parametrize("imbalance", [1.0, 4.0])
def test_the_hottest_cell_decides(imbalance: float) -> None:
    settings = [f"devices.reram.wear_imbalance={imbalance}", "devices.reram.endurance_writes=1e6"]
    device = load_target("reram", settings).device("reram")
    budget = KINDS["reram"].build(device.table).device_costs("reram", []).write_budget_per_cell
    assert budget == 1e6 / imbalance


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("endurance_writes=0.5", ["devices.reram", "endurance_writes", "one programming", "0.5"]),
        ("endurance_writes=0", ["endurance_writes"]),
        ("endurance_writes=inf", ["endurance_writes"]),
        ("wear_imbalance=2e6", ["endurance_writes", "wear_imbalance (2e+06)"]),
        ("wear_imbalance=0.5", ["wear_imbalance", "greater than or equal to 1", "0.5"]),
    ],
)
def test_cells_that_do_not_survive_one_programming_are_refused(
    setting: str, words: list[str]
) -> None:
    with pytest.raises(TargetError) as error:
        load_target("hybrid", [f"devices.reram.{setting}"])
    assert all(word in str(error.value) for word in words)


def test_a_file_with_too_little_endurance_is_named(tmp_path: Path) -> None:
    path = tmp_path / "frail.toml"
    path.write_text(
        'schema_version = 1\nname = "frail"\nextends = "reram"\n'
        "[devices.reram]\nwear_imbalance = 10.0\nendurance_writes = 9.0\n"
    )
    refused(hptc("target", "check", path), 3, "frail.toml", "endurance_writes", "wear_imbalance")
