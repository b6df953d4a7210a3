"""Which integers an input may hold: those below the extent of the table they index."""

from collections.abc import Callable, Iterator, Mapping

from hptc.ir.dtypes import DType
from hptc.ir.families import base_name
from hptc.ir.graph import Graph, Op, Ref, ValueKind

INTEGERS = frozenset(dtype for dtype in DType if dtype.value.startswith(("int", "uint")))

_SAME_NUMBERS = frozenset(
    [
        "alias",
        "cat",
        "clone",
        "contiguous",
        "detach",
        "expand",
        "flatten",
        "masked_fill",
        "permute",
        "repeat",
        "reshape",
        "select",
        "slice",
        "split",
        "split_with_sizes",
        "squeeze",
        "t",
        "_to_copy",
        "transpose",
        "unbind",
        "_unsafe_view",
        "unsqueeze",
        "view",
        "where",
    ]
)
"""Operations whose results are numbers of their operand, in another order, shape or type."""


def integer_limits(graph: Graph) -> dict[str, int]:
    """Return, for each integer input that indexes a table, the least extent it must stay below.

    Inputs are followed through views and casts to embeddings, gathers and indexing; so is a target
    of class indices.

    Args:
        graph: The step graph of any phase.
    """
    limits = {}
    for value in graph.values:
        if value.kind is not ValueKind.BATCH or value.dtype not in INTEGERS:
            continue
        extents = list(_indexed_extents(graph, value.name))
        if extents:
            limits[value.name] = min(extents)
    return limits


def _indexed_extents(graph: Graph, start: str) -> Iterator[int]:
    pending, seen = [start], {start}
    while pending:
        name = pending.pop()
        for op in graph.readers[name]:
            family = base_name(op.kind)
            if family in _INDEXING:
                yield from _INDEXING[family](graph, op, name)
            elif family in _SAME_NUMBERS:
                fresh = [output for output in op.outputs if output not in seen]
                seen.update(fresh)
                pending += fresh


def _shape(graph: Graph, op: Op) -> tuple[int, ...]:
    table = op.args[0]
    return graph.by_name[table.ref].shape if isinstance(table, Ref) else ()


def _by_row(graph: Graph, op: Op, name: str) -> Iterator[int]:
    """`embedding(table, index)`: rows of the table."""
    if op.args[1] == Ref(name):
        yield _shape(graph, op)[0]


def _along_axis(graph: Graph, op: Op, name: str) -> Iterator[int]:
    """`gather(table, axis, index)` and its like."""
    axis = op.args[1]
    if op.args[2] == Ref(name) and isinstance(axis, int):
        yield _shape(graph, op)[axis]


def _by_position(graph: Graph, op: Op, name: str) -> Iterator[int]:
    """`index(table, (index of axis 0 or None, ...))` and its like."""
    indices = op.args[1]
    if isinstance(indices, tuple):
        for axis, index in enumerate(indices):
            if index == Ref(name):
                yield _shape(graph, op)[axis]


def _by_class(graph: Graph, op: Op, name: str) -> Iterator[int]:
    """`nll_loss_forward(log_probabilities, target)`: classes lie on axis 1, or the only axis."""
    if op.args[1] == Ref(name):
        yield _shape(graph, op)[:2][-1]


_INDEXING: Mapping[str, Callable[[Graph, Op, str], Iterator[int]]] = {
    "embedding": _by_row,
    "gather": _along_axis,
    "scatter": _along_axis,
    "scatter_add": _along_axis,
    "index_add": _along_axis,
    "index_select": _along_axis,
    "index": _by_position,
    "index_put": _by_position,
    "nll_loss_forward": _by_class,
    "nll_loss2d_forward": _by_class,
}
