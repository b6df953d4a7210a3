"""eliminate-dead-code: drop operations and constants that nothing kept depends on."""

from dataclasses import dataclass, replace

from hptc.ir.graph import Graph, ValueKind


@dataclass(frozen=True, slots=True)
class EliminateDeadCode:
    """Keep what outputs, updates and gradients need.

    Model inputs and state stay even if nothing reads them: they are the interface of the step.
    """

    name: str = "eliminate-dead-code"

    def __call__(self, graph: Graph) -> Graph:
        """Return the graph without dead operations and constants."""
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
