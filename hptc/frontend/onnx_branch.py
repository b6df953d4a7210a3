"""A branch of `If`, chosen at import, in the place of its node."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from hptc.frontend.onnx_graph import Graph, Node


def inline_branch(branch: Graph, node: Node) -> Graph:
    """Return a branch of `If` under names of its own, its results under those of the node."""
    own = [name for inner in branch.nodes for name in inner.outputs] + list(branch.initializers)
    names = {name: f"{node.outputs[0]}/{name}" for name in own if name}
    nodes = [_renamed(inner, names) for inner in branch.nodes]
    for inner, outer in zip(branch.outputs, node.outputs, strict=True):
        source = (names.get(inner, inner),)
        attributes: Mapping[str, Any] = MappingProxyType({})
        nodes.append(Node("Identity", "", "", source, (outer,), attributes, node.opset))
    initializers = {names[name]: value for name, value in branch.initializers.items()}
    return Graph(tuple(nodes), MappingProxyType(initializers), (), node.outputs)


def _renamed(node: Node, names: Mapping[str, str]) -> Node:
    attributes = {
        key: _renamed_graph(value, names) if isinstance(value, Graph) else value
        for key, value in node.attributes.items()
    }
    return Node(
        op=node.op,
        domain=node.domain,
        name=node.name,
        inputs=tuple(names.get(name, name) for name in node.inputs),
        outputs=tuple(names.get(name, name) for name in node.outputs),
        attributes=MappingProxyType(attributes),
        opset=node.opset,
        module=node.module,
    )


def _renamed_graph(graph: Graph, names: Mapping[str, str]) -> Graph:
    nodes = tuple(_renamed(node, names) for node in graph.nodes)
    outputs = tuple(names.get(name, name) for name in graph.outputs)
    return Graph(nodes, graph.initializers, graph.inputs, outputs)
