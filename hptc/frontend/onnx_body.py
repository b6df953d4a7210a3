"""Bodies of control flow, put in the place of their node under names of their own."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import torch

from hptc.frontend.onnx_graph import Graph, Node


def inline_body(body: Graph, prefix: str, actual: Sequence[str] = ()) -> Graph:
    """Return `body` with its own names under `prefix`, its inputs replaced by the `actual` names.

    Names of the outer scope stay as they are.
    """
    formal = [value.name for value in body.inputs]
    names = {name: f"{prefix}/{name}" for name in _own_names(body)}
    names.update(zip(formal, actual, strict=True))
    return Graph(
        nodes=tuple(_renamed(node, names) for node in body.nodes),
        initializers=MappingProxyType({names[n]: v for n, v in body.initializers.items()}),
        inputs=(),
        outputs=tuple(names.get(name, name) for name in body.outputs),
    )


def hoist_initializers(graph: Graph) -> Graph:
    """Return the graph with the tensors stored in its bodies stored in itself.

    A weight is a weight wherever it is stored. One whose name the graph uses already stays.
    """
    taken = set(_own_names(graph)) | {value.name for value in graph.inputs}
    found: dict[str, torch.Tensor] = {}
    nodes = tuple(_stripped(node, taken, found) for node in graph.nodes)
    initializers = MappingProxyType({**graph.initializers, **found})
    return replace(graph, nodes=nodes, initializers=initializers)


def _stripped(node: Node, taken: set[str], found: dict[str, torch.Tensor]) -> Node:
    bodies = {key: value for key, value in node.attributes.items() if isinstance(value, Graph)}
    if not bodies:
        return node
    changed: dict[str, Any] = {}
    for key, body in bodies.items():
        nodes = tuple(_stripped(inner, taken, found) for inner in body.nodes)
        moved = {name: v for name, v in body.initializers.items() if name not in taken}
        kept = {name: v for name, v in body.initializers.items() if name in taken}
        taken.update(moved)
        found.update(moved)
        changed[key] = replace(body, nodes=nodes, initializers=MappingProxyType(kept))
    return replace(node, attributes=MappingProxyType({**node.attributes, **changed}))


def _own_names(graph: Graph) -> list[str]:
    computed = [name for node in graph.nodes for name in node.outputs if name]
    return [*computed, *graph.initializers]


def _renamed(node: Node, names: Mapping[str, str]) -> Node:
    attributes = {
        key: _renamed_graph(value, names) if isinstance(value, Graph) else value
        for key, value in node.attributes.items()
    }
    return replace(
        node,
        inputs=tuple(names.get(name, name) for name in node.inputs),
        outputs=tuple(names.get(name, name) for name in node.outputs),
        attributes=MappingProxyType(attributes),
    )


def _renamed_graph(graph: Graph, names: Mapping[str, str]) -> Graph:
    """Rename what a nested body takes from outside; its own names hide those."""
    own = {*_own_names(graph), *(value.name for value in graph.inputs)}
    outer = {name: new for name, new in names.items() if name not in own}
    return replace(
        graph,
        nodes=tuple(_renamed(node, outer) for node in graph.nodes),
        outputs=tuple(outer.get(name, name) for name in graph.outputs),
    )
