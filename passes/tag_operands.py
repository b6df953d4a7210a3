"""tag-operands: write down what may change about the operands of each operation."""

from dataclasses import dataclass, replace

from hptc.errors import UsageError
from hptc.ir.graph import Graph
from hptc.ir.once import retagged
from hptc.ir.tags import operand_tag, written


@dataclass(frozen=True, slots=True)
class TagOperands:
    """Set the operand tag of every operation from the residencies of its operands."""

    name: str = "tag-operands"

    def __call__(self, graph: Graph) -> Graph:
        """Return the graph with operand tags.

        Raises:
            UsageError: A value has no residency.
        """
        residency = {value.name: value.residency for value in graph.values if value.residency}
        for value in graph.values:
            if value.residency is None:
                raise UsageError(
                    f"value {value.name}",
                    expected="a residency",
                    found="none",
                    hint="Run the pass tag-residency first.",
                )
        updates = written(graph)
        ops = (replace(op, tag=operand_tag(graph, op, residency, updates)) for op in graph.ops)
        return retagged(graph, values=graph.values, ops=ops)
