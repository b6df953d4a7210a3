"""How much of a step streams: its work by what the rows of an input axis do in it."""

from collections.abc import Mapping
from dataclasses import dataclass

from hptc.ir.axes.loops import Rows
from hptc.ir.axes.streams import Flow, streams
from hptc.ir.graph import Graph, Op, OperandTag, ValueKind
from hptc.ir.ops import Work, work


@dataclass(frozen=True, slots=True)
class RowFlow:
    """The operations of a step that the rows of one input axis reach, by flow."""

    axis: int
    """Of the first input, and of the other inputs of that extent there."""
    extent: int
    carried: Mapping[str, Rows]
    """The rows of those inputs."""
    flows: Mapping[Flow, Work]
    waiting: int
    """Operations that map or reduce once another operand is there whole, as in attention."""


def row_flows(graph: Graph) -> tuple[RowFlow, ...]:
    """Return the flow of the rows of every axis of the first input that has more than one."""
    batch = [value for value in graph.values if value.kind is ValueKind.BATCH]
    shape = batch[0].shape if batch else ()
    found = []
    for axis, extent in enumerate(shape):
        if extent > 1:
            alike = [v.name for v in batch if v.shape[axis : axis + 1] == (extent,)]
            found.append(_row_flow(graph, axis, extent, dict.fromkeys(alike, Rows(axis))))
    return tuple(found)


def _row_flow(graph: Graph, axis: int, extent: int, carried: Mapping[str, Rows]) -> RowFlow:
    passed = streams(graph, carried)
    reached: dict[Flow, list[Op]] = {flow: [] for flow in Flow}
    for op in graph.ops:
        if op.name in passed and op.tag is not OperandTag.FOLDED:
            reached[passed[op.name].flow].append(op)
    waiting = sum(bool(way.waits) and way.flow is not Flow.ALL for way in passed.values())
    flows = {flow: work(graph, ops) for flow, ops in reached.items()}
    return RowFlow(axis, extent, carried, flows, waiting)
