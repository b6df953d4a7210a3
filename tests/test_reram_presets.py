"""The ReRAM presets: that they can stand in for one another, and what their designers published."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from benchmarks.cost_models.__main__ import all_scores
from benchmarks.cost_models.published import FIGURES, scores
from cost_models.check import check_target
from cost_models.load import load_target, target_from_toml
from cost_models.reram.geometry import Held
from cost_models.reram.model import ReramModel
from cost_models.reram.params import ReramParams
from cost_models.reram.programming import capped_ns, programming
from cost_models.reram.read import vector_read

PRESETS = ("reram", "atleus", "isaac", "puma", "neurram", "hermes", "mnsim-default")
PAGE = Path(__file__).parents[1] / "docs" / "presets.md"
BACKBONE = Held(1, 37_828_608)  # weights of HpT's transformer; rows do not matter to energy


def params(name: str, *settings: str) -> ReramParams:
    target = load_target(name, [f"devices.reram.{setting}" for setting in settings])
    return ReramParams.model_validate(target.device("reram").table)


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_takes_the_place_of_the_stacks_arrays(name: str) -> None:
    text = f'schema_version = 1\nname = "x"\nextends = ["builtin:hybrid-stack", "builtin:{name}"]'
    stack = target_from_toml(text, "stack")
    assert [device.name for device in stack.devices] == ["systolic", "reram"]
    assert stack.device("reram") == load_target(name).device("reram")
    assert len(stack.links) == 2
    assert not check_target(stack)


def test_a_part_of_a_device_is_laid_over_the_stacks(tmp_path: Path) -> None:
    (tmp_path / "tweak.toml").write_text("[devices.reram]\nadc_bits = 6\n")
    path = tmp_path / "mine.toml"
    path.write_text(
        'schema_version = 1\nname = "x"\nextends = ["builtin:hybrid-stack", "tweak.toml"]\n'
    )
    table, stack = (load_target(name).device("reram").table for name in (str(path), "hybrid-stack"))
    assert table == {**stack, "adc_bits": 6, "sources": table["sources"]}


def published(target: str) -> dict[str, float]:
    found = {line.family: line.worst_pct for line in scores(Path())}
    return {name: error for name, error in found.items() if name.startswith(f"{target}:")}


@pytest.mark.parametrize(("target", "worst_pct"), [("hermes", 3), ("neurram", 1), ("isaac", 7)])
def test_published_figures(target: str, worst_pct: float) -> None:
    errors = published(target)
    assert len(errors) == sum(figure.target == target for figure in FIGURES)
    assert max(errors.values()) < worst_pct


def test_published_figures_need_no_table(tmp_path: Path) -> None:
    lines, lacking = all_scores(tmp_path)
    assert {line.table for line in lines} == {"published"}
    assert "mnsim_fc.csv" in lacking


@pytest.mark.parametrize("name", PRESETS)
def test_the_page_of_presets_has_the_figures_of_the_targets(name: str) -> None:
    (row,) = (line for line in PAGE.read_text().splitlines() if line.startswith(f"| `{name}` |"))
    cells = [cell.strip() for cell in row.split("|")]
    figures = ReramModel(params(name)).figures()
    for cell, figure in zip(cells[5:8], ("peak_tops", "tops_per_w", "area_mm2"), strict=True):
        said = float(cell.replace(",", "")) if cell != "-" else None
        assert said == (pytest.approx(figures[figure], rel=0.02) if figure in figures else None)


def test_puma_publishes_a_peak_that_its_products_do_not_give() -> None:
    errors = published("puma")
    assert errors["puma: 16-bit product, nJ"] < 1
    assert errors["puma: GOPS/W"] == pytest.approx(40, abs=0.2)


def test_four_phases_take_four_times_one() -> None:
    held = Held(256, 256)
    one, four = (vector_read(params("hermes", f"read_passes={n}"), held, 8) for n in (1, 4))
    assert one.interval_ns == 130.0  # 127 pulses of 1 ns, and 3 ns
    assert four.interval_ns == 4 * one.interval_ns
    assert four.energy_pj == pytest.approx(4 * one.energy_pj)


@pytest.mark.parametrize(
    ("settings", "bits", "pulses"),
    [
        ((), 8, 22),  # the sign apart, 4 bits and 3 bits
        ((), 5, 15),
        ((), 1, 1),
        (("pulse_bits=7",), 8, 127),
        (("pulse_bits=1",), 8, 7),
        (("input_encoding=binary",), 8, 30),
        (("input_encoding=binary",), 9, 31),
    ],
)
def test_pulses_of_an_input(settings: Sequence[str], bits: int, pulses: int) -> None:
    read = vector_read(params("neurram", *settings), Held(256, 128), bits)
    assert read.parts["array"].time_ns == pytest.approx(305 * pulses)


def test_a_sign_takes_no_phase() -> None:
    for bits, phases in ((8, 7), (2, 1), (1, 1)):
        read = vector_read(params("isaac", "input_encoding=sign-magnitude"), Held(128, 16), bits)
        assert read.interval_ns == 100.0 * phases


@pytest.mark.parametrize(
    ("name", "settings", "energy_mj"),
    [
        ("atleus", (), 36),
        ("atleus", ("write_energy_pj_per_cell=9.0",), 2.7),
        ("atleus", ("write_energy_pj_per_cell=3910.0",), 1180),
        ("puma", (), 0.39),
    ],
)
def test_energy_of_programming_the_backbone(
    name: str, settings: Sequence[str], energy_mj: float
) -> None:
    once = programming(params(name, *settings), BACKBONE)
    assert once.energy_pj / 1e9 == pytest.approx(energy_mj, rel=0.02)  # facts, section 1.6


def test_time_of_programming() -> None:
    array = Held(128, 16)
    assert programming(params("puma"), array).time_ns == pytest.approx(10_970, rel=1e-3)
    bare = params("atleus", "write_pulses=1", "verify_read_ns=0.0")
    assert programming(bare, array).time_ns == 6_400.0
    verified = params("atleus", "write_pulses=8", "verify_read_ns=10.0")
    assert programming(verified, array).time_ns == 128 * 8 * (50.0 + 10.0)
    energy_pj = programming(verified, BACKBONE).energy_pj
    assert capped_ns(0.0, energy_pj, verified.write_power_cap_w) == pytest.approx(0.363e6, rel=0.01)
