"""assign-roles: tell weight gradients from input gradients."""

from dataclasses import dataclass, replace

from hptc.ir.contractions import contraction
from hptc.ir.families import Family, base_name, family
from hptc.ir.graph import Graph, Op, Residency, Role
from hptc.ir.tags import residencies

_BACKWARD = frozenset({Role.INPUT_GRADIENT, Role.WEIGHT_GRADIENT})

_SUMS = frozenset(
    {
        "_to_copy",
        "add",
        "as_strided_scatter",
        "cat",
        "clone",
        "constant_pad_nd",
        "convert_element_type",
        "copy",
        "diagonal_scatter",
        "mean",
        "neg",
        "select_backward",
        "select_scatter",
        "slice_backward",
        "slice_scatter",
        "stack",
        "sub",
        "sum",
    }
)
"""Linear in all their inputs together: they may add up several parts of one gradient."""

_SCALES = frozenset({"div", "masked_fill", "mul", "where"})
"""Linear in one input as long as the others do not depend on the batch."""


@dataclass(frozen=True, slots=True)
class AssignRoles:
    """Give the role weight-gradient to backward operations that only make parameter gradients.

    Such an operation computes a parameter gradient, or a part of one that reaches it through
    views, sums, scales without batch data and fixed matrices. A product with a fixed or trained
    matrix is one only if its result is the gradient itself: otherwise it hands a gradient on to
    the layer below, as does an operation of several results if one of them goes on (the gradients
    of a norm, its scale and its shift are one operation). A view takes the role of what reads it.
    """

    name: str = "assign-roles"

    def __call__(self, graph: Graph) -> Graph:
        """Return the graph with refined roles."""
        found = _Roles(graph)
        for op in reversed(graph.ops):
            if op.role in _BACKWARD:
                found.assign(op)
        ops = (replace(op, role=found.role.get(op.name, op.role)) for op in graph.ops)
        return replace(graph, ops=tuple(ops))


class _Roles:
    """Roles of backward operations, found from the last to the first."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._residency = residencies(graph)
        self._gradients = {gradient.value for gradient in graph.gradients}
        self._carriers: set[str] = set()
        self.role: dict[str, Role] = {}

    def assign(self, op: Op) -> None:
        """Settle one operation whose readers are settled."""
        is_view = family(op.kind) is Family.VIEW
        makes_gradient = self._makes_gradient(op)
        if makes_gradient and self._carries(op):
            self._carriers.add(op.name)
            if is_view and not self._gradients.isdisjoint(op.outputs):
                self._gradients.update(op.inputs)
        readers = [reader for name in op.outputs for reader in self._graph.readers[name]]
        follows = is_view and bool(readers)
        follows &= all(self.role.get(r.name) is Role.WEIGHT_GRADIENT for r in readers)
        is_weight = makes_gradient or follows
        self.role[op.name] = Role.WEIGHT_GRADIENT if is_weight else Role.INPUT_GRADIENT

    def _makes_gradient(self, op: Op) -> bool:
        used = [name for name in op.outputs if name in self._gradients or self._graph.readers[name]]
        readers = [reader for name in used for reader in self._graph.readers[name]]
        if not used or not all(self._leads_to_gradient(reader) for reader in readers):
            return False
        return not self._reads_matrix(op) or self._gradients.issuperset(used)

    def _leads_to_gradient(self, reader: Op) -> bool:
        return reader.role is Role.OPTIMIZER or reader.name in self._carriers

    def _reads_matrix(self, op: Op) -> bool:
        product = contraction(self._graph, op)
        return product is not None and any(
            self._residency[name] is not Residency.TRANSIENT
            for name in (product.left, product.right)
        )

    def _carries(self, op: Op) -> bool:
        """Say whether the operation adds nothing to a gradient but its own parts."""
        moving = [name for name in op.inputs if not self._residency[name].is_fixed]
        kind = base_name(op.kind)
        if family(op.kind) is Family.VIEW or kind in _SUMS:
            makers = (self._graph.producer.get(name) for name in moving)
            return all(maker is not None and maker.role in _BACKWARD for maker in makers)
        if kind in _SCALES:
            return sum(self._residency[name] is Residency.TRANSIENT for name in moving) <= 1
        return len(moving) <= 1 and contraction(self._graph, op) is not None
