"""Checking an ONNX model before anything is imported."""

from collections.abc import Iterator, Mapping

import onnx

from hptc.errors import ModelError
from hptc.frontend.onnx_control import is_control_flow
from hptc.frontend.onnx_graph import Graph, Node
from hptc.frontend.onnx_opaque import is_runnable, unsupported
from hptc.frontend.onnx_ops import find_rule

OPSETS = range(1, onnx.defs.onnx_opset_version() + 1)
"""Versions of the standard operator set that can be imported."""

_DOMAINS = frozenset({"", "ai.onnx.ml", "ai.onnx.preview.training"})
"""Operator sets that a model can consist of."""

_FAULTS = (
    onnx.checker.ValidationError,
    onnx.shape_inference.InferenceError,
    RuntimeError,
    ValueError,
)


def check_model(model: onnx.ModelProto, where: str) -> Mapping[str, int]:
    """Check what holds for every valid model; return the opset of each domain.

    Raises:
        ModelError: the model is malformed or of an opset that hptc does not know.
    """
    opsets = {("" if o.domain == "ai.onnx" else o.domain): o.version for o in model.opset_import}
    version = opsets.get("")
    if not _DOMAINS.intersection(opsets) or (version is not None and version not in OPSETS):
        raise ModelError(
            where,
            expected=f"an import of the standard opset, version {OPSETS[0]} to {OPSETS[-1]}",
            found="none" if version is None else f"opset {version}",
            hint="Export with another opset_version, or use onnx.version_converter.",
        )
    _check_names(model, where)
    try:
        onnx.checker.check_model(model)
        # Element types that clash, and initializers that are not as declared, show only here.
        onnx.shape_inference.infer_shapes(model, check_type=True)
    except _FAULTS as error:
        reason = " ".join(str(error).split()).removesuffix(".")
        raise ModelError(
            where,
            expected="a model that passes onnx.checker",
            found=f"this fault: {reason[:400]}",
            hint="The file is damaged or was written by a broken exporter; export it again.",
        ) from error
    return opsets


def _check_names(model: onnx.ModelProto, where: str) -> None:
    """Check what the checker leaves out: domains imported once, names that are printable text."""
    domains = [str(opset.domain).removeprefix("ai.onnx") for opset in model.opset_import]
    twice = [f"two imports of {name!r}" for name in domains if domains.count(name) > 1]
    odd = [f"the name {name!r}" for name in _names(model.graph) if not _is_printable(name)]
    if twice or odd:
        raise ModelError(
            where,
            expected="one import of each operator set, and names of printable characters",
            found=(*twice, *odd)[0],
            hint="The file is damaged or was written by a broken exporter; export it again.",
        )


def _names(graph: onnx.GraphProto) -> Iterator[object]:
    for value in (*graph.input, *graph.output, *graph.value_info):
        yield value.name
        yield from (dim.dim_param for dim in value.type.tensor_type.shape.dim)
    yield from (tensor.name for tensor in graph.initializer)
    for node in graph.node:
        yield from (node.op_type, node.domain, node.name, *node.input, *node.output)


def _is_printable(name: object) -> bool:
    """Whether a name is text: protobuf returns bytes for what is no UTF-8."""
    return isinstance(name, str) and name.isprintable()


def check_trainable(graph: Graph, where: str) -> None:
    """Check that the graph has inputs to learn from and outputs to compare with a target.

    Raises:
        ModelError: it has none.
    """
    for kind, items in (("input", graph.inputs), ("output", graph.outputs)):
        if not items:
            raise ModelError(
                where,
                expected=f"a graph with at least one {kind}",
                found="none",
                hint="Such a graph cannot be trained; export the whole model.",
            )


def check_ops(graph: Graph, where: str) -> None:
    """Check that something computes every operation; all that nothing computes are named at once.

    Raises:
        UnsupportedOpError: there are some.
    """
    unknown = [node for node in unruled(graph) if not is_runnable(node)]
    if unknown:
        raise unsupported(unknown, where)


def unruled(graph: Graph) -> Iterator[Node]:
    """Yield the nodes for which hptc has no rule; they run outside torch, if at all."""
    for node in all_nodes(graph):
        if not is_control_flow(node) and find_rule(node.domain, node.op, node.opset) is None:
            yield node


def all_nodes(graph: Graph) -> Iterator[Node]:
    """Yield the nodes of a graph and of its branches."""
    for node in graph.nodes:
        yield node
        for value in node.attributes.values():
            if isinstance(value, Graph):
                yield from all_nodes(value)
