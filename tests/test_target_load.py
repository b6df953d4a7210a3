import json
from pathlib import Path

import pytest

from cost_models.check import check_target
from cost_models.load import builtin_targets, load_target, target_from_toml
from cost_models.registry import KINDS
from cost_models.schema import target_schema
from hptc.errors import TargetError

CHILD = """
schema_version = 1
name = "mine"
extends = "builtin:hybrid"

[devices.reram]
adc_bits = 6
"""

WIRE = "bandwidth_bytes_per_ns = 2.0\nlatency_ns = 10.0\nenergy_pj_per_bit = 0.5\n"


def four_systolic(rest: str) -> str:
    table = load_target("systolic").toml
    body = table[table.index("kind =") : table.index("[devices.systolic.sources]")]
    devices = "".join(f"[devices.d{number}]\n{body}\n" for number in range(4))
    return f'schema_version = 1\nname = "four"\n{devices}{rest}'


@pytest.mark.parametrize("name", builtin_targets())
def test_built_in_targets_round_trip_without_a_warning(name: str) -> None:
    target = load_target(name)
    assert target == load_target(f"builtin:{name}")
    assert target_from_toml(target.toml, "bundle") == target
    assert "extends" not in target.toml
    assert check_target(target) == ()


def test_the_built_in_targets_are_those_documented() -> None:
    assert builtin_targets() == (
        "atleus", "gpu", "gpu-a100", "gpu-h100", "gpu-l4", "gpu-t4", "gpu-v100",
        "hermes", "hybrid", "hybrid-stack", "isaac", "mnsim-default", "neurram", "puma",
        "reram", "systolic",
    )  # fmt: skip
    assert {device.kind for device in load_target("hybrid").devices} == set(KINDS)
    assert load_target("gpu").devices == load_target("gpu-a100").devices


def test_a_file_extends_a_built_in_target(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(CHILD)
    target = load_target(str(path))
    assert target.name == "mine"
    assert target.device("reram").table["adc_bits"] == 6
    assert target.device("reram").table["rows"] == 128
    assert target.links == load_target("hybrid").links


def test_a_replaced_number_needs_its_own_source() -> None:
    target = target_from_toml(CHILD, "mine.toml")
    assert check_target(target) == ("devices.reram: adc_bits = 6 has no source",)
    sourced = CHILD + '[devices.reram.sources]\nadc_bits = "our chip"\n'
    assert check_target(target_from_toml(sourced, "mine.toml")) == ()


def test_files_extend_files_beside_them(tmp_path: Path) -> None:
    (tmp_path / "base.toml").write_text(CHILD)
    child = tmp_path / "child.toml"
    child.write_text('schema_version = 1\nname = "child"\nextends = "base.toml"\n')
    assert load_target(str(child)).device("reram").table["adc_bits"] == 6


def test_a_target_cannot_extend_itself(tmp_path: Path) -> None:
    path = tmp_path / "loop.toml"
    path.write_text('schema_version = 1\nname = "loop"\nextends = "loop.toml"\n')
    with pytest.raises(TargetError, match="do not extend themselves"):
        load_target(str(path))


def test_overrides_are_applied_and_sourced() -> None:
    target = load_target(
        "hybrid", ["devices.reram.adc_bits=6", "devices.gpu.launch=cuda-graph", "name=tuned"]
    )
    assert target.name == "tuned"
    assert target.device("reram").table["adc_bits"] == 6
    assert target.device("gpu").table["launch"] == "cuda-graph"
    assert check_target(target) == ()


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("devices.reram.adc_bitz=6", "Did you mean 'adc_bits'"),
        ("devices.reram.array_read=6", "Did you mean 'array_read_ns'. A key ends in its unit"),
        ("devices.reram.array_read_us=6", "Did you mean 'array_read_ns'. A key ends in its unit"),
        ("devices.reran.adc_bits=6", "Did you mean 'reram'"),
        ("devices.xbar.adc_bits=6", "one of gpu, reram, systolic, found 'xbar'"),
        ("devices.reram.adc_bits=six", "adc_bits to be a valid integer, found 'six'"),
        ("devices.reram.rows=0", "rows to be greater than 0, found 0"),
        ("devices.reram.rows=-128", "rows to be greater than 0, found -128"),
        ("devices.reram.rows=true", "rows to be a valid integer, found True"),
        (
            "devices.gpu.precision=fp8",
            "precision to be 'fp32', 'tf32', 'fp16' or 'bf16', found 'fp8'",
        ),
        ("devices.gpu.static_power_w=inf", "static_power_w to be a finite number"),
        ("devices.gpu.kind=tpu", "one of gpu, reram, systolic, found 'tpu'"),
        ("devices.reram=3", "devices"),
        ("colour=3", "the unknown key 'colour'"),
        ("devices.reram.adc_bits", "devices.NAME.KEY=VALUE"),
        ("schema_version=2", "schema_version to be 1"),
    ],
)
def test_bad_settings_are_explained(setting: str, message: str) -> None:
    with pytest.raises(TargetError, match=message) as error:
        load_target("hybrid", [setting])
    assert f"--set {setting}" in str(error.value)


