"""commute-scales: move trained diagonal scales out of contractions, so that matrices stay fixed."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import count

from hptc.ir.graph import Arg, Graph, Op, Ref, Residency, Value, ValueKind
from hptc.ir.tags import residencies
from passes.scales import Scale, Scaled, Side, aligned, destination, scaled, sides

_BIAS = 2
"""Position of the bias of a convolution."""


@dataclass(frozen=True, slots=True)
class CommuteScales:
    """Move trained diagonal scales of fixed matrices to the data that meets them.

    x (W d) becomes (x W) d where d varies along an axis of the result, (x d) W where it varies
    along the contracted one. What else reads W d is left; without other readers it is dead.
    """

    name: str = "commute-scales"

    def __call__(self, graph: Graph) -> Graph:
        """Return the graph with scales outside contractions."""
        moving = _Moving(graph)
        for op in graph.ops:
            moving.place(op)
        return replace(graph, ops=tuple(moving.ops), values=(*graph.given, *moving.computed))


@dataclass(frozen=True, slots=True)
class _Move:
    scale: Scale
    to_result: bool
    axis: int


class _Moving:
    """The new operations and their results."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._residency = residencies(graph)
        self._taken = set(graph.by_name) | set(graph.op_by_name)
        self.ops: list[Op] = []
        self.computed: list[Value] = []

    def place(self, op: Op) -> None:
        """Append an operation, rewritten if its matrix carries scales that commute."""
        for side in sides(op):
            matrix, other = side.names(op)
            if self._residency[other] is not Residency.TRANSIENT:
                continue
            found = scaled(self._graph, matrix, self._residency)
            moves = () if found is None else self._moves(op, side, found)
            if found is not None and moves:
                self._rewrite(op, side, found.root, found.views, moves)
                return
        self._append(op, [self._graph.by_name[name] for name in op.outputs])

    def _moves(self, op: Op, side: Side, found: Scaled) -> tuple[_Move, ...]:
        """Return where each scale goes; empty if one of them cannot be moved."""
        ways = [destination(self._graph, op, side, scale.axis) for scale in found.scales]
        pairs = zip(found.scales, ways, strict=True)
        return () if None in ways else tuple(_Move(scale, *way) for scale, way in pairs if way)

    def _rewrite(
        self, op: Op, side: Side, root: str, views: Sequence[Op], moves: Sequence[_Move]
    ) -> None:
        """Scale the other operand, contract with the plain matrix, scale the result."""
        _, other = side.names(op)
        data, result = self._graph.by_name[other], self._graph.by_name[op.outputs[0]]
        matrix = self._graph.by_name[root]
        for view in views:
            shown = self._graph.by_name[view.outputs[0]]
            matrix = self._add(op, view.kind, (Ref(matrix.name), *view.args[1:]), shown)
        for move in moves:
            if not move.to_result:
                by = self._factor(op, move.scale, len(data.shape), move.axis)
                data = self._add(op, move.scale.kind, (Ref(data.name), Ref(by.name)), data)
        args = list(op.args)
        args[side.matrix], args[side.other] = Ref(matrix.name), Ref(data.name)
        last = [move for move in moves if move.to_result]
        bias = args[_BIAS] if last and op.kind == "aten.convolution.default" else None
        if isinstance(bias, Ref):
            args[_BIAS] = None
        rank = len(result.shape)
        steps = [(move.scale.kind, self._factor(op, move.scale, rank, move.axis)) for move in last]
        if isinstance(bias, Ref):
            by = self._vector(op, self._graph.by_name[bias.ref], 0, rank, 1)
            steps.append(("aten.add.Tensor", by))
        self._finish(replace(op, args=tuple(args)), steps, result)

    def _finish(self, op: Op, steps: Sequence[tuple[str, Value]], result: Value) -> None:
        """Append an operation and what is done with its result; the last has the result's name."""
        for kind, by in steps:
            value = self._add(op, op.kind, op.args, result, op.kwargs)
            op = replace(op, kind=kind, args=(Ref(value.name), Ref(by.name)), kwargs=())
        self._append(op, [result])

    def _factor(self, op: Op, scale: Scale, rank: int, axis: int) -> Value:
        return self._vector(op, self._graph.by_name[scale.value], scale.own_axis, rank, axis)

    def _vector(self, op: Op, value: Value, own: int | None, rank: int, axis: int) -> Value:
        """Return a value that varies along one axis at most, shaped to scale along another."""
        extents = enumerate(value.shape)
        for place, _ in [(a, n) for a, n in extents if n > 1 and a != own]:
            shape = (*value.shape[:place], 1, *value.shape[place + 1 :])
            cut = replace(value, shape=shape)
            value = self._add(op, "aten.slice.Tensor", (Ref(value.name), place, 0, 1), cut)
        shape = () if own is None else aligned(rank, axis, value.shape[own])
        if value.shape == shape:
            return value
        shaped = replace(value, shape=shape)
        return self._add(op, "aten.reshape.default", (Ref(value.name), shape), shaped)

    def _add(
        self,
        op: Op,
        kind: str,
        args: tuple[Arg, ...],
        like: Value,
        kwargs: tuple[tuple[str, Arg], ...] = (),
    ) -> Value:
        """Append an operation on behalf of another; return its result, of a new name."""
        names = (f"{op.name}.{number}" for number in count(1))
        name = next(name for name in names if name not in self._taken)
        self._taken.add(name)
        made = replace(like, name=name, kind=ValueKind.COMPUTED, residency=None)
        self._append(
            replace(op, name=name, kind=kind, args=args, kwargs=kwargs, outputs=(name,)), [made]
        )
        return made

    def _append(self, op: Op, results: Sequence[Value]) -> None:
        self.ops.append(op)
        self.computed.extend(results)
