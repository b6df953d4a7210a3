"""tile-rows: rewrite operations as chunks of rows that follow one another."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise

from hptc.errors import UsageError
from hptc.ir.axes import Accumulate, Rows, Stream, resized
from hptc.ir.families import base_name
from hptc.ir.graph import Arg, Graph, Op, OperandTag, Ref, Residency, Value, ValueKind
from hptc.ir.layout import aliases
from hptc.ir.rename import renamed_inputs
from passes.row_cuts import row_cuts


@dataclass(frozen=True, slots=True)
class TileRows:
    """Run chunk by chunk of rows what can be (DESIGN section 7, row tiling).

    Chunks are operations of their own, that read their rows and make theirs, or add to what the
    chunks before them made. What needs all rows reads them put together. Names of values that
    leave the step, or that something reads whole, stay.
    """

    carried: Mapping[str, Rows]
    """The rows of the inputs, e.g. `{"in_0": Rows(1)}`."""
    chunks: int
    chosen: frozenset[str] | None = None
    """The operations that may be cut; None: all."""
    name: str = "tile-rows"

    def __call__(self, graph: Graph) -> Graph:
        """Return the graph in chunks, untagged and without tasks; needs residencies and tags."""
        tiled = _Tiled(graph, self)
        for op in graph.ops:
            tiled.add(op)
        return tiled.graph()


class _Tiled:
    """The operations and values so far."""

    def __init__(self, graph: Graph, plan: TileRows) -> None:
        self._source = graph
        self._cuts = row_cuts(graph, plan.carried, plan.chunks, plan.chosen)
        self._ranges = _ranges(graph, plan.carried, plan.chunks)
        self._views = _resident_views(graph)
        self._ops: list[Op] = []
        self._made: dict[str, Value] = {}
        self._parts: dict[str, tuple[Rows, list[str]]] = {}
        """Values made in chunks: their rows, and the name of each chunk."""

    def add(self, op: Op) -> None:
        """Add an operation of the source, whole or in chunks."""
        passed = self._cuts.get(op.name)
        if passed is None:
            self._join(op.inputs)
            self._emit(op, [self._source.by_name[name] for name in op.outputs])
            return
        self._join(name for name in op.inputs if self._chunks_of(name, passed) is None)
        for name, rows in zip(op.outputs, passed.outputs, strict=True):
            if isinstance(rows, Rows):
                self._parts[name] = rows, [chunk_name(name, i) for i in range(len(self._ranges))]
        for index in range(len(self._ranges)):
            self._chunk(op, passed, index)

    def graph(self) -> Graph:
        """Return the whole graph; values that leave it are put together."""
        source = self._source
        self._join([*source.kept, *(gradient.value for gradient in source.gradients)])
        inputs = [value for value in source.values if value.kind is not ValueKind.COMPUTED]
        values = (replace(value, residency=None) for value in (*inputs, *self._made.values()))
        ops = (replace(op, tag=None, task=None) for op in self._ops)
        return replace(source, values=tuple(values), ops=tuple(ops))

    def _chunks_of(self, name: str, passed: Stream) -> list[str] | None:
        """Return the chunks of an input that an operation can read as they were made."""
        rows, parts = self._parts.get(name, (None, None))
        return parts if rows is not None and passed.sliced.get(name) == rows else None

    def _join(self, names: Iterable[str]) -> None:
        """Put the chunks of values together where that is not done yet."""
        for name in names:
            if name not in self._parts or name in self._made:
                continue
            rows, parts = self._parts[name]
            maker, value = self._source.producer[name], self._source.by_name[name]
            chunks = tuple(Ref(part) for part in parts)
            joined = _like(maker, name, "aten.cat.default", (chunks, rows.axis))
            self._emit(replace(joined, name=f"{name}.rows"), [value])

    def _chunk(self, op: Op, passed: Stream, index: int) -> None:
        """Add one chunk of an operation, and what brings its operands and takes its results."""
        names = {name: self._operand(op, name, passed, index) for name in op.inputs}
        results = [
            self._result(self._source.by_name[name], rows, index)
            for name, rows in zip(op.outputs, passed.outputs, strict=True)
        ]
        chunk = replace(
            resized(renamed_inputs(op, names), results[0].shape),
            name=chunk_name(op.name, index),
            outputs=tuple(value.name for value in results),
            rows=self._ranges[index],
        )
        if passed.outputs == (Accumulate.SUM,) and index and base_name(op.kind) in _ONTO:
            self._add_product(chunk, results[0], op.outputs[0], index)
            return
        self._emit(chunk, results)
        for name, part, way in zip(op.outputs, results, passed.outputs, strict=True):
            if isinstance(way, Accumulate):
                self._accumulate(chunk, name, part, way, index)

    def _operand(self, op: Op, name: str, passed: Stream, index: int) -> str:
        """Return the name under which a chunk finds an operand.

        What lies whole is sliced; a view of what lies on every device is looked at anew, so that
        it can stand in the task of its reader.
        """
        rows = passed.sliced.get(name)
        if rows is None:
            return self._viewed(op.name, name, index)
        parts = self._chunks_of(name, passed)
        if parts is not None:
            return parts[index]
        cut = chunk_name(f"{op.name}.{name}", index)
        first, stop = (row * rows.unit for row in self._ranges[index])
        taken = _like(op, cut, "aten.slice.Tensor", (Ref(name), rows.axis, first, stop))
        whole = replace(self._source.by_name[name], name=cut, kind=ValueKind.COMPUTED)
        self._emit(replace(taken, rows=self._ranges[index]), [self._shaped(whole, rows, index)])
        return cut

    def _viewed(self, reader: str, name: str, index: int) -> str:
        maker = self._source.producer.get(name)
        if maker is None or maker.name not in self._views:
            return name
        view = replace(
            renamed_inputs(maker, {n: self._viewed(reader, n, index) for n in maker.inputs}),
            name=chunk_name(f"{reader}.{maker.name}", index),
            outputs=tuple(chunk_name(f"{reader}.{output}", index) for output in maker.outputs),
            rows=self._ranges[index],
        )
        results = zip(view.outputs, maker.outputs, strict=True)
        by_name = self._source.by_name
        self._emit(view, [replace(by_name[output], name=fresh) for fresh, output in results])
        return chunk_name(f"{reader}.{name}", index)

    def _result(self, value: Value, way: Rows | Accumulate | None, index: int) -> Value:
        """Return what one chunk makes of an output."""
        if isinstance(way, Rows):
            return self._shaped(replace(value, name=chunk_name(value.name, index)), way, index)
        if way is None:
            return value if index == 0 else replace(value, name=chunk_name(value.name, index))
        is_total = index == 0 and way is not Accumulate.MEAN
        name = self._total(value.name, 0) if is_total else chunk_name(value.name, index)
        return replace(value, name=name)

    def _shaped(self, value: Value, rows: Rows, index: int) -> Value:
        first, stop = self._ranges[index]
        shape = list(value.shape)
        shape[rows.axis] = (stop - first) * rows.unit
        return replace(value, shape=tuple(shape))

    def _total(self, output: str, index: int) -> str:
        """Return the name of what the chunks up to this one make together."""
        return output if index == len(self._ranges) - 1 else f"{output}.sum{index}"

    def _add_product(self, chunk: Op, part: Value, output: str, index: int) -> None:
        """Add a product onto the sum of those before it, in one operation."""
        total = replace(part, name=self._total(output, index))
        args = (Ref(self._total(output, index - 1)), *chunk.args)
        kind = _ONTO[base_name(chunk.kind)]
        onto = replace(chunk, kind=kind, args=args, outputs=(total.name,), accumulates=True)
        self._emit(onto, [total])

    def _accumulate(self, chunk: Op, output: str, part: Value, way: Accumulate, index: int) -> None:
        """Join the part of one chunk to those before it."""
        if way is Accumulate.MEAN:
            first, stop = self._ranges[index]
            share = (stop - first) / self._ranges[-1][1]
            name = f"{part.name}.share" if index else self._total(output, 0)
            self._emit(
                _like(chunk, name, "aten.mul.Scalar", (Ref(part.name), share)),
                [part := replace(part, name=name)],
            )
        if index:
            total = replace(part, name=self._total(output, index))
            args = (Ref(self._total(output, index - 1)), Ref(part.name))
            self._emit(
                replace(_like(chunk, total.name, _JOINS[way], args), accumulates=True), [total]
            )

    def _emit(self, op: Op, results: Iterable[Value]) -> None:
        self._ops.append(op)
        self._made.update((value.name, value) for value in results)


_ONTO = {"mm": "aten.addmm.default", "bmm": "aten.baddbmm.default"}
"""What adds a product onto a sum."""

_JOINS = {
    Accumulate.SUM: "aten.add.Tensor",
    Accumulate.MEAN: "aten.add.Tensor",
    Accumulate.MAXIMUM: "aten.maximum.default",
    Accumulate.MINIMUM: "aten.minimum.default",
}


def _ranges(graph: Graph, carried: Mapping[str, Rows], chunks: int) -> list[tuple[int, int]]:
    """Cut the rows into chunks that differ by one row at most."""
    counts = {rows.count(graph.by_name[name]) for name, rows in carried.items()}
    if len(counts) != 1 or not 1 < chunks <= min(counts):
        raise UsageError(
            "row tiling",
            expected="inputs of as many rows, and 2 chunks or more of at least one",
            found=f"{chunks} chunks of {', '.join(map(str, sorted(counts))) or 'no'} rows",
        )
    bounds = [index * min(counts) // chunks for index in range(chunks + 1)]
    return list(pairwise(bounds))


def _resident_views(graph: Graph) -> frozenset[str]:
    """Return the operations that look at what lies on every device that reads it."""
    views = aliases(graph)
    return frozenset(
        op.name
        for op in graph.ops
        if op.name in views
        and op.tag is not OperandTag.FOLDED
        and all(graph.by_name[name].residency is not Residency.TRANSIENT for name in op.inputs)
    )


def chunk_name(name: str, index: int) -> str:
    """Return the name that an operation or a value bears in one chunk."""
    return f"{name}.rows{index}"


def _like(op: Op, name: str, kind: str, args: tuple[Arg, ...]) -> Op:
    """Return an operation that serves another one."""
    return Op(name, kind, args, (name,), role=op.role, source=op.source, rows=op.rows)
