"""Opaque operations in training: harmless before the weights, refused behind them."""

from pathlib import Path

import onnx
import pytest
from onnx import helper

import hptc
from hptc.errors import UnsupportedOpError


def _stored(folder: Path, nodes: str) -> Path:
    model = onnx.parser.parse_model(
        '<ir_version: 9, opset_import: ["" : 17, "com.microsoft" : 1]> '
        f"g (float[5, 4] x) => (float[5, 3] y) {{ {nodes} }}"
    )
    for value in (("one", (4, 4)), ("two", (4, 3))):
        name, shape = value
        count = shape[0] * shape[1]
        numbers = [0.1 * (i % 7) - 0.3 for i in range(count)]
        model.graph.initializer.append(helper.make_tensor(name, 1, shape, numbers))
    path = folder / "model.onnx"
    onnx.save(model, path)
    return path


def test_before_the_weights(tmp_path: Path) -> None:
    nodes = "a = com.microsoft.FastGelu (x) b = MatMul (a, one) y = MatMul (b, two)"
    program = hptc.compile(_stored(tmp_path, nodes), phases=("full", "infer"))
    assert program.verify()["ok"]
    assert any("FastGelu" in warning for warning in program.warnings)


def test_behind_a_weight(tmp_path: Path) -> None:
    nodes = "a = MatMul (x, one) b = com.microsoft.FastGelu (a) y = MatMul (b, two)"
    path = _stored(tmp_path, nodes)
    with pytest.raises(UnsupportedOpError, match=r"FastGelu.*found 1: one"):
        hptc.compile(path, phases=("full",))
    assert hptc.compile(path, phases=("full",), frozen="one").verify()["ok"]
