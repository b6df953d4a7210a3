"""tag-residency: write down how long each value stays fixed during the phase."""

from dataclasses import dataclass, replace

from hptc.ir.graph import Graph
from hptc.ir.once import retagged
from hptc.ir.tags import residencies


@dataclass(frozen=True, slots=True)
class TagResidency:
    """Set the residency of every value by data flow (`hptc.ir.tags`)."""

    name: str = "tag-residency"

    def __call__(self, graph: Graph) -> Graph:
        """Return the graph with residencies."""
        found = residencies(graph)
        values = (replace(value, residency=found[value.name]) for value in graph.values)
        return retagged(graph, values=values, ops=graph.ops)
