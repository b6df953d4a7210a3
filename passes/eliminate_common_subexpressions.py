"""eliminate-common-subexpressions: compute equal things of the same role once."""

from dataclasses import dataclass, replace

from hptc.ir.graph import Graph
from hptc.ir.rename import renamed_inputs, renamed_results


@dataclass(frozen=True, slots=True)
class EliminateCommonSubexpressions:
    """Merge operations of equal kind, arguments and role into the first of them.

    What referred to a merged value, gradients and updates included, refers to the first one. Two
    draws of random numbers differ in their salt, so they stay two.
    """

    name: str = "eliminate-common-subexpressions"

    def __call__(self, graph: Graph) -> Graph:
        """Return the graph without repeated operations."""
        names: dict[str, str] = {}
        first: dict[tuple[str, ...], tuple[str, ...]] = {}
        kept = []
        for original in graph.ops:
            op = renamed_inputs(original, names)
            # repr, since True, 1 and 1.0 are equal but not the same argument
            key = (op.kind, repr(op.args), repr(op.kwargs), op.role.value)
            outputs = first.setdefault(key, op.outputs)
            if outputs == op.outputs:
                kept.append(op)
            else:
                names.update(zip(op.outputs, outputs, strict=True))
        values = tuple(value for value in graph.values if value.name not in names)
        return renamed_results(replace(graph, ops=tuple(kept), values=values), names)
