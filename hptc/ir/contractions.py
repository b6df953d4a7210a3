"""Contractions: matrix products and convolutions seen as one batched GEMM."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import prod

from hptc.errors import VerifyError
from hptc.ir.families import base_name
from hptc.ir.graph import Arg, Graph, Op, Ref

_CONVOLUTION_ARGS = 9
_CONVOLUTION_BACKWARD_ARGS = 11


@dataclass(frozen=True, slots=True)
class Contraction:
    """`batch` independent products of an m x k matrix by a k x n matrix."""

    batch: int
    m: int
    k: int
    n: int
    left: str
    """Name of the m x k operand (the activation of a layer)."""
    right: str
    """Name of the k x n operand (the weight of a layer)."""
    left_contracted: tuple[int, ...] = ()
    """Axes of the left operand that are summed over (empty: not one plain matrix)."""
    right_contracted: tuple[int, ...] = ()
    """Axes of the right operand that are summed over (empty: not one plain matrix)."""

    @property
    def macs(self) -> int:
        """Multiply-accumulates."""
        return self.batch * self.m * self.k * self.n


def contraction(graph: Graph, op: Op) -> Contraction | None:
    """Return the operation as a GEMM, or None if it is no contraction.

    Convolutions count as their im2col product; a bias gradient is a reduction.
    """
    rule = _RULES.get(base_name(op.kind))
    return rule(graph, op) if rule else None


def data_inputs(graph: Graph, op: Op) -> tuple[str, ...]:
    """Return the inputs whose elements matter.

    Gradients take operands that they look at for their shape alone.
    """
    kind = base_name(op.kind)
    if kind in _SHAPE_ALONE:
        place = _SHAPE_ALONE[kind]
        return replace(op, args=(*op.args[:place], None, *op.args[place + 1 :])).inputs
    if kind != "convolution_backward":
        return op.inputs
    found = contraction(graph, op)
    return (found.left, found.right) if found else op.inputs[:1]


_SHAPE_ALONE = {
    "native_layer_norm_backward": 6,
    "nll_loss_backward": 1,
    "nll_loss2d_backward": 1,
    **{f"{kind}_pad{n}d_backward": 1 for kind in ("reflection", "replication") for n in (1, 2, 3)},
}
"""Position of the operand whose elements do not matter: the shift of a layer norm, or the input."""


def _matrices(graph: Graph, left: str, right: str) -> Contraction:
    *batch, m, k = graph.by_name[left].shape
    n = graph.by_name[right].shape[-1]
    last = len(batch) + 1
    return Contraction(prod(batch), m, k, n, left, right, (last,), (last - 1,))


def _product(graph: Graph, op: Op) -> Contraction:
    return _matrices(graph, _name(op, 0), _name(op, 1))


def _added_product(graph: Graph, op: Op) -> Contraction:
    return _matrices(graph, _name(op, 1), _name(op, 2))


def _matrix_vector(graph: Graph, op: Op) -> Contraction:
    left, right = _name(op, 0), _name(op, 1)
    m, k = graph.by_name[left].shape
    return Contraction(1, m, k, 1, left, right, (1,), (0,))


def _dot(graph: Graph, op: Op) -> Contraction:
    left, right = _name(op, 0), _name(op, 1)
    return Contraction(1, 1, graph.by_name[left].numel, 1, left, right, (0,), (0,))


@dataclass(frozen=True, slots=True)
class _Window:
    """The sizes of a convolution that slides the weight [outer, inner / groups, *kernel].

    The outer channels sit on the coarse side: the output, or the input if transposed.
    """

    groups: int
    positions: int
    outer: int
    inner: int
    axes: tuple[int, ...]

    def gather(self, left: str, right: str) -> Contraction:
        """The fine side times the weight gives the coarse side."""
        sizes = (self.groups, self.positions, self.inner, self.outer)
        return Contraction(*sizes, left, right, (), self.axes)

    def spread(self, left: str, right: str) -> Contraction:
        """The coarse side times the weight gives the fine side."""
        sizes = (self.groups, self.positions, self.outer, self.inner)
        return Contraction(*sizes, left, right, (), (0,))

    def correlate(self, coarse: str, fine: str) -> Contraction:
        """The coarse side times the fine side gives the weight."""
        sizes = (self.groups, self.outer, self.positions, self.inner)
        return Contraction(*sizes, coarse, fine, (), ())


def _window(graph: Graph, coarse: str, weight: tuple[int, ...], groups: Arg) -> _Window:
    shape = graph.by_name[coarse].shape
    if not isinstance(groups, int):
        raise _malformed(coarse, "an integer number of groups", groups)
    outer, inner, axes = weight[0] // groups, prod(weight[1:]), tuple(range(1, len(weight)))
    return _Window(groups, shape[0] * prod(shape[2:]), outer, inner, axes)


def _convolution(graph: Graph, op: Op) -> Contraction:
    if len(op.args) != _CONVOLUTION_ARGS:
        raise _malformed(op.name, f"{_CONVOLUTION_ARGS} arguments", len(op.args))
    left, right = _name(op, 0), _name(op, 1)
    transposed, groups = op.args[6], op.args[8]
    coarse = left if transposed else op.outputs[0]
    window = _window(graph, coarse, graph.by_name[right].shape, groups)
    return window.spread(left, right) if transposed else window.gather(left, right)


def _convolution_backward(graph: Graph, op: Op) -> Contraction | None:
    if len(op.args) != _CONVOLUTION_BACKWARD_ARGS:
        raise _malformed(op.name, f"{_CONVOLUTION_BACKWARD_ARGS} arguments", len(op.args))
    gradient, data, weight = (_name(op, position) for position in range(3))
    transposed, groups, mask = op.args[7], op.args[9], op.args[10]
    coarse, fine = (data, gradient) if transposed else (gradient, data)
    window = _window(graph, coarse, graph.by_name[weight].shape, groups)
    match mask:
        case (True, False, False):
            return (window.gather if transposed else window.spread)(gradient, weight)
        case (False, True, False):
            return window.correlate(coarse, fine)
        case (False, False, True):
            return None
    raise _malformed(op.name, "exactly one True in the output mask", mask)


def _name(op: Op, position: int) -> str:
    arg = op.args[position] if position < len(op.args) else None
    if not isinstance(arg, Ref):
        raise _malformed(op.name, f"a value as argument {position}", arg)
    return arg.ref


def _malformed(where: str, expected: str, found: object) -> VerifyError:
    return VerifyError(f"contraction {where}", expected=expected, found=repr(found))


_RULES: dict[str, Callable[[Graph, Op], Contraction | None]] = {
    "mm": _product,
    "bmm": _product,
    "addmm": _added_product,
    "baddbmm": _added_product,
    "mv": _matrix_vector,
    "dot": _dot,
    "convolution": _convolution,
    "convolution_backward": _convolution_backward,
}
