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
    return all(
        op.kind.startswith(PURE)
        and not op.accumulates
        and all(graph.by_name[name].kind is not ValueKind.RANDOM for name in op.inputs)
        and graph.kept.isdisjoint(op.outputs)
        for op in ops
    )
