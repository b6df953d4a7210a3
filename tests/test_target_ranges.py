from pathlib import Path

import pytest

from cost_models.check import check_target
from cost_models.load import at_numbers, load_target, target_from_toml
from cost_models.overlay import merged
from cost_models.schema import target_schema
from hptc.errors import TargetError
from hptc.target import NumberRange, Target

ENERGY = "devices.reram.write_energy_pj_per_cell"
RANGE = "{low = 1.29, typical = 120.0, high = 3910.0}"


def child(devices: str = "", rest: str = "") -> str:
    head = 'schema_version = 1\nname = "mine"\nextends = "builtin:hybrid-stack"\n'
    return f"{head}{rest}\n[devices.reram]\n{devices}\n"


def range_of(target: Target, path: str) -> NumberRange:
    (found,) = [item for item in target.ranges if item.path == path]
    return found


def test_a_range_is_priced_at_its_typical_number_and_kept() -> None:
    text = child(f"write_energy_pj_per_cell = {RANGE}")
    text += '[devices.reram.sources]\nwrite_energy_pj_per_cell = "PUMA to PipeLayer"\n'
    target = target_from_toml(text, "mine.toml")
    assert target.device("reram").table["write_energy_pj_per_cell"] == 120.0
    found = range_of(target, ENERGY)
    assert found == NumberRange(ENERGY, 1.29, 120.0, 3910.0, "PUMA to PipeLayer")
    assert "cell = { low = 1.29, typical = 120.0, high = 3910.0 }" in target.toml
    assert target_from_toml(target.toml, "bundle") == target
    assert not check_target(target)


def test_whole_numbers_stay_whole() -> None:
    text = child("write_pulses = {low = 1, typical = 8, high = 31}")
    target = target_from_toml(text, "mine.toml")
    assert repr(target.device("reram").table["write_pulses"]) == "8"
    high = at_numbers(target, {"devices.reram.write_pulses": 31})
    assert repr(high.device("reram").table["write_pulses"]) == "31"
    assert high.ranges == ()


def test_a_range_can_be_set_and_unset() -> None:
    setting = f"{ENERGY}={RANGE}"
    target = load_target("hybrid", [setting])
    assert range_of(target, ENERGY).source == "--set on the command line"
    number = load_target("hybrid", [setting, f"{ENERGY}=3.0"])
    assert number.device("reram").table["write_energy_pj_per_cell"] == 3.0
    assert ENERGY not in {item.path for item in number.ranges}


def test_a_range_replaces_another_whole(tmp_path: Path) -> None:
    (tmp_path / "base.toml").write_text(child(f"write_energy_pj_per_cell = {RANGE}"))
    head = 'schema_version = 1\nname = "c"\nextends = "base.toml"\n[devices.reram]\n'
    path = tmp_path / "c.toml"
    path.write_text(head + "write_energy_pj_per_cell = {low = 1, typical = 2, high = 3}\n")
    found = range_of(load_target(str(path)), ENERGY)
    assert (found.low, found.typical, found.high, found.source) == (1, 2, 3, "")
    path.write_text(head + "write_energy_pj_per_cell = {high = 3}\n")
    with pytest.raises(TargetError, match=r"low, typical, high, found a table with the keys high"):
        load_target(str(path))


def test_links_and_topologies_have_ranges() -> None:
    wire = "latency_ns = 10.0\nenergy_pj_per_bit = {low = 0.1, typical = 0.5, high = 5}\n"
    wire += "bandwidth_bytes_per_ns = 2.0\n"
    sources = '[links.sources]\nenergy_pj_per_bit = "ours"\n'
    link = f'[[links]]\nsrc = "systolic"\ndst = "reram"\n{wire}{sources}'
    target = target_from_toml(child(rest=link), "mine.toml")
    path = "links.systolic-reram.energy_pj_per_bit"
    assert range_of(target, path) == NumberRange(path, 0.1, 0.5, 5, "ours")
    assert {item.energy_pj_per_bit for item in target.links} == {0.5}
    assert {item.energy_pj_per_bit for item in at_numbers(target, {path: 5}).links} == {5}
    bus = target_from_toml(child(rest=f'[topology]\nkind = "bus"\n{wire}'), "mine.toml")
    assert "topology.energy_pj_per_bit" in {item.path for item in bus.ranges}


def test_tables_called_low_and_high_are_no_range() -> None:
    base = {"devices": {"low": {"adc_bits": 6, "rows": 8}, "high": {"rows": 16}}}
    changed = merged(base, {"devices": {"low": {"adc_bits": 7}}})
    assert changed["devices"] == {"low": {"adc_bits": 7, "rows": 8}, "high": {"rows": 16}}


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("{low = 2, typical = 1, high = 3}", "expected low <= typical <= high, found 2, 1 and 3"),
        ("{low = 1, typical = nan, high = 3}", "low <= typical <= high"),
        ("{low = 1, typical = 2}", "found a table with the keys low, typical"),
        ("{low = 1, typical = 2, hi = 3}", "found a table with the keys low, typical, hi"),
        ("{}", "found a table with the keys none"),
        ("{low = 1, typical = 2, high = 'x'}", "low, typical and high to be numbers"),
        ("{low = true, typical = 2, high = 3}", "low, typical and high to be numbers"),
        ("{low = -1, typical = 2, high = 3}", "write_energy_pj_per_cell to be greater than"),
        ("{low = 1, typical = 2, high = inf}", "write_energy_pj_per_cell to be a finite"),
    ],
)
def test_bad_ranges_are_named(setting: str, message: str) -> None:
    with pytest.raises(TargetError, match=message) as error:
        load_target("hybrid", [f"{ENERGY}={setting}"])
    assert "builtin:hybrid" in error.value.where
    assert "devices.reram" in error.value.where


def test_only_numbers_take_a_range() -> None:
    for key in ("input_mode", "transposable"):
        with pytest.raises(TargetError, match=r"adc_bits"):
            load_target("hybrid", [f"devices.reram.{key}={RANGE}"])
    with pytest.raises(TargetError, match="unknown key 'nonsense'"):
        load_target("hybrid", [f"devices.reram.nonsense={RANGE}"])
    with pytest.raises(TargetError, match="adc_bits to be"):
        load_target("hybrid", ["devices.reram.adc_bits={low = 1, typical = 6, high = 7.5}"])


def test_the_schema_allows_a_range_wherever_a_number_is() -> None:
    schema = target_schema()
    definitions = schema["$defs"]
    assert isinstance(definitions, dict)
    for table, key in (("reram", "adc_bits"), ("LinkTable", "latency_ns")):
        number, ranged = definitions[table]["properties"][key]["anyOf"]
        assert ranged["required"] == ["low", "typical", "high"]
        assert ranged["properties"]["low"]["type"] == number["type"]
    assert "anyOf" not in definitions["reram"]["properties"]["input_mode"]
