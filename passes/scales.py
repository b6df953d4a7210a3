"""The search behind commute-scales: fixed matrices with trained diagonal scales, and where to."""

from collections.abc import Mapping
from dataclasses import dataclass

from hptc.ir.axes import Rows, labels, loop
from hptc.ir.families import Family, base_name, family
from hptc.ir.graph import Arg, Graph, Op, Ref, Residency
from hptc.ir.layout import layout_of

SCALINGS = frozenset({"aten.mul.Tensor", "aten.div.Tensor"})
_PLAIN = frozenset({"mm", "bmm", "mv"})
_CONVOLUTION_MASK = (True, False, False)
_CHANNELS = 1
"""Axis of the channels in activations."""


@dataclass(frozen=True, slots=True)
class Scale:
    """A trained scale of a matrix."""

    kind: str
    """`aten.mul.Tensor`, or `aten.div.Tensor` where the matrix is divided."""
    value: str
    own_axis: int | None
    """The axis of the scale along which it varies; None: it is one number."""
    axis: int | None
    """That axis, as the contraction sees the matrix."""


@dataclass(frozen=True, slots=True)
class Scaled:
    """A fixed matrix, and what lies between it and the contraction that reads it."""

    root: str
    views: tuple[Op, ...]
    """From the root to the contraction."""
    scales: tuple[Scale, ...]


@dataclass(frozen=True, slots=True)
class Side:
    """A matrix operand of a contraction, by position of the argument."""

    matrix: int
    other: int

    def names(self, op: Op) -> tuple[str, str]:
        """Return the matrix and the other operand."""
        return _ref(op.args[self.matrix]), _ref(op.args[self.other])


def sides(op: Op) -> tuple[Side, ...]:
    """Return the operands of a contraction from which scales can be moved."""
    match base_name(op.kind):
        case name if name in _PLAIN:
            return (Side(1, 0), Side(0, 1))
        case "convolution":
            return (Side(1, 0),)
        case "convolution_backward" if op.args[10] == _CONVOLUTION_MASK:
            return (Side(2, 0),)
    return ()


def destination(graph: Graph, op: Op, side: Side, axis: int | None) -> tuple[bool, int] | None:
    """Return where a scale along an axis of the matrix may go.

    Returns:
        Whether it goes to the result (else to the other operand), and the axis there. None where
        the contraction does not commute with it.
    """
    if axis is None:
        return True, 0
    if base_name(op.kind) not in _PLAIN:
        return _channel(op, axis)
    found = labels(graph, op)
    if found is None:
        return None
    label = found.operands[side.matrix][axis]
    for is_result, own in ((True, found.outputs[0]), (False, found.operands[side.other])):
        if label in own:
            return is_result, own.index(label)
    return None


def _channel(op: Op, axis: int) -> tuple[bool, int] | None:
    """Return where a scale of the channels of a kernel [outer, inner / groups, ...] may go."""
    backward = base_name(op.kind) == "convolution_backward"
    transposed, groups = (op.args[7], op.args[9]) if backward else (op.args[6], op.args[8])
    if axis > 1 or (axis == 1 and groups != 1):
        return None
    outer_is_result = bool(transposed) == backward
    return outer_is_result == (axis == 0), _CHANNELS


def scaled(graph: Graph, name: str, residency: Mapping[str, Residency]) -> Scaled | None:
    """Return the fixed matrix behind a value that is not fixed; None if it is not scales alone."""
    views: list[Op] = []
    scales: list[Scale] = []
    while not residency[name].is_fixed:
        op = graph.producer.get(name)
        if op is None or residency[name] is Residency.TRANSIENT:
            return None
        if op.kind in SCALINGS:
            found = _scale(graph, op, views, residency)
            if found is None:
                return None
            name, scale = found
            scales.append(scale)
        elif family(op.kind) is Family.VIEW and len(op.outputs) == len(op.inputs) == 1:
            views.append(op)
            name = op.inputs[0]
        else:
            return None
    return Scaled(name, tuple(reversed(views)), tuple(reversed(scales))) if scales else None


def _scale(
    graph: Graph, op: Op, views: list[Op], residency: Mapping[str, Residency]
) -> tuple[str, Scale] | None:
    """Return the matrix that an operation scales along one axis at most, and the scale."""
    for matrix, factor in ((0, 1), (1, 0))[: 1 if op.kind == "aten.div.Tensor" else 2]:
        of, by = op.args[matrix], op.args[factor]
        if not (isinstance(of, Ref) and isinstance(by, Ref)) or of == by or op.kwargs:
            continue
        result, value, scale = (graph.by_name[n] for n in (op.outputs[0], of.ref, by.ref))
        moves = residency[scale.name] is Residency.TRAINABLE
        alike = (value.shape, value.dtype, scale.dtype) == (
            result.shape,
            result.dtype,
            result.dtype,
        )
        varied = _varied(graph, scale.name)
        if not moves or not alike or len(varied) > 1 or not value.numel:
            continue
        if not varied:
            return of.ref, Scale(op.kind, by.ref, None, None)
        axis = _followed(graph, views, varied[0] + len(value.shape) - len(scale.shape))
        if axis is not None:
            return of.ref, Scale(op.kind, by.ref, varied[0], axis)
    return None


def _varied(graph: Graph, name: str) -> list[int]:
    """Return the axes along which a value may differ: neither of one element nor expanded."""
    layout = layout_of(graph, name)
    pairs = zip(layout.shape, layout.strides, strict=True)
    return [axis for axis, (extent, stride) in enumerate(pairs) if extent > 1 and stride]


def _followed(graph: Graph, views: list[Op], axis: int) -> int | None:
    """Return where an axis is after views (the last first); None if one cuts or merges it."""
    rows = Rows(axis)
    for view in reversed(views):
        way = loop(graph, view, 0, rows)
        shown = way.writes[0] if way is not None else None
        if not isinstance(shown, Rows) or (shown.outer, shown.unit) != (1, 1):
            return None
        rows = shown
    return rows.axis


def aligned(rank: int, axis: int, extent: int) -> tuple[int, ...]:
    """Return the shape in which a vector is broadcast along one axis of a tensor.

    >>> aligned(4, 1, 8)
    (8, 1, 1)
    """
    return (extent,) + (1,) * (rank - axis - 1)


def _ref(arg: Arg) -> str:
    return arg.ref if isinstance(arg, Ref) else ""
