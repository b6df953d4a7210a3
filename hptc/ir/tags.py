"""Residencies and operand tags by data flow: the rules that passes write down and verify checks."""

from collections.abc import Mapping

from hptc.ir.contractions import contraction, data_inputs
from hptc.ir.graph import Graph, Op, OperandTag, Residency, ValueKind
from hptc.ir.layout import layout_of

_VOLATILITY = {residency: level for level, residency in enumerate(Residency)}


def residencies(graph: Graph) -> dict[str, Residency]:
    """Return the residency of every value.

    Inputs by their kind and by whether an update names them; a result is as volatile as the most
    volatile input of its operation.
    """
    updated = {update.state for update in graph.updates}
    found = {value.name: _of_input(value.kind, value.name in updated) for value in graph.given}
    for op in graph.ops:
        read = (found[name] for name in op.inputs)
        reached = max(read, key=_VOLATILITY.__getitem__, default=Residency.CONSTANT)
        found.update(dict.fromkeys(op.outputs, reached))
    return found


def written(graph: Graph) -> frozenset[str]:
    """Return what state becomes at the end of the step: the values, and what they are views of."""
    news = {update.new for update in graph.updates}
    return frozenset(news | {layout_of(graph, name).root for name in news})


def operand_tag(
    graph: Graph, op: Op, residency: Mapping[str, Residency], updates: frozenset[str]
) -> OperandTag:
    """Return the operand tag of an operation.

    Args:
        graph: Where the operation stands.
        op: The operation.
        residency: The residency of every value.
        updates: What state becomes (see `written`).
    """
    if all(residency[name].is_fixed for name in op.inputs):
        return OperandTag.FOLDED
    product = contraction(graph, op)
    if product is not None:
        fixed = [residency[name].is_fixed for name in (product.left, product.right)]
        moving = [residency[name] is Residency.TRANSIENT for name in (product.left, product.right)]
        if any(fixed) and any(moving):
            return OperandTag.STATIC
    read = {residency[name] for name in data_inputs(graph, op)}
    if Residency.TRAINABLE in read or not updates.isdisjoint(op.outputs):
        return OperandTag.TRAINABLE
    return OperandTag.DYNAMIC


def _of_input(kind: ValueKind, is_updated: bool) -> Residency:
    match kind:
        case ValueKind.BATCH:
            return Residency.TRANSIENT
        case ValueKind.CONSTANT:
            return Residency.CONSTANT
        case ValueKind.PARAMETER | ValueKind.BUFFER if not is_updated:
            return Residency.STATIC
        case _:
            return Residency.TRAINABLE
