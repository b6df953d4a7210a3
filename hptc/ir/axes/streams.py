"""How the rows of some values pass an operation, and a whole step."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from hptc.ir.axes.loops import Loop, Rows, loop
from hptc.ir.axes.model import Accumulate, Site
from hptc.ir.graph import Graph, Op


class Flow(Enum):
    """How an operation treats the rows that reach it; listed from best to worst for tiling."""

    MAP = "map"
    """A chunk of rows in, the same rows out."""
    REDUCE = "reduce"
    """Chunks accumulate; what they make up is released after the last."""
    ALL = "all"
    """Every row is needed at once."""


_ORDER = {flow: place for place, flow in enumerate(Flow)}


@dataclass(frozen=True, slots=True)
class Stream:
    """How chunks of rows pass one operation."""

    flow: Flow
    sliced: Mapping[str, Rows]
    """Values of which a chunk reads its own rows."""
    waits: tuple[str, ...]
    """Values that carry the rows, but are needed whole before the first chunk, as K and V are."""
    outputs: tuple[Rows | Accumulate | None, ...]
    """The rows of each output, or how its chunks accumulate; None: released whole."""


def stream(graph: Graph, op: Op, carried: Mapping[str, Rows]) -> Stream:
    """Return how an operation passes on the rows that some values carry.

    Where its operands carry them along axes that do not go together, the best way is taken in
    which one streams and others are waited for: Q maps if K is there.

    Args:
        graph: Where the operation stands.
        op: The operation; at least one operand carries rows.
        carried: The rows of values, by name; other values are there as a whole.
    """
    names = [value.name for value in Site(graph, op).operands]
    carriers = [position for position, name in enumerate(names) if name in carried]
    loops = (loop(graph, op, position, carried[names[position]]) for position in carriers)
    ways = [_way(names, found, carried) for found in loops if found is not None]
    whole = Stream(Flow.ALL, {}, tuple(dict.fromkeys(names[p] for p in carriers)), ())
    return min(ways, key=lambda way: (_ORDER[way.flow], len(way.waits)), default=whole)


def streams(graph: Graph, carried: Mapping[str, Rows]) -> dict[str, Stream]:
    """Return how rows pass every operation they reach, by its name.

    Args:
        graph: A step graph.
        carried: The rows of its inputs, e.g. `{"in_0": Rows(0)}` for samples or stations.
    """
    found: dict[str, Stream] = {}
    reached = dict(carried)
    for op in graph.ops:
        if reached.keys().isdisjoint(op.inputs):
            continue
        passed = found[op.name] = stream(graph, op, reached)
        for name, rows in zip(op.outputs, passed.outputs, strict=False):
            if isinstance(rows, Rows):
                reached[name] = rows
    return found


def _way(names: list[str], found: Loop, carried: Mapping[str, Rows]) -> Stream:
    pairs = list(zip(names, found.reads, strict=True))
    waits = (name for name, rows in pairs if name in carried and carried[name] != rows)
    sliced = {name: rows for name, rows in pairs if rows is not None}
    reduces = any(isinstance(rows, Accumulate) for rows in found.writes)
    flow = Flow.REDUCE if reduces else Flow.MAP
    return Stream(flow, sliced, tuple(dict.fromkeys(waits)), found.writes)
