"""Reading an ONNX file safely, and checking it before anything is imported."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]  # no stubs

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


def read_model(path: Path) -> onnx.ModelProto:
    """Return the model in a file, external weights included.

    Raises:
        ModelError: there is no such file, or it is no complete ONNX model.
    """
    where = str(path)
    hint = "Give the path of a file written by torch.onnx.export or another exporter."
    if not path.exists():
        raise ModelError(where, expected="an ONNX file", found="no such file", hint=hint)
    if not path.is_file():
        raise ModelError(where, expected="an ONNX file", found="a folder", hint=hint)
    try:
        content = path.read_bytes()
    except OSError as error:
        reason = error.strerror or str(error)
        raise ModelError(where, expected="a readable file", found=reason, hint=hint) from error
    if not content:
        raise ModelError(where, expected="an ONNX model", found="an empty file", hint=hint)
    model = onnx.ModelProto()
    try:
        model.ParseFromString(content)
    except DecodeError as error:
        raise ModelError(
            where,
            expected="an ONNX model",
            found=f"{len(content)} bytes that are no complete ONNX model",
            hint="The file is truncated or of another kind; export or copy it again.",
        ) from error
    _load_external(model, path)
    return model


def _load_external(model: onnx.ModelProto, path: Path) -> None:
    """Read weights stored beside the model, never following a path out of its folder."""
    folder = path.resolve().parent
    for tensor in _tensors(model.graph):
        if tensor.data_location != onnx.TensorProto.EXTERNAL:
            continue
        fields = {entry.key: entry.value for entry in tensor.external_data}
        where = f"{path}, tensor {tensor.name!r}"
        source = _external_path(folder, fields.get("location", ""), where)
        tensor.raw_data = _external_bytes(source, fields, where)
        tensor.data_location = onnx.TensorProto.DEFAULT
        del tensor.external_data[:]


def _external_path(folder: Path, location: str, where: str) -> Path:
    given = Path(location)
    outside = not location or given.is_absolute() or ".." in given.parts
    target = (folder / given).resolve()
    if outside or not target.is_relative_to(folder):
        raise ModelError(
            where,
            expected="external data inside the folder of the model",
            found=f"location {location!r}",
            hint="Put the data file beside the model and store a relative path.",
        )
    if not target.is_file():
        raise ModelError(
            where,
            expected=f"its data in {target.name!r} beside the model",
            found="no such file",
            hint="Copy the data file together with the model.",
        )
    return target


def _external_bytes(source: Path, fields: Mapping[str, str], where: str) -> bytes:
    size = source.stat().st_size
    try:
        offset = int(fields.get("offset", "0"))
        length = int(fields.get("length", str(size - offset)))
    except ValueError:
        offset, length = -1, -1
    if offset < 0 or length < 0 or offset + length > size:
        raise ModelError(
            where,
            expected=f"bytes {fields.get('offset', '0')} to +{fields.get('length', 'end')} of it",
            found=f"{source.name!r} with {size} bytes",
            hint="The data file is truncated or belongs to another export; copy it again.",
        )
    with source.open("rb") as file:
        file.seek(offset)
        return file.read(length)


def _tensors(graph: onnx.GraphProto) -> Iterator[onnx.TensorProto]:
    yield from graph.initializer
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                yield attribute.t
            yield from attribute.tensors
            if attribute.HasField("g"):
                yield from _tensors(attribute.g)
            for inner in attribute.graphs:
                yield from _tensors(inner)


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
