"""eliminate-dead-code: drop operations and constants that nothing kept depends on."""

from dataclasses import dataclass, replace

from hptc.ir.families import base_name
from hptc.ir.graph import Graph, Update, ValueKind
from hptc.ir.layout import layout_of


@dataclass(frozen=True, slots=True)
class EliminateDeadCode:
    """Keep what outputs, updates and gradients need.

    Model inputs and state stay even if nothing reads them: they are the interface of the step. A
    buffer that becomes a view or a copy of itself does not change: its update goes.
    """

    name: str = "eliminate-dead-code"

    def __call__(self, graph: Graph) -> Graph:
        """Return the graph without dead operations and constants."""
        updates = tuple(update for update in graph.updates if not _changes_nothing(graph, update))
        graph = replace(graph, updates=updates)
        alive = {*graph.kept, *(gradient.value for gradient in graph.gradients)}
        kept = []
        for op in reversed(graph.ops):
            if not alive.isdisjoint(op.outputs):
                kept.append(op)
                alive.update(op.inputs)
                alive.update(op.outputs)
        values = tuple(
            value
            for value in graph.values
            if value.name in alive or value.kind not in (ValueKind.COMPUTED, ValueKind.CONSTANT)
        )
        return replace(graph, ops=tuple(reversed(kept)), values=values)


def _changes_nothing(graph: Graph, update: Update) -> bool:
    """Say whether a buffer keeps its value: through copies, and views that show it as it lies."""
    if graph.by_name[update.state].kind is not ValueKind.BUFFER:
        return False
    name = update.new
    while (op := graph.producer.get(name)) is not None:
        if base_name(op.kind) in _COPIES:
            name = op.inputs[0]
            continue
        shown = layout_of(graph, name)
        if shown.root == name or shown != layout_of(graph, shown.root):
            return False
        name = shown.root
    return name == update.state


_COPIES = frozenset({"clone", "contiguous", "lift_fresh_copy"})