def test_unknown_targets_name_the_known_ones() -> None:
    with pytest.raises(TargetError, match=r"gpu-a100.*Did you mean 'hybrid'"):
        load_target("hybird")
    with pytest.raises(TargetError, match=r"a readable TOML file.*Built-in targets: atleus"):
        load_target("nowhere.toml")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name = ", "expected TOML"),
        ('name = "x"\n', "the key 'schema_version'"),
        ('schema_version = 1\nname = "x"\n[devices]\n', "devices to be"),
        (
            'schema_version = 1\nname = "x"\n[devices.gpu]\nkind = "gpu"\n',
            "the key 'static_power_w'",
        ),
        ('schema_version = 1\nname = "x"\nextends = 3\n', "extends to name targets"),
        (four_systolic(""), "no link to or from d0, d1, d2, d3"),
        (
            four_systolic(f'[[links]]\nsrc="d0"\ndst="d9"\n{WIRE}'),
            "one of d0, d1, d2, d3, found 'd9'",
        ),
        (four_systolic(f'[[links]]\nsrc="d0"\ndst="d0"\n{WIRE}'), "two different devices"),
        (
            four_systolic('[topology]\nkind = "ring"\n' + WIRE),
            "kind to be 'bus', 'mesh' or 'all-to-all', found 'ring'",
        ),
    ],
)
def test_bad_documents_are_explained(text: str, message: str) -> None:
    with pytest.raises(TargetError, match=message) as error:
        target_from_toml(text, "mine.toml")
    assert "mine.toml" in str(error.value)


def test_a_source_must_name_a_key() -> None:
    with pytest.raises(TargetError, match="Did you mean 'adc_bits'"):
        target_from_toml(CHILD + '[devices.reram.sources]\nadc_bit = "x"\n', "mine.toml")


@pytest.mark.parametrize("kind", ["bus", "all-to-all"])
def test_one_hop_topologies_join_every_pair(kind: str) -> None:
    target = target_from_toml(four_systolic(f'[topology]\nkind = "{kind}"\n{WIRE}'), "t")
    assert len(target.links) == 12
    assert {link.latency_ns for link in target.links} == {10.0}
    assert "topology: latency_ns = 10.0 has no source" in check_target(target)


def test_a_mesh_charges_every_hop() -> None:
    target = target_from_toml(four_systolic(f'[topology]\nkind = "mesh"\n{WIRE}'), "t")
    latency = {(link.src, link.dst): link.latency_ns for link in target.links}
    assert latency["d0", "d1"] == latency["d0", "d2"] == 10.0
    assert latency["d0", "d3"] == latency["d2", "d1"] == 20.0


def test_a_listed_link_replaces_a_generated_one() -> None:
    faster = WIRE.replace("10.0", "1.0") + "bidirectional = false\n"
    text = four_systolic(
        f'[topology]\nkind = "bus"\n{WIRE}[[links]]\nsrc = "d0"\ndst = "d1"\n{faster}'
    )
    latency = {(link.src, link.dst): link.latency_ns for link in target_from_toml(text, "t").links}
    assert (latency["d0", "d1"], latency["d1", "d0"]) == (1.0, 10.0)


def test_missing_pairs_are_warned_about() -> None:
    link = '[[links]]\nsrc="{}"\ndst="{}"\n' + WIRE
    chain = "".join(link.format(f"d{number}", f"d{number + 1}") for number in range(3))
    warnings = check_target(target_from_toml(four_systolic(chain), "t"))
    assert "links: none from d0 to d2" in warnings
    assert "links.d0-d1: latency_ns = 10.0 has no source" in warnings


def test_the_schema_lists_every_key_with_its_kind() -> None:
    schema = json.loads(json.dumps(target_schema()))
    for kind, entry in KINDS.items():
        keys = schema["$defs"][kind]["properties"]
        assert set(entry.params.model_fields) | {"kind"} == set(keys)
    assert schema["additionalProperties"] is False
