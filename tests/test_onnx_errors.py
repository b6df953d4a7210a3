"""Bad ONNX files end in one clear paragraph, never in a traceback."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from hptc.errors import HptcError, ModelError, UnsupportedOpError, UsageError
from hptc.frontend.onnx import from_model_proto
from tests.small_onnx import load_onnx

LINEAR = """
<ir_version: 8, opset_import: ["" : 17]>
g (float[2,3] x) => (float[2,4] y) <float[3,4] w = {WEIGHT}> { y = MatMul (x, w) }
""".replace("WEIGHT", ", ".join(str(i * i % 7 + 0.5) for i in range(12)))


def linear() -> onnx.ModelProto:
    return onnx.parser.parse_model(LINEAR)


def fails(model: onnx.ModelProto, *words: str) -> HptcError:
    with pytest.raises(ModelError) as caught:
        from_model_proto(model, where="model.onnx")
    assert caught.value.exit_code == 3
    for word in ("model.onnx", *words):
        assert word in str(caught.value)
    return caught.value


def test_sound_model_passes() -> None:
    imported = from_model_proto(linear(), where="model.onnx")
    assert [name for name, _ in imported.module.named_parameters()] == ["w"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty file"),
        (b"PK\x03\x04 this is a zip", "no complete ONNX model"),
        (linear().SerializeToString()[:-20], "no complete ONNX model"),
        (b"\x08\x07", "opset"),
    ],
)
def test_broken_file(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "broken.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=words) as caught:
        load_onnx(path)
    assert str(path) in str(caught.value)


def test_missing_file_and_folder(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no such file"):
        load_onnx(tmp_path / "none.onnx")
    with pytest.raises(ModelError, match="a folder"):
        load_onnx(tmp_path)


@pytest.mark.parametrize("version", [0, 99])
def test_opset_out_of_range(version: int) -> None:
    model = linear()
    model.opset_import[0].version = version
    fails(model, f"opset {version}", "version_converter")


def test_no_opset() -> None:
    model = linear()
    del model.opset_import[:]
    fails(model, "found none")


def test_unknown_ops_are_listed_together() -> None:
    model = onnx.parser.parse_model("""
        <ir_version: 8, opset_import: ["" : 17, "com.acme" : 1]>
        g (float[2,3] x) => (float[2,3] y) {
            a = com.acme.Warp (x)
            b = com.acme.Fold (a)
            y = Add (a, b)
        }""")
    with pytest.raises(UnsupportedOpError) as caught:
        from_model_proto(model, where="model.onnx")
    assert "com.acme.Fold" in str(caught.value)
    assert "com.acme.Warp" in str(caught.value)


def test_misspelt_standard_op() -> None:
    model = linear()
    model.graph.node[0].op_type = "MatMull"
    fails(model, "MatMull")


def test_unbound_dimensions_are_listed() -> None:
    model = onnx.parser.parse_model("""
        <ir_version: 8, opset_import: ["" : 17]>
        g (float[batch,time] x, float[batch,4] z) => (float[batch,time] y) { y = Relu (x) }""")
    error = fails(model, "batch, time", "--shape batch=N --shape time=N")
    assert error.exit_code == 3
    with pytest.raises(UsageError, match="a dynamic dimension"):
        from_model_proto(model, where="m", dimensions={"batch": 2, "tine": 3})
    with pytest.raises(UsageError, match="positive"):
        from_model_proto(model, where="m", dimensions={"batch": 0, "time": 3})
    imported = from_model_proto(model, where="m", dimensions={"batch": 2, "time": 3})
    assert [tuple(x.shape) for x in imported.example_inputs] == [(2, 3), (2, 4)]


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_trained_weight_must_be_finite(value: float) -> None:
    model = linear()
    weight = np.ones((3, 4), dtype=np.float32)
    weight[1, 2] = value
    model.graph.initializer[0].CopyFrom(numpy_helper.from_array(weight, "w"))
    fails(model, "NaN or infinity in w")


def _short_bytes(model: onnx.ModelProto) -> None:
    weight = numpy_helper.from_array(np.ones((3, 4), dtype=np.float32), "w")
    weight.raw_data = weight.raw_data[:-4]
    model.graph.initializer[0].CopyFrom(weight)


def _wrong_shape(model: onnx.ModelProto) -> None:
    wrong = numpy_helper.from_array(np.ones((5, 4), dtype=np.float32), "w")
    model.graph.initializer[0].CopyFrom(wrong)


def _no_weight(model: onnx.ModelProto) -> None:
    del model.graph.initializer[:]


def _cycle(model: onnx.ModelProto) -> None:
    model.graph.node.append(helper.make_node("Relu", ["b"], ["a"]))
    model.graph.node.append(helper.make_node("Relu", ["a"], ["b"]))


def _duplicate(model: onnx.ModelProto) -> None:
    model.graph.node.append(helper.make_node("Relu", ["x"], ["y"]))


def _no_inputs(model: onnx.ModelProto) -> None:
    model.graph.initializer.append(numpy_helper.from_array(np.ones((2, 3), dtype=np.float32), "x"))
    del model.graph.input[:]


def _no_outputs(model: onnx.ModelProto) -> None:
    del model.graph.output[:]


def _unknown_output(model: onnx.ModelProto) -> None:
    model.graph.output[0].name = "nowhere"


@pytest.mark.parametrize(
    ("damage", "word"),
    [
        (_short_bytes, "w"),
        (_wrong_shape, "w"),
        (_no_weight, "w"),
        (_cycle, "b"),
        (_duplicate, "y"),
        (_no_inputs, "input"),
        (_no_outputs, "output"),
        (_unknown_output, "nowhere"),
    ],
)
def test_damaged_graph(damage: Callable[[onnx.ModelProto], None], word: str) -> None:
    model = linear()
    damage(model)
    with pytest.raises(ModelError, match=word):
        from_model_proto(model, where="model.onnx")


def external(tmp_path: Path, location: str, length: int = 48) -> Path:
    model = linear()
    weight = model.graph.initializer[0]
    weight.ClearField("float_data")
    weight.data_location = TensorProto.EXTERNAL
    for key, value in (("location", location), ("offset", "0"), ("length", str(length))):
        weight.external_data.add(key=key, value=value)
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "m.onnx").write_bytes(model.SerializeToString())
    return folder / "m.onnx"


def test_external_data_is_read(tmp_path: Path) -> None:
    path = external(tmp_path, "w.bin")
    weight = np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32)
    (path.parent / "w.bin").write_bytes(weight.tobytes())
    imported = load_onnx(path)
    assert np.array_equal(imported.module.get_parameter("w").detach().numpy(), weight)


@pytest.mark.parametrize("location", ["../w.bin", "/etc/hostname", "", "sub/../../w.bin"])
def test_external_data_stays_in_the_folder(tmp_path: Path, location: str) -> None:
    (tmp_path / "w.bin").write_bytes(bytes(48))
    with pytest.raises(ModelError, match="inside the folder"):
        load_onnx(external(tmp_path, location))


def test_external_link_out_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "w.bin").write_bytes(bytes(48))
    path = external(tmp_path, "w.bin")
    (path.parent / "w.bin").symlink_to(tmp_path / "w.bin")
    with pytest.raises(ModelError, match="inside the folder"):
        load_onnx(path)


def test_external_data_of_a_model_in_memory(tmp_path: Path) -> None:
    model = onnx.ModelProto.FromString(external(tmp_path, "w.bin").read_bytes())
    fails(model, "w")


def test_external_data_missing_or_short(tmp_path: Path) -> None:
    path = external(tmp_path, "w.bin")
    with pytest.raises(ModelError, match="no such file"):
        load_onnx(path)
    (path.parent / "w.bin").write_bytes(bytes(40))
    with pytest.raises(ModelError, match="with 40 bytes"):
        load_onnx(path)


def test_shape_from_the_batch() -> None:
    model = onnx.parser.parse_model("""
        <ir_version: 8, opset_import: ["" : 17]>
        g (float[2,3] x, int64[2] s) => (float[N,M] y) { y = Reshape (x, s) }""")
    with pytest.raises(ModelError, match="'s'"):
        from_model_proto(model, where="model.onnx")


def test_pattern_without_a_match() -> None:
    with pytest.raises(UsageError, match=r"--train wieght.*Near names: w"):
        from_model_proto(linear(), where="m", train="wieght")
    with pytest.raises(UsageError, match=r"--frozen wieght.*Near names: w"):
        from_model_proto(linear(), where="m", frozen="wieght")
    with pytest.raises(UsageError, match="regular expression"):
        from_model_proto(linear(), where="m", train="(")
