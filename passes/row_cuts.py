"""Which operations of a step can run chunk by chunk of rows."""

from collections.abc import Mapping

from hptc.ir.axes import Flow, Rows, Stream, stream
from hptc.ir.contractions import contraction
from hptc.ir.graph import Graph, Op, OperandTag, Residency, Role, Value


def row_cuts(
    graph: Graph,
    carried: Mapping[str, Rows],
    chunks: int | Mapping[str, int],
) -> dict[str, Stream]:
    """Return how each operation that is cut passes its chunks on, by its name.

    Rows that do not lie one after the other, and matrices that stay on a device, are not cut: a
    chunk would have to gather the first, and the others would be held in pieces. Neither is the
    optimizer, which works by parameter.

    Args:
        graph: A step graph with residencies and tags.
        carried: The rows of its inputs, e.g. `{"in_0": Rows(1)}`.
        chunks: How many chunks there are to be, of all or of each operation; what is not named
            stays whole. There must be as many rows.
    """
    found: dict[str, Stream] = {}
    reached = dict(carried)
    for op in graph.ops:
        if reached.keys().isdisjoint(op.inputs) or op.role is Role.OPTIMIZER:
            continue
        passed = stream(graph, op, reached)
        count = chunks if isinstance(chunks, int) else chunks.get(op.name, 1)
        if count > 1 and _is_cut(graph, op, passed, count):
            found[op.name] = passed
        # Rows go on through what is not cut: later chunks slice what it makes.
        for name, rows in zip(op.outputs, passed.outputs, strict=False):
            if isinstance(rows, Rows) and passed.flow is not Flow.ALL:
                reached[name] = rows
    return found


def _is_cut(graph: Graph, op: Op, passed: Stream, chunks: int) -> bool:
    if passed.flow is Flow.ALL or op.tag is OperandTag.FOLDED:
        return False
    values = graph.by_name
    pairs = [(values[name], rows) for name, rows in passed.sliced.items()]
    product = contraction(graph, op)
    if product is not None and any(_stays(value) for value, _ in pairs):
        return False
    pairs += [
        (values[name], rows)
        for name, rows in zip(op.outputs, passed.outputs, strict=True)
        if isinstance(rows, Rows)
    ]
    # A value that an operation reads in chunks and whole at once has one name for both.
    return passed.sliced.keys().isdisjoint(passed.waits) and all(
        rows.outer == 1 and rows.count(value) >= chunks for value, rows in pairs
    )


def _stays(value: Value) -> bool:
    return value.residency is not Residency.TRANSIENT
