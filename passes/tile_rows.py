"""tile-rows: rewrite operations as chunks of rows that follow one another."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from hptc.ir.axes import Accumulate, Rows, Stream, resized
from hptc.ir.families import base_name
from hptc.ir.graph import Arg, Graph, Op, OperandTag, Ref, Residency, Value, ValueKind
from hptc.ir.layout import aliases
from hptc.ir.rename import renamed_inputs
from passes.row_chunks import Chunk, chunks_of, row_count
from passes.row_cuts import row_cuts


@dataclass(frozen=True, slots=True)
class TileRows:
    """Run chunk by chunk of rows what can be (DESIGN section 7, row tiling).

    Chunks are operations of their own, that read their rows and make theirs, or add to what the
    chunks before them made. What needs all rows, or cuts them in other chunks, reads them put
    together. Names of values that leave the step, or that something reads whole, stay.
    """

    carried: Mapping[str, Rows]
    """The rows of the inputs, e.g. `{"in_0": Rows(1)}`."""
    chunks: int | Mapping[str, int]
    """How many, for all operations or for each; what is not named stays whole."""
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
        chunks = plan.chunks
        self._cuts = row_cuts(graph, plan.carried, chunks)
        self._counts = dict.fromkeys(self._cuts, chunks) if isinstance(chunks, int) else chunks
        most = chunks if isinstance(chunks, int) else max(chunks.values(), default=1)
        self._extent = row_count(graph, plan.carried, most)
        self._views = aliases(graph)
        self._on_site = _resident_views(graph, self._views)
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
        chunks = chunks_of(self._extent, self._counts[op.name])
        self._join(name for name in op.inputs if self._chunks_of(name, passed, len(chunks)) is None)
        for name, rows in zip(op.outputs, passed.outputs, strict=True):
            if isinstance(rows, Rows):
                self._parts[name] = rows, [chunk.name(name) for chunk in chunks]
        for chunk in chunks:
            self._chunk(op, passed, chunk)

    def graph(self) -> Graph:
        """Return the whole graph; values that leave it are put together."""
        source = self._source
        self._join([*source.kept, *(gradient.value for gradient in source.gradients)])
        values = (replace(value, residency=None) for value in (*source.given, *self._made.values()))
        ops = (replace(op, tag=None, task=None) for op in self._ops)
        return replace(source, values=tuple(values), ops=tuple(ops))

    def _chunks_of(self, name: str, passed: Stream, count: int) -> list[str] | None:
        """Return the chunks of an input that an operation can read as they were made."""
        rows, parts = self._parts.get(name, (None, []))
        return parts if len(parts) == count and passed.sliced.get(name) == rows else None

    def _join(self, names: Iterable[str]) -> None:
        """Put the chunks of values together where that is not done yet.

        Of a view, what it looks at is put together and looked at as a whole.
        """
        for name in names:
            if name not in self._parts or name in self._made:
                continue
            rows, parts = self._parts[name]
            maker, value = self._source.producer[name], self._source.by_name[name]
            if maker.name in self._views and self._parts.keys() >= {*maker.inputs}:
                self._join(maker.inputs)
                self._emit(maker, [self._source.by_name[output] for output in maker.outputs])
                continue
            chunks = tuple(Ref(part) for part in parts)
            joined = _like(maker, name, "aten.cat.default", (chunks, rows.axis))
            self._emit(replace(joined, name=f"{name}.rows"), [value])

    def _chunk(self, op: Op, passed: Stream, chunk: Chunk) -> None:
        """Add one chunk of an operation, and what brings its operands and takes its results."""
        names = {name: self._operand(op, name, passed, chunk) for name in op.inputs}
        results = [
            self._result(self._source.by_name[name], rows, chunk)
            for name, rows in zip(op.outputs, passed.outputs, strict=True)
        ]
        part = replace(
            resized(renamed_inputs(op, names), results[0].shape),
            name=chunk.name(op.name),
            outputs=tuple(value.name for value in results),
            rows=chunk.rows,
        )
        if passed.outputs == (Accumulate.SUM,) and chunk.index and base_name(op.kind) in _ONTO:
            self._add_product(part, results[0], op.outputs[0], chunk)
            return
        self._emit(part, results)
        for name, result, way in zip(op.outputs, results, passed.outputs, strict=True):
            if isinstance(way, Accumulate):
                self._accumulate(part, name, result, way, chunk)

    def _operand(self, op: Op, name: str, passed: Stream, chunk: Chunk) -> str:
        """Return the name under which a chunk finds an operand.

        What lies whole is sliced; a view of what lies on every device is looked at anew, so that
        it can stand in the task of its reader.
        """
        rows = passed.sliced.get(name)
        if rows is None:
            return self._viewed(op.name, name, chunk)
        parts = self._chunks_of(name, passed, chunk.count)
        if parts is not None:
            return parts[chunk.index]
        cut = chunk.name(f"{op.name}.{name}")
        first, stop = (row * rows.unit for row in chunk.rows)
        taken = _like(op, cut, "aten.slice.Tensor", (Ref(name), rows.axis, first, stop))
        whole = replace(self._source.by_name[name], name=cut, kind=ValueKind.COMPUTED)
        self._emit(replace(taken, rows=chunk.rows), [_shaped(whole, rows, chunk)])
        return cut

    def _viewed(self, reader: str, name: str, chunk: Chunk) -> str:
        maker = self._source.producer.get(name)
        if maker is None or maker.name not in self._on_site:
            return name
        view = replace(
            renamed_inputs(maker, {n: self._viewed(reader, n, chunk) for n in maker.inputs}),
            name=chunk.name(f"{reader}.{maker.name}"),
            outputs=tuple(chunk.name(f"{reader}.{output}") for output in maker.outputs),
            rows=chunk.rows,
        )
        results = zip(view.outputs, maker.outputs, strict=True)
        by_name = self._source.by_name
        self._emit(view, [replace(by_name[output], name=fresh) for fresh, output in results])
        return chunk.name(f"{reader}.{name}")

    def _result(self, value: Value, way: Rows | Accumulate | None, chunk: Chunk) -> Value:
        """Return what one chunk makes of an output."""
        if isinstance(way, Rows):
            return _shaped(replace(value, name=chunk.name(value.name)), way, chunk)
        if way is None:
            return replace(value, name=chunk.name(value.name)) if chunk.index else value
        is_total = chunk.index == 0 and way is not Accumulate.MEAN
        name = _total(value.name, chunk) if is_total else chunk.name(value.name)
        return replace(value, name=name)

    def _add_product(self, part: Op, result: Value, output: str, chunk: Chunk) -> None:
        """Add a product onto the sum of those before it, in one operation."""
        total = replace(result, name=_total(output, chunk))
        args = (Ref(_subtotal(output, chunk.index - 1)), *part.args)
        kind = _ONTO[base_name(part.kind)]
        onto = replace(part, kind=kind, args=args, outputs=(total.name,), accumulates=True)
        self._emit(onto, [total])

    def _accumulate(
        self, part: Op, output: str, result: Value, way: Accumulate, chunk: Chunk
    ) -> None:
        """Join the result of one chunk to those before it."""
        if way is Accumulate.MEAN:
            name = f"{result.name}.share" if chunk.index else _total(output, chunk)
            self._emit(
                _like(part, name, "aten.mul.Scalar", (Ref(result.name), chunk.share)),
                [result := replace(result, name=name)],
            )
        if chunk.index:
            total = replace(result, name=_total(output, chunk))
            args = (Ref(_subtotal(output, chunk.index - 1)), Ref(result.name))
            self._emit(
                replace(_like(part, total.name, _JOINS[way], args), accumulates=True), [total]
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


def _shaped(value: Value, rows: Rows, chunk: Chunk) -> Value:
    first, stop = chunk.rows
    shape = list(value.shape)
    shape[rows.axis] = (stop - first) * rows.unit
    return replace(value, shape=tuple(shape))


def _total(output: str, chunk: Chunk) -> str:
    """Return the name of what the chunks up to this one make together."""
    return output if chunk.is_last else _subtotal(output, chunk.index)


def _subtotal(output: str, index: int) -> str:
    return f"{output}.sum{index}"


def _resident_views(graph: Graph, views: frozenset[str]) -> frozenset[str]:
    """Return the views of what lies on every device that reads it."""
    return frozenset(
        op.name
        for op in graph.ops
        if op.name in views
        and op.tag is not OperandTag.FOLDED
        and all(graph.by_name[name].residency is not Residency.TRANSIENT for name in op.inputs)
    )


def _like(op: Op, name: str, kind: str, args: tuple[Arg, ...]) -> Op:
    """Return an operation that serves another one."""
    return Op(name, kind, args, (name,), role=op.role, source=op.source, rows=op.rows)
