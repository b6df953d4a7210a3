"""Matrices that an exporter transposed in advance, as transpositions of the weights they were.

Folding `Transpose(weight)` into a new matrix loses the weight's name, and where the weight is read
elsewhere too, e.g. as an embedding table, leaves two copies that would be trained apart.
"""

import ast
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

import onnx
import torch

from hptc.frontend.onnx_graph import Graph, Node
from hptc.frontend.onnx_parameters import is_anonymous

_ORIGIN_KEY = "pkg.onnxscript.optimizer.folded_from"
_MATRIX = 2
_TRANSPOSE_SINCE = 1


def restore_weights(graph: Graph, found: Mapping[str, str]) -> Graph:
    """Return the graph with each matrix of `found` computed from the weight that it was."""
    initializers: dict[str, torch.Tensor] = {}
    for name, value in graph.initializers.items():
        if name not in found:
            initializers[name] = value
        elif found[name] not in graph.initializers:
            initializers[found[name]] = value.t().contiguous()
    return replace(
        graph,
        nodes=(*(_transposition(origin, name) for name, origin in found.items()), *graph.nodes),
        initializers=MappingProxyType(initializers),
    )


def _transposition(origin: str, name: str) -> Node:
    return Node(
        op="Transpose",
        domain="",
        name=f"{origin}.T",
        inputs=(origin,),
        outputs=(name,),
        attributes=MappingProxyType({"perm": (1, 0)}),
        opset=_TRANSPOSE_SINCE,
    )


def transposed_weights(
    graph: onnx.GraphProto, initializers: Mapping[str, torch.Tensor]
) -> dict[str, str]:
    """Return the weight that each pre-transposed matrix was, both by name."""
    origins = {
        name: sources[0]
        for name, sources in folded_from(graph).items()
        if len(sources) == 1 and not is_anonymous(sources[0])
    }
    stored = {name: value for name, value in initializers.items() if _is_matrix(value)}
    factors = _right_factors(graph)
    taken = set(initializers)
    found = {}
    for name, value in stored.items():
        if name not in factors:
            continue
        origin = origins.get(name)
        if origin is None or origin in taken:
            origin = _twin(value, stored, origin) if origin or is_anonymous(name) else None
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


def _is_matrix(value: torch.Tensor) -> bool:
    return value.dim() == _MATRIX and value.is_floating_point()


def _twin(
    value: torch.Tensor, stored: Mapping[str, torch.Tensor], origin: str | None
) -> str | None:
    """Return the stored weight (only `origin`, if given) whose transpose the matrix is."""
    wanted = value.t()
    candidates = [
        name
        for name, other in stored.items()
        if (name == origin if origin else not is_anonymous(name)) and _is_same(other, wanted)
    ]
    if not candidates or torch.unique(value).numel() <= max(value.shape):
        return None  # e.g. an identity, alike by chance
    return candidates[0]


def _is_same(one: torch.Tensor, other: torch.Tensor) -> bool:
    return one.dtype == other.dtype and torch.equal(one, other)
