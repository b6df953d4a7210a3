"""The parts of an ONNX graph that import needs, as frozen data."""

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import onnx
from torch import Tensor

from hptc.errors import ModelError
from hptc.frontend.onnx_ops.types import DTYPES, to_torch, type_name, view_bytes
from hptc.frontend.onnx_ops.values import Foreign, from_array

_SCOPES_KEY = "pkg.torch.onnx.name_scopes"
_KIND_KEY = "pkg.torch.export.graph_signature.InputSpec.kind"

_PLAIN_KINDS = frozenset(
    {
        onnx.AttributeProto.FLOAT,
        onnx.AttributeProto.INT,
        onnx.AttributeProto.STRING,
        onnx.AttributeProto.FLOATS,
        onnx.AttributeProto.INTS,
        onnx.AttributeProto.STRINGS,
    }
)

_UNREADABLE = (ValueError, TypeError, RuntimeError, OverflowError)
"""What is raised for bytes that do not fit their shape."""


@dataclass(frozen=True)
class Node:
    """One operation of the graph."""

    op: str
    domain: str
    name: str
    inputs: tuple[str, ...]
    """Names of the values read; an empty name stands for an absent optional."""
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any]
    """Tensors as torch tensors, sub-graphs as `Graph`, lists as tuples, bytes as text."""
    opset: int
    module: str = ""
    """Path of the torch module that the node was exported from, where the exporter says."""
    proto: onnx.NodeProto | None = field(default=None, compare=False, repr=False)
    """As the file has it, for engines other than torch; its names may be others."""

    @property
    def source(self) -> str:
        """Provenance: the module path, else the node's name."""
        return self.module or self.name or next(iter(self.outputs), self.op)

    @property
    def label(self) -> str:
        """How messages name the node."""
        return f"node {self.name or (self.outputs or ('?',))[0]!r} ({self.op})"


@dataclass(frozen=True)
class Graph:
    """A model graph, or a branch of one."""

    nodes: tuple[Node, ...]
    initializers: Mapping[str, Tensor]
    inputs: tuple[onnx.ValueInfoProto, ...]
    """Without those that only declare an initializer."""
    outputs: tuple[str, ...]
    declared: Mapping[str, str] = field(default_factory=dict)
    """What an initializer was in torch, e.g. `PARAMETER` or `BUFFER`, where the exporter says."""


def read_graph(
    graph: onnx.GraphProto,
    opsets: Mapping[str, int],
    where: str,
    weights: Mapping[str, Tensor] = MappingProxyType({}),
) -> Graph:
    """Return the graph as frozen data; `weights` are initializers stored elsewhere.

    Raises:
        ModelError: an initializer or an attribute cannot be decoded.
    """
    stored = {tensor.name: _decode(tensor, where) for tensor in graph.initializer}
    initializers = {name: value for name, value in stored.items() if isinstance(value, Tensor)}
    initializers.update(weights)
    if graph.sparse_initializer:
        raise ModelError(
            where,
            expected="dense initializers",
            found=f"sparse initializer {graph.sparse_initializer[0].values.name!r}",
            hint="Store the weight as a dense tensor.",
        )
    return Graph(
        nodes=(
            *(_foreign(name, v) for name, v in stored.items() if isinstance(v, Foreign)),
            *(_read_node(node, opsets, where) for node in graph.node),
        ),
        initializers=MappingProxyType(initializers),
        inputs=tuple(value for value in graph.input if value.name not in {*stored, *weights}),
        outputs=tuple(value.name for value in graph.output),
        declared=MappingProxyType(
            {
                value.name: entry.value
                for value in graph.value_info
                for entry in value.metadata_props
                if entry.key == _KIND_KEY
            }
        ),
    )


def _foreign(name: str, value: Foreign) -> Node:
    """Return an initializer of a type that torch lacks as a node: it can only be a constant."""
    return Node("Constant", "", "", (), (name,), MappingProxyType({"value": value}), 1)


def _read_node(node: onnx.NodeProto, opsets: Mapping[str, int], where: str) -> Node:
    domain = "" if node.domain == "ai.onnx" else node.domain
    attributes = {a.name: _attribute(a, opsets, f"{where}, {node.op_type}") for a in node.attribute}
    return Node(
        op=node.op_type,
        domain=domain,
        name=node.name,
        inputs=tuple(node.input),
        outputs=tuple(node.output),
        attributes=MappingProxyType(attributes),
        opset=opsets.get(domain, 1),
        module=_module_path(node),
        proto=node,
    )


def _module_path(node: onnx.NodeProto) -> str:
    """Read the innermost module from the metadata that torch.onnx.export writes."""
    scopes = next((p.value for p in node.metadata_props if p.key == _SCOPES_KEY), "")
    try:
        names = ast.literal_eval(scopes) if scopes else []
    except (SyntaxError, ValueError):
        return ""
    return str(names[-2]) if isinstance(names, list) and len(names) > 1 else ""


def _attribute(attribute: onnx.AttributeProto, opsets: Mapping[str, int], where: str) -> Any:
    if attribute.ref_attr_name:
        raise ModelError(
            where,
            expected="attributes with values of their own",
            found=f"{attribute.name!r}, which refers to {attribute.ref_attr_name!r}",
            hint="Only a node of a function may refer to an attribute; export the model again.",
        )
    value = onnx.helper.get_attribute_value(attribute)
    if isinstance(value, onnx.GraphProto):
        return read_graph(value, opsets, f"{where}, {attribute.name}")
    if isinstance(value, onnx.TensorProto):
        return _decode(value, where)
    if isinstance(value, onnx.TypeProto):
        return value.WhichOneof("value") or ""
    if attribute.type in _PLAIN_KINDS:
        return _plain(value)
    kind = onnx.AttributeProto.AttributeType.Name(attribute.type)
    raise ModelError(
        where,
        expected="attributes that are numbers, texts, tensors or graphs",
        found=f"attribute {attribute.name!r} of kind {kind}",
        hint="Re-export the model without it.",
    )


def _plain(value: Any) -> Any:
    """Return text for bytes and tuples for lists."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return value if isinstance(value, int | float) else tuple(_plain(item) for item in value)


def view_tensor(tensor: onnx.TensorProto, data: memoryview, where: str) -> Tensor:
    """Return a tensor whose bytes are `data`; raises ModelError if they do not fit its shape."""
    try:
        return view_bytes(tensor, data)
    except _UNREADABLE as error:
        raise _unreadable(tensor, where, error) from error


def _decode(tensor: onnx.TensorProto, where: str) -> Tensor | Foreign:
    if tensor.data_location == onnx.TensorProto.EXTERNAL:
        raise ModelError(
            f"{where}, tensor {tensor.name!r}",
            expected="its data in the model",
            found="data in another file, which was not loaded",
            hint="Give the path of the model, so that the file beside it is found.",
        )
    try:
        if tensor.data_type in DTYPES:
            return to_torch(tensor)
        return from_array(onnx.numpy_helper.to_array(tensor))
    except _UNREADABLE as error:
        raise _unreadable(tensor, where, error) from error


def _unreadable(tensor: onnx.TensorProto, where: str, error: Exception) -> ModelError:
    return ModelError(
        f"{where}, tensor {tensor.name!r}",
        expected=f"{type_name(tensor.data_type)} data of shape {list(tensor.dims)}",
        found=f"data that cannot be read ({error})",
        hint="The file is damaged or was written by a broken exporter; export it again.",
    )
