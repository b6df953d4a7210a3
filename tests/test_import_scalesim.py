from pathlib import Path

import pytest
import tomli_w

from cost_models.check import check_target
from cost_models.importers.scalesim_cfg import import_scalesim
from cost_models.load import load_target, target_from_toml
from hptc.errors import TargetError

CONFIG = """\
[general]
run_name = eyeriss_like

[architecture_presets]
ArrayHeight:    12
ArrayWidth:     14
IfmapSramSzkB:  36
filtersramszkb = 40
OfmapSramSzkB:  44
Dataflow : ws
Bandwidth : 10, 20

[run_presets]
InterfaceBandwidth: USER
"""


WHOLE = "expected a whole number from 1 to 999999999"


@pytest.fixture
def cfg(tmp_path: Path) -> Path:
    return tmp_path / "hardware.cfg"


def test_a_configuration_becomes_a_target_with_sources(cfg: Path) -> None:
    cfg.write_text(CONFIG, encoding="utf-8")
    target = target_from_toml(tomli_w.dumps(import_scalesim(cfg)), str(cfg))
    table = target.device("systolic").table
    assert target.name == "eyeriss_like"
    sizes = ("rows", "cols", "ifmap_buffer_kib", "filter_buffer_kib", "ofmap_buffer_kib")
    assert [table[key] for key in sizes] == [12, 14, 36.0, 40.0, 44.0]
    assert (table["count"], table["dataflow"], table["word_bytes"]) == (1, "ws", 1)
    assert table["memory_bandwidth_bytes_per_ns"] == 10.0  # words a cycle, at 1 GHz
    sources = table["sources"]
    assert isinstance(sources, dict)
    assert sources["rows"] == f"{cfg}, [architecture_presets] ArrayHeight"
    assert not check_target(target)


def test_without_a_bandwidth_that_of_the_base_stays(cfg: Path) -> None:
    cfg.write_text(CONFIG.replace("USER", "CALC"), encoding="utf-8")
    table = target_from_toml(tomli_w.dumps(import_scalesim(cfg)), "t").device("systolic").table
    base = load_target("systolic").device("systolic").table
    key = "memory_bandwidth_bytes_per_ns"
    assert table[key] == base[key]


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (("ArrayHeight:    12\n", ""), "[architecture_presets] ArrayHeight: expected a value"),
        (("12", "0"), f"[architecture_presets] ArrayHeight: {WHOLE}"),
        (("12", "-3"), f"ArrayHeight: {WHOLE}, found '-3'"),
        (("12", "1.5"), f"ArrayHeight: {WHOLE}, found '1.5'"),
        (
            ("36", "lots"),
            f"IfmapSramSzkB: {WHOLE}, found 'lots'",
        ),
        (("12", "9" * 5000), f"ArrayHeight: {WHOLE}"),
        ((": ws", ": rs"), "Dataflow: expected a value: one of is, os, ws, found 'rs'"),
        (("USER", "BOTH"), "InterfaceBandwidth: expected a value: one of CALC, USER"),
        (
            ("10, 20", "much"),
            f"Bandwidth: {WHOLE}, found 'much'",
        ),
        (("ArrayWidth", "ArayWidth"), "Did you mean 'ArrayWidth'?"),
        (("run_presets", "presets"), "expected a section: one of"),
        (("[general]", "general"), "expected a configuration file of SCALE-Sim"),
        (("ArrayWidth", "ArrayHeight"), "option 'arrayheight'"),
        (("eyeriss_like", ""), "[general] run_name: expected a value"),
        (
            ("[run_presets]", "[sparsity]\nSparsitySupport: True\n[run_presets]"),
            "[sparsity] SparsitySupport: expected false",
        ),
    ],
)
def test_a_wrong_configuration_is_refused(
    cfg: Path, change: tuple[str, str], complaint: str
) -> None:
    cfg.write_text(CONFIG.replace(*change), encoding="utf-8")
    with pytest.raises(TargetError) as caught:
        import_scalesim(cfg)
    assert complaint in str(caught.value)
    assert str(cfg) in str(caught.value)


def test_an_unreadable_file_is_refused(tmp_path: Path) -> None:
    binary = tmp_path / "b.cfg"
    binary.write_bytes(b"\xff\xfe\x00")
    for path in (tmp_path / "none.cfg", tmp_path, binary):
        with pytest.raises(TargetError, match="configuration file of SCALE-Sim"):
            import_scalesim(path)
