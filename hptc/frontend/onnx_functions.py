"""Operations defined by other operations: model-local functions, and bodies in the standard."""

import onnx
import onnx.inliner

from hptc.frontend.onnx_ops import find_rule

_ROUNDS = 8
"""Standard bodies nest at most this deep, e.g. SoftmaxCrossEntropyLoss calls another loss."""


def inline_functions(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return the model with calls replaced by bodies wherever hptc has no rule of its own.

    Model-local functions are always replaced; a standard operation only if it has no rule and the
    standard defines it by others.
    """
    if model.functions:
        model = onnx.inliner.inline_local_functions(model)
    for _ in range(_ROUNDS):
        wanted = _expandable(model)
        if not wanted:
            break
        model = onnx.inliner.inline_selected_functions(model, wanted, inline_schema_functions=True)
    return model


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
    return bool(schema.has_function or schema.has_context_dependent_function)
