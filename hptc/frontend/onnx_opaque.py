"""Operations that run outside torch: each as a small model, computed at import or kept as one."""

from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import onnx
import torch
from onnx import helper
from torch import Tensor

from hptc.custom_ops.onnx_kernel import OnnxKernel, has_kernel, make_kernel
from hptc.custom_ops.onnx_node import spell, to_text
from hptc.errors import ModelError, UnsupportedOpError
from hptc.frontend.onnx_graph import Graph, Node
from hptc.frontend.onnx_ops.values import Foreign, Value, as_numpy, as_proto, from_numpy, leaves

_RANDOM = frozenset(
    {
        "Bernoulli",
        "Multinomial",
        "RandomNormal",
        "RandomNormalLike",
        "RandomUniform",
        "RandomUniformLike",
    }
)
"""They draw random numbers, which the standard does not define."""
_OLDEST_IR = 4  # before it, initializers had to be inputs too
_MOST_STORED = 256
"""Elements of a known operand that are stored in the model of an operation that stays."""


@dataclass(frozen=True)
class Opaque:
    """One operation, evaluated outside torch."""

    results: Mapping[str, Value]
    """By output name."""
    reads: tuple[str, ...]
    """Names of the values that `run` takes; none where the results are known."""
    run: Callable[..., tuple[Tensor, ...]]
    is_static: bool
    """The types and shapes of the results hold for all values of what is read."""


@dataclass
class _Operands:
    """What a model of one operation takes, as far as it has been built."""

    nodes: list[onnx.NodeProto] = field(default_factory=list)
    stored: list[onnx.TensorProto] = field(default_factory=list)
    inputs: list[onnx.ValueInfoProto] = field(default_factory=list)
    feeds: dict[str, Any] = field(default_factory=dict)
    reads: list[str] = field(default_factory=list)
    places: set[int] = field(default_factory=set)
    """Positions of the inputs that are there."""


def is_runnable(node: Node) -> bool:
    """Tell whether the node can run outside torch."""
    bodies = any(isinstance(value, Graph) for value in node.attributes.values())
    return not bodies and has_kernel(node.domain, node.op, node.opset)


def title_of(node: Node) -> str:
    """Return the type of the node with its domain, e.g. `com.microsoft.FusedGemm`."""
    return f"{node.domain}.{node.op}" if node.domain else node.op


def unsupported(nodes: Iterable[Node], where: str) -> UnsupportedOpError:
    """Return the error that names all operations which nothing computes."""
    titles = {f"{title_of(node)} (opset {node.opset})" for node in nodes}
    return UnsupportedOpError(
        where,
        expected="operations that hptc has a rule for, or that onnxruntime or onnx's reference "
        "evaluator computes",
        found=", ".join(sorted(titles)),
        hint="Replace them when exporting, or give the torch module instead of the ONNX file.",
    )


def evaluate_opaque(
    node: Node, values: Mapping[str, Value], known: Container[str], where: str
) -> Opaque:
    """Evaluate a node by onnxruntime or by the reference evaluator.

    Args:
        node: The node.
        values: The values that it reads, by name.
        known: Names of those that are fixed at import.
        where: How messages name the model.

    Raises:
        UnsupportedOpError: Neither engine has a kernel, or the result would be random.
        ModelError: The inputs do not fit.
    """
    seeded = node.op == "Dropout" and "seed" in node.attributes
    if not node.domain and (node.op in _RANDOM or (node.op == "Dropout" and not seeded)):
        raise UnsupportedOpError(
            f"{where}, {node.label}",
            expected="an operation whose result its inputs decide",
            found="one that draws random numbers",
            hint="Make the numbers an input of the model.",
        )
    operands = _gather(node, values, known)
    model = _model(node, operands)
    kernel = make_kernel(model, seeded=seeded)
    found = [from_numpy(result) for result in _run(node, kernel, operands.feeds, where)]
    tensors = [value for value in found if isinstance(value, Tensor)]
    shapes = tuple(tuple(tensor.shape) for tensor in tensors)
    text, results = to_text(model), spell(tensors)

    def run(*read: Value) -> tuple[Tensor, ...]:
        flat = [leaf for value in read for leaf in leaves(value)]
        return tuple(torch.ops.hptc.onnx_node(flat, text, results, seeded))

    return Opaque(
        results=dict(zip(_outputs(node), found, strict=True)),
        reads=tuple(operands.reads),
        run=run,
        is_static=len(tensors) == len(found) and shapes == kernel.shapes,
    )


def _run(node: Node, kernel: OnnxKernel, feeds: Mapping[str, Any], where: str) -> list[Any]:
    try:
        return kernel.run(feeds)
    except Exception as error:  # both engines raise many unrelated types
        reason = " ".join(str(error).split())[:300] or type(error).__name__
        raise ModelError(
            f"{where}, {node.label}",
            expected=f"inputs and attributes that {kernel.engine} takes",
            found=reason,
            hint="Check the shapes given for dynamic dimensions, or export the model again.",
        ) from error


def _outputs(node: Node) -> tuple[str, ...]:
    return tuple(name for name in node.outputs if name)


def _gather(node: Node, values: Mapping[str, Value], known: Container[str]) -> _Operands:
    gathered = _Operands()
    names = [name for name in node.inputs if name]
    stays = any(name not in known for name in names)
    for position, name in enumerate(node.inputs):
        if not name or values[name] is None:
            continue
        value = values[name]
        gathered.places.add(position)
        stored = name in known and not (stays and _is_large(value))
        if not stored:
            gathered.reads.append(name)
        if isinstance(value, tuple):
            parts = [f"in{position}.{place}" for place in range(len(value))]
            for part, item in zip(parts, value, strict=True):
                _add(gathered, part, item, stored)
            kind = "SequenceConstruct" if parts else "SequenceEmpty"
            gathered.nodes.append(helper.make_node(kind, parts, [f"in{position}"]))
        elif value is not None:
            _add(gathered, f"in{position}", value, stored)
    return gathered


def _is_large(value: Value) -> bool:
    return isinstance(value, Tensor) and value.numel() > _MOST_STORED


def _add(gathered: _Operands, name: str, value: Tensor | Foreign, stored: bool) -> None:
    proto = as_proto(value, name)
    if stored:
        gathered.stored.append(proto)
        return
    gathered.inputs.append(helper.make_tensor_value_info(name, proto.data_type, proto.dims))
    gathered.feeds[name] = as_numpy(value)


def _model(node: Node, operands: _Operands) -> onnx.ModelProto:
    inputs = [f"in{i}" if i in operands.places else "" for i in range(len(node.inputs))]
    outputs = [f"out{i}" if name else "" for i, name in enumerate(node.outputs)]
    made = node.proto or helper.make_node(node.op, [], [], **node.attributes)
    proto = onnx.NodeProto()
    proto.CopyFrom(made)
    del proto.input[:], proto.output[:], proto.metadata_props[:]
    proto.input.extend(inputs)
    proto.output.extend(outputs)
    proto.doc_string = ""
    graph = helper.make_graph(
        [*operands.nodes, proto],
        "operation",
        operands.inputs,
        [onnx.ValueInfoProto(name=name) for name in outputs if name],
        operands.stored,
    )
    opsets = [helper.make_opsetid(node.domain, node.opset)]
    if node.domain and operands.nodes:
        opsets.append(helper.make_opsetid("", onnx.defs.onnx_opset_version()))
    version = max(_OLDEST_IR, helper.find_min_ir_version_for(opsets, ignore_unknown=True))
    return helper.make_model(graph, opset_imports=opsets, ir_version=version)
