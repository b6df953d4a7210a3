"""Matrices that an exporter transposed in advance, as transpositions of the weights they were.

Folding `Transpose(weight)` into a new matrix loses the weight's name, and where the weight is read
elsewhere too, e.g. as an embedding table, leaves two copies that would be trained apart.
"""

import ast

import numpy as np
import onnx
from onnx import numpy_helper

from hptc.frontend.onnx_parameters import is_anonymous

_ORIGIN_KEY = "pkg.onnxscript.optimizer.folded_from"
_FLOATS = frozenset({onnx.TensorProto.FLOAT, onnx.TensorProto.DOUBLE, onnx.TensorProto.FLOAT16})
_MATRIX = 2


def restore_weights(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return the model with each matrix that is a known weight transposed computed from it."""
    found = _transposed(model.graph)
    if not found:
        return model
    restored = onnx.ModelProto()
    restored.CopyFrom(model)
    graph = restored.graph
    stored = {tensor.name for tensor in graph.initializer}
    for tensor in graph.initializer:
        name = tensor.name
        if name in found and found[name] not in stored:
            weight = np.ascontiguousarray(numpy_helper.to_array(tensor).T)
            tensor.CopyFrom(numpy_helper.from_array(weight, found[name]))
    kept = [tensor for tensor in graph.initializer if tensor.name not in found]
    nodes = [
        onnx.helper.make_node("Transpose", [origin], [name], name=f"{origin}.T", perm=[1, 0])
        for name, origin in found.items()
    ]
    nodes += graph.node
    del graph.initializer[:], graph.node[:]
    graph.initializer.extend(kept)
    graph.node.extend(nodes)
    return restored


def _transposed(graph: onnx.GraphProto) -> dict[str, str]:
    """Return the weight that each pre-transposed matrix was."""
    origins = {
        name: sources[0]
        for name, sources in folded_from(graph).items()
        if len(sources) == 1 and not is_anonymous(sources[0])
    }
    stored = {tensor.name: tensor for tensor in graph.initializer if _is_matrix(tensor)}
    factors = _right_factors(graph)
    taken = {tensor.name for tensor in graph.initializer}
    found = {}
    for name, tensor in stored.items():
        if name not in factors:
            continue
        origin = origins.get(name)
        if origin is None or origin in taken:
            origin = _twin(tensor, stored, origin) if origin or is_anonymous(name) else None
        if origin is not None:
            found[name] = origin
            taken.add(origin)
    return found


def folded_from(graph: onnx.GraphProto) -> dict[str, tuple[str, ...]]:
    """Return the tensors that each constant was computed from, where the exporter says so."""
    found = {}
    for value in graph.value_info:
        for entry in value.metadata_props:
            if entry.key == _ORIGIN_KEY:
                found[value.name] = _names(entry.value)
    return found


def _names(text: str) -> tuple[str, ...]:
    try:
        names = ast.literal_eval(text)
    except (SyntaxError, ValueError):
        return ()
    return tuple(str(name) for name in names)


def _right_factors(graph: onnx.GraphProto) -> set[str]:
    """Return the values that are read as the right factor of a product and in no other way."""
    products = {n.input[1] for n in graph.node if n.op_type == "MatMul"}
    others = {
        name
        for node in graph.node
        for place, name in enumerate(node.input)
        if (node.op_type, place) != ("MatMul", 1)
    }
    return products - others - {value.name for value in graph.output}


def _is_matrix(tensor: onnx.TensorProto) -> bool:
    return len(tensor.dims) == _MATRIX and tensor.data_type in _FLOATS


def _twin(
    tensor: onnx.TensorProto, stored: dict[str, onnx.TensorProto], origin: str | None
) -> str | None:
    """Return the stored weight (only `origin`, if given) whose transpose the matrix is."""
    wanted = numpy_helper.to_array(tensor).T
    if np.unique(wanted).size <= max(tensor.dims):  # e.g. an identity, alike by chance
        return None
    for name, other in stored.items():
        suits = name == origin if origin else not is_anonymous(name)
        if suits and np.array_equal(numpy_helper.to_array(other), wanted):
            return name
    return None
