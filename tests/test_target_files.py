"""`hptc target compare` and `import`, and files that are no targets."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from cost_models.load import load_target
from tests.command_line import ROOT, hptc, refused
from tests.target_examples import MINE, MNSIM_CONFIG, WIRE

CFG = """\
[general]
run_name = square
[architecture_presets]
ArrayHeight: 12
ArrayWidth: 14
IfmapSramSzkB: 36
FilterSramSzkB: 40
OfmapSramSzkB: 44
Dataflow: ws
[run_presets]
InterfaceBandwidth: CALC
"""


def test_comparison_tells_both_values_and_sources() -> None:
    found = json.loads(hptc("target", "compare", "gpu-a100", "gpu-h100", "--json").out)
    changed = {f"{item['place']}.{item['key']}": item for item in found["differences"]}
    count = changed["devices.gpu.sm_count"]
    assert (count["left"]["value"], count["right"]["value"]) == (108, 132)
    assert "A100" in count["left"]["source"]
    assert "H100" in count["right"]["source"]
    assert "devices.gpu.launch" not in changed
    peaks = {item["key"]: item for item in found["figures"]}
    assert peaks["peak_tflops"]["left"]["value"] < peaks["peak_tflops"]["right"]["value"]


def test_comparison_names_what_only_one_target_has() -> None:
    out = hptc("target", "compare", "hybrid", "reram").out
    assert "devices.gpu.kind\n  hybrid: gpu\n  reram: -\n" in out
    assert "links.gpu-reram.kind\n" in out
    assert "devices.reram." not in out.partition("figures")[0]


def test_overrides_change_the_second_target() -> None:
    out = hptc("target", "compare", "reram", "reram", "--set", "devices.reram.adc_bits=6").out
    assert "reram: 6  (--set on the command line)" in out
    assert out.count("devices.reram.") == 1 + out.partition("figures")[2].count("devices.reram.")
    assert hptc("target", "compare", "reram", "reram").out.startswith("no difference\n")


def test_a_range_is_told_by_its_ends() -> None:
    setting = "devices.reram.adc_bits={low = 4, typical = 6, high = 8}"
    out = hptc("target", "compare", "reram", "reram", "--set", setting).out
    assert "reram: 8  (" in out
    assert "reram: 6 (4 to 8)  (--set on the command line)" in out


def test_an_imported_file_is_a_target(tmp_path: Path) -> None:
    source, out = tmp_path / "square.cfg", tmp_path / "mine.toml"
    source.write_text(CFG)
    done = hptc("target", "import", source, "-o", out, "--name", "mine", "--json")
    assert json.loads(done.out) == {"target": "mine", "output": str(out)}
    assert load_target(str(out)).device("systolic").table["rows"] == 12
    assert hptc("target", "check", out, "--strict").code == 0
    refused(hptc("target", "import", source, "-o", out), 2, "an existing file", "--force")
    assert hptc("target", "import", source, "-o", out, "--force").code == 0
    assert load_target(str(out)).name == "square"


def test_a_file_of_another_tool_is_imported_first(tmp_path: Path) -> None:
    source = tmp_path / "square.cfg"
    source.write_text(CFG)
    refused(hptc("target", "check", source), 3, "hptc target import")


@pytest.mark.parametrize("text", ["", "[colours]\nred = 1\n", "no sections", "[a]\n[a]\n"])
def test_a_file_of_no_known_tool_is_refused(tmp_path: Path, text: str) -> None:
    source, out = tmp_path / "x.ini", tmp_path / "x.toml"
    source.write_text(text)
    refused(hptc("target", "import", source, "-o", out), 3, str(source), "SCALE-Sim")
    assert not out.exists()


def test_the_example_of_the_readme_is_a_target_without_a_warning(tmp_path: Path) -> None:
    _, _, rest = (ROOT / "README.md").read_text(encoding="utf-8").partition("```toml\n")
    path = tmp_path / "example.toml"
    path.write_text(rest.partition("```")[0])
    assert hptc("target", "check", path, "--strict").code == 0
    changed = json.loads(hptc("target", "compare", "hybrid", path, "--json").out)["differences"]
    assert {item["key"] for item in changed} == {
        "adc_bits", "bandwidth_bytes_per_ns", "latency_ns",
    }  # fmt: skip


def test_an_mnsim_file_is_told_by_its_sections(tmp_path: Path) -> None:
    source = tmp_path / "SimConfig.ini"
    source.write_text(MNSIM_CONFIG)
    assert hptc("target", "import", source, "-o", tmp_path / "x.toml").code == 0
    assert hptc("target", "check", tmp_path / "x.toml", "--strict").code == 0


def _nothing(path: Path) -> None:
    del path


BAD_FILES: dict[str, tuple[Callable[[Path], object], str]] = {
    "missing": (_nothing, "No such file"),
    "empty": (lambda path: path.write_text(""), "the key 'schema_version'"),
    "folder": (lambda path: path.mkdir(), "Is a directory"),
    "binary": (lambda path: path.write_bytes(bytes(range(256))), "can't decode byte"),
    "nonsense": (lambda path: path.write_text("colour " * 1_500_000), "at most 1048576 bytes"),
    "one long line": (lambda path: path.write_text("x" * 1_000_000), "expected TOML"),
    "brackets": (lambda path: path.write_text("a = " + "[" * 100_000), "too deep"),
    "digits": (lambda path: path.write_text("a = " + "9" * 100_000), "expected TOML"),
    "twice": (lambda path: path.write_text('name = "a"\nname = "b"\n'), "Cannot overwrite"),
    "no device": (lambda path: path.write_text(MINE), "the key 'devices'"),
    "device is a number": (lambda path: path.write_text(MINE + "devices = {a = 3}"), "devices"),
    "devices is a number": (lambda path: path.write_text(MINE + "devices = 3"), "devices"),
    "links is a number": (
        lambda path: path.write_text(MINE + 'extends = "hybrid-stack"\nlinks = 3'), "links",
    ),
    "link is a number": (
        lambda path: path.write_text(MINE + 'extends = "hybrid-stack"\nlinks = [3]'), "links",
    ),
    "link between lists": (
        lambda path: path.write_text(
            MINE + 'extends = "hybrid-stack"\n' + WIRE.replace('"systolic"', '["systolic"]')
        ),
        "expected src to be a valid string",
    ),
    "link to nowhere": (
        lambda path: path.write_text(
            MINE + 'extends = "hybrid-stack"\n' + WIRE.replace('"reram"', '"rerun"')
        ),
        "Did you mean 'reram'",
    ),
    "link in us": (
        lambda path: path.write_text(
            MINE + 'extends = "hybrid-stack"\n' + WIRE + "latency_us = 3\n"
        ),
        "Did you mean 'latency_ns'? A key ends in its unit",
    ),
    "link without numbers": (
        lambda path: path.write_text(
            MINE + 'extends = "hybrid-stack"\n[[links]]\nsrc = "systolic"\ndst = "reram"\n'
        ),
        "links.systolic-reram: expected the key 'bandwidth_bytes_per_ns', found none. "
        "Give it, or name a `preset`",
    ),
    "two lines of name": (
        lambda path: path.write_text('schema_version = 1\nname = "a\\nb"\nextends = "gpu"\n'),
        "name to be a line of text",
    ),
    "unlinked": (
        lambda path: path.write_text(MINE + 'extends = ["systolic", "reram"]\n'),
        "no link to or from systolic, reram",
    ),
    "extends nothing": (
        lambda path: path.write_text(MINE + 'extends = "nowhere.toml"\n'), "nowhere.toml",
    ),
    "extends itself": (
        lambda path: path.write_text(MINE + f'extends = "../{path.parent.name}/{path.name}"\n'),
        "do not extend themselves",
    ),
    "extends a folder": (
        lambda path: path.write_text(MINE + 'extends = "../"\n'), "Is a directory",
    ),
    "extends no target": (
        lambda path: path.write_text(MINE + 'extends = "/etc/passwd"\n'), "/etc/passwd",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD_FILES)
def test_a_file_that_is_no_target_is_refused_in_a_paragraph(tmp_path: Path, case: str) -> None:
    path = tmp_path / "mine.toml"
    write, message = BAD_FILES[case]
    write(path)
    refused(hptc("target", "check", path), 3, message)


def test_a_long_chain_of_targets_is_refused(tmp_path: Path) -> None:
    for number in range(40):
        text = f'{MINE}extends = "t{number + 1}.toml"\n'
        (tmp_path / f"t{number}.toml").write_text(text)
    refused(hptc("target", "check", tmp_path / "t0.toml"), 3, "at most 32 targets")
