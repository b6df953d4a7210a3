"""onnxruntime on the original model of a bundle, with weights of the bundle's choice."""

from collections.abc import Mapping

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnx import numpy_helper
from onnxruntime.capi import onnxruntime_pybind11_state as state
from torch import Tensor

from hptc.frontend.onnx_file import OnnxFile, StoredModel, stored_model
from hptc.frontend.onnx_graph import read_graph
from hptc.frontend.onnx_module import registered_name
from hptc.frontend.onnx_restore import transposed_weights
from hptc.runtime.recorded import recorded
from hptc.schedule.model import Bundle

Array = NDArray[np.generic]

_REFUSALS = (state.Fail, state.InvalidGraph, state.InvalidArgument, state.NotImplemented)
"""What onnxruntime raises for a model that it cannot load or run."""


def onnxruntime_output(
    bundle: Bundle, weights: Mapping[str, Tensor], inputs: tuple[Tensor, ...]
) -> Array | None:
    """Return the output that onnxruntime computes with `weights`.

    None where the original is no ONNX model, or one that onnxruntime has no kernels for.
    """
    original = bundle.reference
    if original is None or original.format != "onnx":
        return None
    model = stored_model(OnnxFile(original.data, original.files), "reference/model.onnx")
    feeds = _put_weights(model, weights)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    try:
        session = onnxruntime.InferenceSession(
            model.proto.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        names = [item.name for item in session.get_inputs() if item.name not in feeds]
        feeds |= {name: tensor.numpy() for name, tensor in zip(names, inputs, strict=False)}
        outputs = session.run(None, feeds)
    except _REFUSALS:
        return None
    result: Array = np.asarray(outputs[recorded(bundle).output_index])
    return result


def _put_weights(model: StoredModel, weights: Mapping[str, Tensor]) -> dict[str, Array]:
    """Replace the weights stored in a model; return those stored outside, which it reads."""
    graph = model.proto.graph
    stored = read_graph(graph, {}, "reference/model.onnx", model.weights).initializers
    current = {name: weights.get(registered_name(name), value) for name, value in stored.items()}
    for name, origin in transposed_weights(graph, stored).items():
        weight = weights.get(registered_name(origin))
        current[name] = current[name] if weight is None else weight.t()
    for initializer in graph.initializer:
        value = current[initializer.name]
        if value is not stored[initializer.name]:
            array = np.ascontiguousarray(value.detach().numpy())
            initializer.CopyFrom(numpy_helper.from_array(array, initializer.name))
    return {name: current[name].detach().contiguous().numpy() for name in model.weights}
