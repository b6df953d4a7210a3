"""The imported module: names, folding, branches, functions, example inputs, element types."""

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

import hptc
from hptc.frontend.onnx import Given, ImportedModel, from_model_proto
from tests.small_onnx import small_model

HEADER = '<ir_version: 8, opset_import: ["" : 20, "local" : 1]> '


def load(text: str, **weights: np.ndarray) -> ImportedModel:
    model = onnx.parser.parse_model(HEADER + text)
    model.graph.initializer.extend(numpy_helper.from_array(w, n) for n, w in weights.items())
    return from_model_proto(model, where="model.onnx")


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(1).normal(size=shape).astype(np.float32)


def operations(imported: ImportedModel) -> list[str]:
    program = torch.export.export(imported.module, imported.example_inputs, strict=False)
    return [str(n.target) for n in program.graph.nodes if n.op == "call_function"]


ODD_NAMES = ["a", "a.b", "a.b.c", "m/dense/kernel:0", "1", "training", "x-y.0", "_homes", "é w"]


def _chain(names: list[str]) -> onnx.ModelProto:
    values = ["x", *(f"v{i}" for i in range(len(names)))]
    nodes = [
        helper.make_node("MatMul", [values[i], n], [values[i + 1]]) for i, n in enumerate(names)
    ]
    info = [
        helper.make_tensor_value_info(n, TensorProto.FLOAT, [2, 3]) for n in (values[0], values[-1])
    ]
    weights = [numpy_helper.from_array(noise(3, 3), n) for n in names]
    graph = helper.make_graph(nodes, "g", info[:1], info[1:], weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=8)


def test_parameters_keep_odd_names() -> None:
    imported = from_model_proto(_chain(ODD_NAMES), where="m")
    assert {name for name, _ in imported.module.named_parameters()} == set(ODD_NAMES)
    program = torch.export.export(imported.module, imported.example_inputs, strict=False)
    assert set(program.graph_signature.parameters) == set(ODD_NAMES)
    assert not imported.warnings


def test_names_that_torch_cannot_hold_are_changed_and_reported() -> None:
    imported = from_model_proto(_chain(["forward.w", "a..b"]), where="m")
    assert {n for n, _ in imported.module.named_parameters()} == {"forward_.w", "a._.b"}
    assert "'forward.w' is called 'forward_.w'" in imported.warnings[0]


def test_weights_under_changed_names_are_verified(tmp_path: Path) -> None:
    """onnxruntime gets what was merged into them, too."""
    model = small_model()
    model.graph.initializer[0].name = model.graph.node[0].input[1] = "forward..weight"
    onnx.save(model, tmp_path / "m.onnx")
    program = hptc.compile(tmp_path / "m.onnx", target="gpu", phases=("low",), time_limit_s=3)
    found = program.verify()
    assert found["ok"], found
    assert "onnxruntime" in found["reference"]


def test_shape_path_is_folded() -> None:
    imported = load("""g (float[2,3,4] x) => (float[A,B] y) {
        s = Shape (x)  zero = Constant <value_ints = [0]> ()  one = Constant <value_ints = [1]> ()
        batch = Slice (s, zero, one)  rest = Constant <value_ints = [-1]> ()
        target = Concat <axis = 0> (batch, rest)  r = Reshape (x, target)  y = Relu (r)
    }""")
    assert operations(imported) == ["aten.reshape.default", "aten.relu.default"]
    assert imported.module(torch.zeros(2, 3, 4))[0].shape == (2, 12)


def test_unused_steps_are_dropped() -> None:
    imported = load("g (float[2] x) => (float[2] y) { a = Exp (x)  y = Neg (x) }")
    assert operations(imported) == ["aten.neg.default"]


def test_linear_weight_enters_as_stored() -> None:
    imported = load(
        "g (float[2,3] x) => (float[2,4] y) { y = Gemm <transB = 1> (x, w, b) }",
        w=noise(4, 3),
        b=noise(4),
    )
    assert operations(imported) == ["aten.linear.default"]


