"""Damaged, hostile and newer bundles are refused by name; a failed save leaves nothing behind."""

import json
import os
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hptc.errors import BundleError, UsageError
from hptc.schedule.archive import SCHEMA_VERSION, read_archive, write_archive
from hptc.schedule.bundle import load_bundle, save_bundle
from tests.varied_bundle import bundle


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    path = tmp_path / "m.hptc"
    save_bundle(bundle(), path, force=False)
    return path


def rewrite(
    path: Path, change: Callable[[dict[str, bytes]], object], compression: int = zipfile.ZIP_STORED
) -> None:
    """Pack the entries anew after `change`, without touching the hashes."""
    with zipfile.ZipFile(path) as old:
        entries = {name: old.read(name) for name in old.namelist()}
    change(entries)
    with zipfile.ZipFile(path, "w", compression) as new:
        for name, data in entries.items():
            new.writestr(name, data)


def manifest_with(**fields: object) -> Callable[[dict[str, bytes]], None]:
    def change(entries: dict[str, bytes]) -> None:
        manifest = json.loads(entries["manifest.json"]) | fields
        entries["manifest.json"] = json.dumps(manifest).encode()

    return change


def refused(path: Path, match: str) -> None:
    with pytest.raises(BundleError, match=match) as caught:
        load_bundle(path)
    assert caught.value.exit_code == 3


def test_missing_file(tmp_path: Path) -> None:
    refused(tmp_path / "none.hptc", "No such file")
    refused(tmp_path, "directory")


def test_no_zip(tmp_path: Path) -> None:
    (tmp_path / "m.hptc").write_text("hello")
    refused(tmp_path / "m.hptc", "damaged file")


@pytest.mark.parametrize("part", [0.0, 0.3, 0.9, 0.999])
def test_truncated(saved: Path, part: float) -> None:
    data = saved.read_bytes()
    saved.write_bytes(data[: int(len(data) * part)])
    refused(saved, "damaged file")


def test_changed_entry(saved: Path) -> None:
    rewrite(saved, lambda entries: entries.update({"report.json": b"{}"}))
    refused(saved, r"expected report\.json as hashed in the manifest, found other content")


def test_missing_and_unexpected_entries(saved: Path) -> None:
    rewrite(saved, lambda entries: entries.update({"phases/low/evil.pkl": b""}))
    refused(saved, r"a difference in 'phases/low/evil\.pkl'")
    rewrite(saved, lambda entries: [entries.pop(n) for n in ("phases/low/evil.pkl", "report.json")])
    refused(saved, r"a difference in 'report\.json'")
    rewrite(saved, lambda entries: entries.pop("manifest.json"))
    refused(saved, r"an entry manifest\.json, found none")


def test_entries_that_no_phase_asks_for(saved: Path) -> None:
    header, entries = read_archive(saved)
    header = {name: value for name, value in header.items() if name != "entries"}
    write_archive(saved, header, entries | {"extra.json": b"{}"}, force=True)
    refused(saved, r"expected no entry extra\.json, found an entry no phase asks for")
    entries.pop("report.json")
    write_archive(saved, header, entries, force=True)
    refused(saved, r"expected an entry report\.json, found none")


@pytest.mark.parametrize("name", ["/etc/passwd", "../up", "phases/../../up", "c:\\up"])
def test_unsafe_paths(saved: Path, name: str) -> None:
    rewrite(saved, lambda entries: entries.update({name: b"x"}))
    refused(saved, "unsafe path")


def test_duplicate_entries(saved: Path) -> None:
    with pytest.warns(UserWarning, match="Duplicate"), zipfile.ZipFile(saved, "a") as file:
        file.writestr("report.json", "{}")
    refused(saved, "two of the name")


def test_compressed_entries(saved: Path) -> None:
    rewrite(saved, lambda entries: None, compression=zipfile.ZIP_DEFLATED)
    refused(saved, "compressed")


def test_newer_schema_names_both_versions(saved: Path) -> None:
    rewrite(saved, manifest_with(schema_version=99))
    refused(
        saved, f"schema version {SCHEMA_VERSION} or older, found schema version 99.*upgrade hptc"
    )
    rewrite(saved, manifest_with(schema_version="x"))
    refused(saved, f"expected schema version {SCHEMA_VERSION}, found 'x'")


@pytest.mark.parametrize(
    ("field", "value"),
    [("phases", ["sideways"]), ("phases", 3), ("name", None), ("reference", "exe"), ("entries", 1)],
)
def test_malformed_manifest(saved: Path, field: str, value: object) -> None:
    rewrite(saved, manifest_with(**{field: value}))
    refused(saved, "manifest")


def test_malformed_entries(saved: Path) -> None:
    header, entries = read_archive(saved)
    header = {name: value for name, value in header.items() if name != "entries"}
    for name in entries:
        if name.startswith("reference/"):
            continue
        write_archive(saved, header, entries | {name: b"\xff[1"}, force=True)
        refused(saved, name.split("/")[-1] if "target" not in name else "phase low")


@settings(max_examples=60)
@given(data=st.data())
def test_any_flipped_byte_is_refused_or_harmless(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = tmp_path_factory.getbasetemp() / "flip.hptc"
    save_bundle(bundle(), path, force=True)
    content = bytearray(path.read_bytes())
    position = data.draw(st.integers(0, len(content) - 1))
    content[position] ^= data.draw(st.integers(1, 255))
    path.write_bytes(content)
    with suppress(BundleError):  # anything else fails the test
        load_bundle(path)


def test_existing_output_needs_force(saved: Path) -> None:
    before = saved.read_bytes()
    with pytest.raises(UsageError, match="--force") as caught:
        save_bundle(bundle(), saved, force=False)
    assert caught.value.exit_code == 2
    saved.write_text("old")
    save_bundle(bundle(), saved, force=True)
    assert saved.read_bytes() == before


@pytest.mark.parametrize("failure", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_failed_save_leaves_the_folder_as_it_was(
    saved: Path, monkeypatch: pytest.MonkeyPatch, failure: BaseException
) -> None:
    def fail(_: int) -> None:
        raise failure

    before = saved.read_bytes()
    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises((UsageError, KeyboardInterrupt)):
        save_bundle(bundle(), saved, force=True)
    assert [path.name for path in saved.parent.iterdir()] == ["m.hptc"]
    assert saved.read_bytes() == before


def test_unwritable_outputs(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such folder"):
        save_bundle(bundle(), tmp_path / "no" / "m.hptc", force=False)
    (tmp_path / "folder").mkdir()
    with pytest.raises(UsageError, match="found a folder"):
        save_bundle(bundle(), tmp_path / "folder", force=True)
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="no such folder"):
        save_bundle(bundle(), tmp_path / "file" / "m.hptc", force=True)


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_read_only_folder(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(UsageError, match="without write permission"):
        save_bundle(bundle(), tmp_path / "m.hptc", force=False)
