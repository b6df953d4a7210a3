"""A small ONNX model, y = relu(x U) D with x [4, 8], and ways to spoil it."""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from hptc.frontend.onnx import ImportedModel, from_stored
from hptc.frontend.onnx_file import read_model

WIDTH, HIDDEN, BATCH = 8, 16, 4


def load_onnx(path: Path) -> ImportedModel:
    return from_stored(read_model(path), str(path))


def small_model(
    *, operation: str = "Relu", domain: str = "", opset: int = 17, batch: int | str = BATCH
) -> onnx.ModelProto:
    generator = np.random.default_rng(7)
    shapes = {"up.weight": (WIDTH, HIDDEN), "down.weight": (HIDDEN, WIDTH)}
    weights = [
        numpy_helper.from_array((0.3 * generator.standard_normal(shape)).astype(np.float32), name)
        for name, shape in shapes.items()
    ]
    graph = helper.make_graph(
        [
            helper.make_node("MatMul", ["x", "up.weight"], ["h"]),
            helper.make_node(operation, ["h"], ["a"], domain=domain),
            helper.make_node("MatMul", ["a", "down.weight"], ["y"]),
        ],
        "small",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [batch, WIDTH])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [batch, WIDTH])],
        weights,
    )
    opsets = [helper.make_opsetid("", opset)]
    opsets += [helper.make_opsetid(domain, 1)] if domain else []
    return helper.make_model(graph, opset_imports=opsets, ir_version=10)


def with_nan(model: onnx.ModelProto) -> onnx.ModelProto:
    weight = model.graph.initializer[0]
    array = numpy_helper.to_array(weight).copy()
    array[0, 0] = np.nan
    weight.CopyFrom(numpy_helper.from_array(array, weight.name))
    return model


def save_without_data(model: onnx.ModelProto, path: Path) -> None:
    """Save with the weights in a file beside it, and delete that file."""
    onnx.save(model, path, save_as_external_data=True, location="data.bin", size_threshold=0)
    path.with_name("data.bin").unlink()
