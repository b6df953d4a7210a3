"""Weights beside an ONNX file: mapped, kept in the bundle as they are, used by every oracle."""

import zipfile
from pathlib import Path

import numpy as np
import onnx
import pytest

from hptc.compiler import compile_model
from hptc.errors import ModelError
from hptc.frontend import onnx_file
from hptc.program import Program
from tests.small_onnx import load_onnx, small_model


@pytest.fixture
def stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The small model in a folder of its own, data of any size mapped."""
    monkeypatch.setattr(onnx_file, "_MAPPED_FROM", 0)
    path = tmp_path / "model" / "small.onnx"
    path.parent.mkdir()
    onnx.save(small_model(), path, save_as_external_data=True, location="w.bin", size_threshold=0)
    return path


def test_the_bundle_holds_what_verification_needs(stored: Path, tmp_path: Path) -> None:
    program = compile_model(str(stored), target="gpu", time_limit_s=3.0)
    bundle = tmp_path / "small.hptc"
    program.save(bundle)
    with zipfile.ZipFile(bundle) as archive:
        assert archive.read("reference/model.onnx") == stored.read_bytes()
        assert archive.read("reference/data/w.bin") == stored.with_name("w.bin").read_bytes()
    for path in stored.parent.iterdir():
        path.unlink()
    found = Program.load(bundle).verify()
    assert found["ok"], found
    assert "onnxruntime" in found["reference"]


def test_training_leaves_the_file_alone(stored: Path) -> None:
    before = stored.with_name("w.bin").read_bytes()
    parameters = dict(load_onnx(stored).module.named_parameters())
    for parameter in parameters.values():
        parameter.data.fill_(7.0)
    assert stored.with_name("w.bin").read_bytes() == before


def test_data_at_an_odd_place(stored: Path) -> None:
    data = stored.with_name("w.bin")
    expected = load_onnx(stored).module.get_parameter("up.weight").detach().clone()
    model = onnx.load(stored, load_external_data=False)
    for entry in (e for t in model.graph.initializer for e in t.external_data):
        if entry.key == "offset":
            entry.value = str(int(entry.value) + 3)
    data.write_bytes(b"abc" + data.read_bytes())
    stored.write_bytes(model.SerializeToString())
    assert np.array_equal(load_onnx(stored).module.get_parameter("up.weight").detach(), expected)


@pytest.mark.parametrize(
    ("key", "value"),
    [("offset", "-4"), ("offset", "many"), ("offset", str(2**40)), ("length", "4")],
)
def test_places_out_of_the_file(stored: Path, key: str, value: str) -> None:
    model = onnx.load(stored, load_external_data=False)
    weight = model.graph.initializer[1]
    kept = [entry for entry in weight.external_data if entry.key != key]
    place = onnx.StringStringEntryProto(key=key, value=value)
    del weight.external_data[:]
    weight.external_data.extend([*kept, place])
    stored.write_bytes(model.SerializeToString())
    with pytest.raises(ModelError, match=weight.name) as caught:
        load_onnx(stored)
    assert "small.onnx" in str(caught.value)


def test_the_same_name_twice(stored: Path) -> None:
    model = onnx.load(stored, load_external_data=False)
    model.graph.initializer.append(model.graph.initializer[0])
    stored.write_bytes(model.SerializeToString())
    with pytest.raises(ModelError, match=r"two 'up\.weight'"):
        load_onnx(stored)
