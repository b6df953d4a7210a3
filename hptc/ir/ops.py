"""What an operation does, in numbers: family, GEMM sizes, arithmetic and memory traffic."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from hptc.ir.contractions import contraction, data_inputs
from hptc.ir.families import Family, base_name, family
from hptc.ir.graph import Graph, Op
from hptc.ir.layout import layout_of, moves_nothing
from hptc.ir.once import once


@dataclass(frozen=True, slots=True)
class Work:
    """Operations, counted, and what they do together."""

    ops: int = 0
    macs: int = 0
    """Multiply-accumulates of contractions."""
    flops: int = 0
    """Arithmetic operations, two per MAC."""
    bytes: int = 0
    """Bytes read from and written to memory, operation by operation."""

    def __add__(self, other: "Work") -> "Work":
        """Return the work of both."""
        return Work(
            self.ops + other.ops,
            self.macs + other.macs,
            self.flops + other.flops,
            self.bytes + other.bytes,
        )


@dataclass(frozen=True, slots=True)
class Moved:
    """Bytes of one operand, and the value that owns their storage."""

    root: str
    bytes: int


def work(graph: Graph, ops: Iterable[Op]) -> Work:
    """Return what operations of a graph do together, counted from shapes."""
    each = _work_of_each(graph)
    return sum((each[op.name] for op in ops), Work())


@once
def _work_of_each(graph: Graph) -> Mapping[str, Work]:
    return {
        op.name: Work(
            1, macs(graph, op), flops(graph, op), bytes_read(graph, op) + bytes_written(graph, op)
        )
        for op in graph.ops
    }


def macs(graph: Graph, op: Op) -> int:
    """Return the multiply-accumulates of a contraction, 0 for any other operation."""
    found = contraction(graph, op)
    return found.macs if found else 0


def flops(graph: Graph, op: Op) -> int:
    """Return the arithmetic operations: two per MAC, else a count per element touched."""
    found = contraction(graph, op)
    if found:
        return 2 * found.macs
    group = family(op.kind)
    return _work(graph, op, group) * _FLOPS.get(base_name(op.kind), _FAMILY_FLOPS[group])


def bytes_read(graph: Graph, op: Op) -> int:
    """Return the bytes read; views and joins read none, an expanded input counts once."""
    return sum(moved.bytes for moved in reads(graph, op))


def reads(graph: Graph, op: Op) -> tuple[Moved, ...]:
    """Return what is read from memory, operand by operand."""
    group = family(op.kind)
    if group is Family.CREATE or moves_nothing(graph, op):
        return ()
    stored = tuple(_stored(graph, name) for name in data_inputs(graph, op))
    if group is Family.GATHER:  # of the table, only what is looked up
        return (Moved(stored[0].root, bytes_written(graph, op)), *stored[1:])
    return stored


def bytes_written(graph: Graph, op: Op) -> int:
    """Return the bytes written to memory; a view or a join writes none."""
    if moves_nothing(graph, op):
        return 0
    return sum(graph.by_name[name].bytes for name in op.outputs)


def _stored(graph: Graph, name: str) -> Moved:
    layout = layout_of(graph, name)
    return Moved(layout.root, layout.distinct * graph.by_name[name].dtype.bytes)


def _work(graph: Graph, op: Op, group: Family) -> int:
    """Elements the operation computes on."""
    if group is Family.SCATTER:
        name = op.inputs[0] if base_name(op.kind) in _SPREADS_FIRST else op.inputs[-1]
        return graph.by_name[name].numel
    touched = op.outputs if group is Family.ELEMENTWISE else (*op.inputs, *op.outputs)
    return max((graph.by_name[name].numel for name in touched), default=0)


_SPREADS_FIRST = frozenset({"embedding_dense_backward", "col2im", "unfold_backward"})
"""Scatters whose first argument is what they add up; the others take it last."""

_FAMILY_FLOPS = {
    Family.CONTRACTION: 1,  # only the bias gradient of a convolution is left: a sum
    Family.ELEMENTWISE: 1,
    Family.REDUCTION: 1,
    Family.SOFTMAX: 5,  # maximum, subtract, exponential, sum, divide
    Family.NORM: 8,  # mean 1, variance 3, normalise 2, scale and shift 2
    Family.GATHER: 0,
    Family.SCATTER: 0,
    Family.COPY: 0,
    Family.VIEW: 0,
    Family.CREATE: 0,
}

_FLOPS = {
    "_log_softmax_backward_data": 4,  # sum, exponential, multiply, subtract
    "_softmax_backward_data": 4,  # multiply, sum, subtract, multiply
    "native_layer_norm_backward": 14,  # normalise 2, five products or sums of dx, dgamma, dbeta
    "native_group_norm_backward": 14,
    "native_batch_norm_backward": 14,
    "batch_norm_backward": 14,
    "var": 3,
    "var_mean": 4,
    "std": 3,
    "std_mean": 4,
    "embedding_dense_backward": 1,
    "scatter_add": 1,
    "scatter_reduce": 1,
    "index_add": 1,
    "col2im": 1,
    "unfold_backward": 1,
    "addcmul": 3,
    "addcdiv": 3,
    "lerp": 3,
    "sigmoid": 3,  # exponential, add, reciprocal
    "sigmoid_backward": 3,
    "silu": 4,
    "silu_backward": 7,
    "uniform": 12,  # ten rounds of Philox yield eight numbers: shuffles, then a product
    "normal": 40,  # two words of Philox, logarithm, root, cosine
    "tanh": 5,  # two exponentials, add, subtract, divide
    "tanh_backward": 3,
    "gelu": 8,  # scale, error function or cubic and tanh, add, two products
    "gelu_backward": 14,
    "elu_backward": 4,
    "glu": 4,  # sigmoid, product
    "glu_backward": 4,
    "hardsigmoid": 4,  # shift, two bounds, scale
    "hardsigmoid_backward": 3,
    "hardswish": 5,
    "hardswish_backward": 5,
    "hardtanh_backward": 3,
    "leaky_relu_backward": 2,
    "log_sigmoid_forward": 5,  # magnitude, exponential, logarithm, minimum, subtract
    "log_sigmoid_backward": 6,
    "mish": 10,  # softplus, tanh, product
    "mish_backward": 17,
    "softplus": 5,  # two scales, exponential, logarithm, compare
    "softplus_backward": 6,
    "softshrink": 3,
}
