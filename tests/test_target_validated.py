"""What `check` and `show` say about the numbers of a target."""

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path

import pytest

from benchmarks.cost_models.validation_page import PAGE, page
from cost_models.check import assumptions
from cost_models.load import builtin_targets, load_target, target_from_toml
from cost_models.registry import KINDS
from cost_models.validated import validation_of
from hptc.errors import TargetError
from tests.command_line import hptc, refused

HEAD = 'schema_version = 1\nname = "mine"\nextends = "builtin:systolic"\n'
VALIDATED = HEAD + '[devices.systolic.validation]\ncycles = "my table: 2 %"\n'


def test_every_figure_of_a_device_has_a_verdict() -> None:
    found = validation_of(target_from_toml(VALIDATED, "mine.toml"))["devices.systolic"]
    assert tuple(found) == KINDS["systolic"].figures
    assert found["cycles"] == "my table: 2 %"
    assert found["energy"] is None


@pytest.mark.parametrize("name", builtin_targets())
def test_built_in_devices_tell_what_is_not_validated(name: str) -> None:
    out = hptc("target", "show", name).out
    assert tomllib.loads(out)["name"] == name
    for place, verdicts in validation_of(load_target(name)).items():
        for figure, verdict in verdicts.items():
            assert f"# {place}: {figure}: {verdict or 'NOT validated'}\n" in out


def test_an_override_drops_what_a_table_said(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(VALIDATED)
    assert "cycles: my table" in hptc("target", "show", path).out
    changed = hptc("target", "show", path, "--set", "devices.systolic.rows=64", "--json")
    assert json.loads(changed.out)["validated"]["devices.systolic"]["cycles"] is None


def test_a_figure_that_nothing_prices_is_refused() -> None:
    with pytest.raises(TargetError, match=r"validation: expected .* one of area, cycles.*'cycle'"):
        target_from_toml(VALIDATED.replace("cycles", "cycle"), "mine.toml")


def test_strict_refuses_a_number_without_a_source(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(HEAD + "[devices.systolic]\nrows = 64\n")
    lenient = hptc("target", "check", path)
    assert lenient.code == 0
    assert "warning: devices.systolic: rows = 64 has no source" in lenient.err
    refused(hptc("target", "check", path, "--strict"), 3, "rows = 64 has no source", "1 in all")
    assert hptc("target", "check", "hybrid", "--strict").code == 0


def test_a_range_needs_a_source_too(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(HEAD + "[devices.systolic]\nclock_ghz = {low = 1, typical = 2, high = 3}\n")
    refused(hptc("target", "check", path, "--strict"), 3, "devices.systolic: clock_ghz")


def test_assumptions_are_listed_apart() -> None:
    found = json.loads(hptc("target", "check", "hybrid", "--json").out)
    assert found["warnings"] == []
    assumed: Mapping[str, str] = found["assumptions"]
    assert assumed == assumptions(load_target("hybrid"))
    assert "links.systolic-reram.latency_ns" in assumed
    assert "devices.reram.rows" not in assumed


def test_links_are_listed_by_preset() -> None:
    assert "pcie4-x16" in hptc("target", "list").out
    assert json.loads(hptc("target", "list", "--json").out)["links"]["pcie4-x16"]


def test_the_page_on_validation_says_what_the_targets_say() -> None:
    again = "python -m benchmarks.cost_models.validation_page"
    assert PAGE.read_text(encoding="utf-8") == page(), f"stale: write it anew by {again}"
