from pathlib import Path

import pytest

from benchmarks.cost_models.fit_links import fit, fitted_rows, left_out_error_pct
from benchmarks.cost_models.links import FITTED, scores
from benchmarks.cost_models.score import NO_LIMIT
from cost_models.check import check_target
from cost_models.link import WireTable
from cost_models.link_presets import link_preset, link_presets
from cost_models.load import load_target, target_from_toml
from cost_models.overlay import merged
from hptc.errors import TargetError
from hptc.target import LinkSpec
from tests.reference import reference_dir

HEAD = 'schema_version = 1\nname = "mine"\nextends = "builtin:hybrid-stack"\n'
LINK = HEAD + '[[links]]\nsrc = "systolic"\ndst = "reram"\n'
NUMBERS = WireTable.model_fields.keys() - {"sources", "validation"}


@pytest.mark.parametrize("name", link_presets())
def test_every_number_of_a_preset_has_its_source(name: str) -> None:
    assert link_preset(name).sources.keys() == NUMBERS
    target = target_from_toml(f'{LINK}preset = "{name}"\n', "mine.toml")
    wire = link_preset(name)
    assert target.links[0] == LinkSpec(
        "systolic", "reram",
        wire.bandwidth_bytes_per_ns, wire.latency_ns, wire.energy_pj_per_bit,
    )  # fmt: skip
    assert check_target(target) == ()


def test_a_target_keeps_the_numbers_of_a_preset_not_its_name() -> None:
    text = target_from_toml(LINK + 'preset = "pcie5-x16"\n', "mine.toml").toml
    assert "bandwidth_bytes_per_ns = 63.0" in text
    assert "preset = " not in text
    assert "not reached by software (preset pcie5-x16)" in text
    assert target_from_toml(text, "bundle").toml == text


def test_a_number_beside_a_preset_takes_its_place_and_needs_a_source() -> None:
    text = LINK + 'preset = "nvlink4-dgx-pair"\nlatency_ns = 5\n'
    target = target_from_toml(text, "mine.toml")
    assert (target.links[0].latency_ns, target.links[0].bandwidth_bytes_per_ns) == (5, 65.2)
    assert check_target(target) == ("links.systolic-reram: latency_ns = 5 has no source",)
    assert "interconnect_vidur" not in target.toml
    assert check_target(target_from_toml(text + 'sources = {latency_ns = "x"}\n', "t")) == ()
    assert "interconnect_vidur" in target_from_toml(LINK + 'preset = "nvlink4-dgx-pair"', "t").toml


def test_a_topology_takes_a_preset_also_by_an_override(tmp_path: Path) -> None:
    path = tmp_path / "mesh.toml"
    path.write_text(HEAD + '[topology]\nkind = "mesh"\npreset = "noc-mesh"\n')
    assert "latency_ns = 1.0" in load_target(str(path)).toml
    changed = load_target(str(path), ["topology.preset=ucie-standard"])
    assert "bandwidth_bytes_per_ns = 32.0" in changed.toml
    assert check_target(changed) == ()


def test_an_override_changes_one_number_of_a_link() -> None:
    target = load_target("hybrid", ["links.gpu-systolic.latency_ns=5"])
    links = {(link.src, link.dst): link for link in target.links}
    assert links["gpu", "systolic"].latency_ns == links["systolic", "gpu"].latency_ns == 5
    assert links["gpu", "systolic"].bandwidth_bytes_per_ns == 31.5
    assert links["gpu", "reram"].latency_ns == 3000
    assert check_target(target) == ()
    faster = load_target("hybrid", ["links.gpu-systolic.preset=pcie5-x16"])
    assert faster.links[-1].bandwidth_bytes_per_ns == 63
    assert check_target(faster) == ()


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("links.gpu-rerum.latency_ns=5", "Did you mean 'links.gpu-reram'"),
        ("links.gpu-reram=5", "the KEY of a listed link"),
        ("links=5", "the KEY of a listed link"),
        ("links.gpu-reram.latency_us=5", "Did you mean 'latency_ns'"),
        ("links.gpu-reram.latency_ns=-5", "latency_ns to be greater than or equal to 0"),
        ("links.gpu-reram.preset=pcie9", "one of .*pcie4-x16.*, found 'pcie9'"),
    ],
)
def test_bad_settings_of_links_are_explained(setting: str, message: str) -> None:
    with pytest.raises(TargetError, match=message):
        load_target("hybrid", [setting])


def test_a_link_one_way_leaves_the_way_back() -> None:
    text = LINK + 'preset = "pcie5-x16"\nbidirectional = false\n'
    links = {(link.src, link.dst): link for link in target_from_toml(text, "t").links}
    assert links["systolic", "reram"].bandwidth_bytes_per_ns == 63
    assert links["reram", "systolic"].bandwidth_bytes_per_ns == 256


def test_two_links_of_one_pair_are_refused() -> None:
    second = LINK.removeprefix(HEAD) + 'preset = "pcie5-x16"\n'
    with pytest.raises(TargetError, match="one link for each pair of devices"):
        target_from_toml(LINK + 'preset = "pcie4-x16"\n' + second, "t")
    one_way = second.replace("reram", "x").replace("systolic", "reram").replace('"x"', '"systolic"')
    with pytest.raises(TargetError, match="another from systolic to reram"):
        target_from_toml(LINK + 'preset = "pcie4-x16"\n' + one_way, "t")


@pytest.mark.parametrize("preset", ['"pcie4"', "4", '["pcie4-x16"]'])
def test_unknown_presets_name_the_known_ones(preset: str) -> None:
    with pytest.raises(TargetError, match=r"links.systolic-reram: .* nvlink3, .* pcie4-x16"):
        target_from_toml(LINK + f"preset = {preset}\n", "mine.toml")


def test_a_changed_number_is_no_longer_validated() -> None:
    base = {
        "devices": {
            "gpu": {"adc_bits": 8, "launch": "eager", "validation": {"latency": "table, 3 %"}}
        }
    }

    def kept(change: dict[str, object]) -> bool:
        devices = merged(base, {"devices": {"gpu": change}})["devices"]
        return isinstance(devices, dict) and "validation" in devices["gpu"]

    assert kept({"adc_bits": 8, "sources": {"adc_bits": "ours"}})
    assert not kept({"adc_bits": 7})
    assert not kept({"launch": "graph"})
    assert kept({"adc_bits": 7, "validation": {"latency": "our table"}})


def test_measured_presets_keep_the_limit() -> None:
    found = scores(reference_dir("cost_models"))
    limited = [line for line in found if line.limit != NO_LIMIT]
    assert len(limited) == 2 + len(FITTED)
    assert not any(line.missed for line in limited)


@pytest.mark.parametrize(("measured", "name"), FITTED.items())
def test_fitted_presets_are_what_the_fit_gives(measured: tuple[str, str], name: str) -> None:
    rows = fitted_rows(reference_dir("cost_models"), *measured)
    preset = link_preset(name)
    if f"{len(rows)} rows" not in preset.sources["bandwidth_bytes_per_ns"]:
        pytest.skip("other rows than the presets were fitted to")
    latency_ns, bandwidth = fit(rows)
    assert preset.latency_ns == pytest.approx(latency_ns, abs=0.5)
    assert preset.bandwidth_bytes_per_ns == pytest.approx(bandwidth, abs=0.05)
    assert f"mean error {left_out_error_pct(rows):.1f} %" in preset.validation["latency"]
