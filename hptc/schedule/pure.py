"""Operations that may run again in a step: the result is the same, and nobody else sees it."""

from collections.abc import Sequence

from hptc.ir.graph import Graph, Op, ValueKind

PURE = "aten."
"""How the kinds begin of operations that compute the same from the same each time."""


def may_run_again(graph: Graph, ops: Sequence[Op]) -> bool:
    """Return whether operations may run more than once in a step.

    They are torch's own, draw nothing at random, add to no chunk before them, and nothing that they
    make outlives the step.
    """
    random = {value.name for value in graph.values if value.kind is ValueKind.RANDOM}
    return all(
        op.kind.startswith(PURE)
        and not op.accumulates
        and random.isdisjoint(op.inputs)
        and graph.kept.isdisjoint(op.outputs)
        for op in ops
    )
