"""The loop over the rows of one axis of one operand: what it slices, what becomes of its rows."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import prod

from hptc.ir.axes import contractions, movement, norms, pointwise, reductions
from hptc.ir.axes.model import CLOSED, Accumulate, Labels, Site
from hptc.ir.families import Family, family
from hptc.ir.graph import Graph, Op, Value


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows along an axis of a value, which may hold more than them: [outer, rows, unit]."""

    axis: int
    outer: int = 1
    unit: int = 1

    def count(self, value: Value) -> int:
        """Return the number of rows.

        >>> from hptc.ir.dtypes import DType
        from hptc.ir.graph import ValueKind
        >>> Rows(0, unit=3).count(Value("x", (12, 5), DType.FLOAT32, ValueKind.BATCH))
        4
        """
        return value.shape[self.axis] // (self.outer * self.unit)


@dataclass(frozen=True, slots=True)
class Loop:
    """A way to execute an operation chunk by chunk of rows.

    Arguments that repeat a shape, as those of a reshape do, have to say that of the chunk: see
    `hptc.ir.axes.shapes.resized`.
    """

    reads: tuple[Rows | None, ...]
    """How each operand, by position, is sliced; None: read whole by every chunk."""
    writes: tuple[Rows | Accumulate | None, ...]
    """What the chunks make of each output: its rows (`map`), parts of the whole (`reduce`), or the
    same, whatever the rows (an empty tensor)."""


def labels(graph: Graph, op: Op) -> Labels | None:
    """Return the letters of an operation's axes; None if every axis is `all`, or without a rule."""
    base, overload = op.kind.split(".")[1], op.kind.split(".")[-1]
    rule = _RULES.get(f"{base}.{overload}") or _RULES.get(base)
    if rule is None and family(op.kind) is Family.ELEMENTWISE:
        rule = pointwise.elementwise
    if rule is None or not op.inputs:
        return None
    site = Site(graph, op)
    found = rule(site)
    return found if found is not None and _fits(site, found) else None


def loop(graph: Graph, op: Op, position: int, rows: Rows) -> Loop | None:
    """Return the loop over the rows of one operand; None if all are needed at once (`all`).

    Args:
        graph: Where the operation stands.
        op: The operation.
        position: Which of the operands: the values among the arguments, with repetition.
        rows: The rows along an axis of that operand.
    """
    site = Site(graph, op)
    if site.kind in _RESHAPES:
        return _reshaped(site, rows)
    found = labels(graph, op)
    own = found.operands[position] if found else ""
    label = own[rows.axis : rows.axis + 1]
    if found is None or label in ("", CLOSED):
        return None
    extent = site.operands[position].shape[rows.axis]

    def sliced(own: str, value: Value) -> Rows | None:
        axis = own.find(label)
        return None if axis < 0 or value.shape[axis] != extent else replace(rows, axis=axis)

    reads = (sliced(own, value) for own, value in _paired(found.operands, site.operands))
    writes = (
        sliced(own, value) or (found.accumulate if value.numel else None)
        for own, value in _paired(found.outputs, site.outputs)
    )
    return Loop(tuple(reads), tuple(writes))


def _paired(of: tuple[str, ...], values: tuple[Value, ...]) -> list[tuple[str, Value]]:
    return list(zip(of, values, strict=True))


def _fits(site: Site, found: Labels) -> bool:
    """Say whether the labels fit the shapes, and axes of one letter are of one extent.

    Where they do not, the operation is used in a way that its rule does not know. Empty tensors
    stand for what is not there, e.g. the statistics of a batch that a norm does not take.
    """
    extents: dict[str, int] = {}
    if (len(found.operands), len(found.outputs)) != (len(site.operands), len(site.outputs)):
        return False
    pairs = _paired(found.operands + found.outputs, site.operands + site.outputs)
    for own, value in pairs:
        if own and len(own) != len(value.shape):
            return False
        for label, extent in zip(own, value.shape, strict=bool(own)):
            if value.numel and label != CLOSED and extents.setdefault(label, extent) != extent:
                return False
    return True


def _reshaped(site: Site, rows: Rows) -> Loop | None:
    """Return the loop of a reshape: the rows go where as many elements lie before and behind."""
    old, new = site.operands[0].shape, site.outputs[0].shape
    count = rows.count(site.operands[0])
    before = prod(old[: rows.axis]) * rows.outer
    for axis, extent in enumerate(new):
        outer, split = divmod(before, max(prod(new[:axis]), 1))
        unit, rest = divmod(extent, max(outer * count, 1))
        if min(count, prod(old)) > 1 and not split and unit and not rest:
            return Loop((rows,), (Rows(axis, outer, unit),))
    return None


_RESHAPES = frozenset({"reshape", "view", "view_copy", "_unsafe_view"})

_RULES: dict[str, Callable[[Site], Labels | None]] = {
    **contractions.RULES,
    **norms.RULES,
    **pointwise.RULES,
    **reductions.RULES,
    **movement.RULES,
}
