"""sink-views: move views next to their readers, so that only stored values cross tasks."""

from dataclasses import dataclass, replace
from itertools import count

from hptc.ir.graph import Graph, Op, Value
from hptc.ir.layout import aliases
from hptc.ir.rename import renamed_inputs


@dataclass(frozen=True, slots=True)
class SinkViews:
    """Give each operation that computes its own copy of the views it reads.

    The first reader gets the view itself, further ones get copies `NAME^2`, `NAME^3`, …; all take
    the role of their reader. A view that is an output, a gradient or new state stays where it is,
    and its readers get copies. Views that nothing reads disappear.
    """

    name: str = "sink-views"

    def __call__(self, graph: Graph) -> Graph:
        """Return the graph with its views sunk."""
        sinking = _Sinking(graph, aliases(graph))
        for op in graph.ops:
            sinking.place(op)
        return replace(
            graph, ops=tuple(sinking.ops), values=(*graph.given, *sinking.computed.values())
        )


class _Sinking:
    """The new operations, and the names already taken."""

    def __init__(self, graph: Graph, views: frozenset[str]) -> None:
        self._graph = graph
        self._views = views
        self._kept = graph.kept | {gradient.value for gradient in graph.gradients}
        self._taken = set(graph.by_name) | set(graph.op_by_name)
        self._placed: set[str] = set()
        self._copies = {name: count(2) for name in views}
        self.ops: list[Op] = []
        self.computed: dict[str, Value] = {}

    def place(self, op: Op) -> None:
        """Append an operation after its views; leave out a view that is not kept."""
        if op.name in self._views:
            if self._kept.isdisjoint(op.outputs):
                return
            self._placed.add(op.name)
        self._append(self._reading_copies(op, op, {}), op.outputs)

    def _reading_copies(self, op: Op, reader: Op, done: dict[str, str]) -> Op:
        """Place the views that `op` reads, for `reader`; return `op` reading them."""
        for name in op.inputs:
            view = self._graph.producer.get(name)
            if name in done or view is None or view.name not in self._views:
                continue
            source = self._reading_copies(view, reader, done)
            copy = replace(self._fresh(source), role=reader.role)
            self._append(copy, view.outputs)
            done.update(zip(view.outputs, copy.outputs, strict=True))
        return renamed_inputs(op, done)

    def _fresh(self, view: Op) -> Op:
        """Return the view itself for its first reader, else a copy under names not taken."""
        if view.name not in self._placed and self._kept.isdisjoint(view.outputs):
            self._placed.add(view.name)
            return view
        copies = (
            replace(
                view,
                name=f"{view.name}^{number}",
                outputs=tuple(f"{output}^{number}" for output in view.outputs),
            )
            for number in self._copies[view.name]
        )
        copy = next(op for op in copies if self._taken.isdisjoint((op.name, *op.outputs)))
        self._taken.update((copy.name, *copy.outputs))
        return copy

    def _append(self, op: Op, originals: tuple[str, ...]) -> None:
        self.ops.append(op)
        for name, original in zip(op.outputs, originals, strict=True):
            self.computed[name] = replace(self._graph.by_name[original], name=name)
