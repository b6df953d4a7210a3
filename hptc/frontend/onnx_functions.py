"""Operations defined by other operations: model-local functions, and bodies in the standard."""

from collections.abc import Mapping

import onnx
import onnx.inliner

from hptc.errors import ModelError
from hptc.frontend.onnx_ops import find_rule
from hptc.frontend.torch import first_line

_BODIES = ("has_function", "has_context_dependent_function")
_ROUNDS = 8
"""Standard bodies nest at most this deep, e.g. SoftmaxCrossEntropyLoss calls another loss."""


def inline_functions(model: onnx.ModelProto, where: str) -> onnx.ModelProto:
    """Return the model with calls replaced by bodies wherever hptc has no rule of its own.

    Model-local functions are always replaced; a standard operation only if it has no rule and the
    standard defines it by others.

    Raises:
        ModelError: a model-local function cannot be expanded.
    """
    if model.functions:
        try:
            model = onnx.inliner.inline_local_functions(model)
        except RuntimeError as error:
            raise ModelError(
                where,
                expected="model-local functions that can be expanded",
                found=first_line(error),
                hint="Export the model without functions, e.g. with onnx.inliner on your side.",
            ) from error
    stuck: set[tuple[str, str]] = set()
    for _ in range(_ROUNDS):
        wanted = [op for op in _expandable(model) if op not in stuck]
        if not wanted:
            break
        for op in wanted:
            expanded = _expand(model, op)
            if expanded is None:
                stuck.add(op)
            else:
                model = expanded
    return model


def _expand(model: onnx.ModelProto, op: tuple[str, str]) -> onnx.ModelProto | None:
    """Return the model with one standard operation replaced, or None where onnx cannot do it.

    Such an operation stays. The inliner fails e.g. for some that leave out an input in the middle.
    """
    full = onnx.ModelProto()
    full.CopyFrom(model)
    opsets = {opset.domain: opset.version for opset in model.opset_import}
    _spell_defaults(full.graph, op, opsets)
    try:
        return onnx.inliner.inline_selected_functions(full, [op], inline_schema_functions=True)
    except RuntimeError:
        return None


def _spell_defaults(graph: onnx.GraphProto, op: tuple[str, str], opsets: Mapping[str, int]) -> None:
    """Add default attributes to every use of `op`, since bodies refer to them."""
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("g"):
                _spell_defaults(attribute.g, op, opsets)
        if (node.domain, node.op_type) != op:
            continue
        schema = onnx.defs.get_schema(node.op_type, opsets[node.domain], node.domain)
        present = {attribute.name for attribute in node.attribute}
        for name, attribute in schema.attributes.items():
            if name not in present and attribute.default_value.name:
                node.attribute.append(attribute.default_value)


def _expandable(model: onnx.ModelProto) -> list[tuple[str, str]]:
    opsets = {opset.domain: opset.version for opset in model.opset_import}
    calls = _calls(model.graph)
    return sorted(
        (domain, op)
        for domain, op in calls
        if find_rule(domain, op, opsets.get(domain, 1)) is None
        and _has_body(domain, op, opsets.get(domain, 1))
    )


def _calls(graph: onnx.GraphProto) -> set[tuple[str, str]]:
    found = {(node.domain, node.op_type) for node in graph.node}
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("g"):
                found |= _calls(attribute.g)
    return found


def _has_body(domain: str, op: str, version: int) -> bool:
    try:
        schema = onnx.defs.get_schema(op, version, domain)
    except onnx.defs.SchemaError:
        return False
    return any(getattr(schema, kind) for kind in _BODIES)