def test_layer_norm_stays_whole() -> None:
    imported = load(
        "g (float[2,3] x) => (float[2,3] y) { y = LayerNormalization (x, s, b) }",
        s=noise(3),
        b=noise(3),
    )
    assert operations(imported) == ["aten.layer_norm.default"]


def test_local_function_is_inlined() -> None:
    model = onnx.parser.parse_model(
        HEADER
        + """g (float[2] x) => (float[2] y) { y = local.twice (x) }
        <domain: "local", opset_import: ["" : 20]> twice (a) => (b) { b = Add (a, a) }"""
    )
    imported = from_model_proto(model, where="m")
    assert torch.equal(imported.module(torch.ones(2))[0], torch.full((2,), 2.0))


@pytest.mark.parametrize(("size", "expected"), [(2, 1.0), (3, -1.0)])
def test_constant_condition_chooses_the_branch(size: int, expected: float) -> None:
    model = onnx.parser.parse_model(
        HEADER
        + f"""g (float[{size}] x) => (float[{size}] y) {{
            s = Size (x)  two = Constant <value_int = 2> ()  c = Equal (s, two)
            y = If (c) <
                then_branch = t () => (float[{size}] r) {{ a = Abs (x)  r = Identity (a) }},
                else_branch = e () => (float[{size}] r) {{ a = Abs (x)  r = Neg (a) }}
            > }}"""
    )
    imported = from_model_proto(model, where="m")
    assert imported.module(torch.full((size,), -1.0))[0].tolist() == [expected] * size


def test_integers_stay_below_the_table_they_index() -> None:
    imported = load(
        """g (int64[50] ids, int64[50] mask, float[50] y0) => (float[50,2] y) {
            one = Constant <value_int = 3> ()  shifted = Add (ids, one)
            rows = Gather (table, shifted)  m = Cast <to = 1> (mask)
            axes = Constant <value_ints = [1]> ()
            column = Unsqueeze (m, axes)  y = Mul (rows, column)
        }""",
        table=noise(9, 2),
    )
    ids, mask, floats = imported.example_inputs
    assert set(ids.tolist()) == set(range(6))
    assert set(mask.tolist()) == {1}
    assert floats.std() > 0.5


def test_examples_are_seeded() -> None:
    text = "g (float[4] x) => (float[4] y) { y = Exp (x) }"
    assert torch.equal(load(text).example_inputs[0], load(text).example_inputs[0])


def test_given_values() -> None:
    model = onnx.parser.parse_model(
        HEADER + "g (float[N] x, int64[2] s) => (float[A,B] y) { y = Reshape (x, s) }"
    )
    given = Given(fixed={"s": torch.tensor([2, 3])}, examples={"x": torch.arange(6.0)})
    imported = from_model_proto(model, where="m", given=given)
    assert imported.input_names == ("x",)
    assert imported.module(*imported.example_inputs)[0].tolist() == [[0, 1, 2], [3, 4, 5]]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_weights_keep_their_type(dtype: torch.dtype) -> None:
    number = {torch.float16: 10, torch.bfloat16: 16, torch.float64: 11}[dtype]
    weight = helper.make_tensor("w", number, [2, 2], [1.5, -2.0, 0.25, 3.0])
    info = [helper.make_tensor_value_info(n, number, [2, 2]) for n in "xy"]
    node = helper.make_node("MatMul", ["x", "w"], ["y"])
    graph = helper.make_graph([node], "g", info[:1], info[1:], [weight])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=8)
    imported = from_model_proto(model, where="m")
    stored = imported.module.get_parameter("w")
    assert stored.dtype == dtype
    assert stored.tolist() == [[1.5, -2.0], [0.25, 3.0]]
    assert imported.module(*imported.example_inputs)[0].dtype == dtype
