"""The rows that softmax, norms and sums by index work through, each as a whole."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import prod

from hptc.ir.arguments import Arguments
from hptc.ir.families import base_name
from hptc.ir.graph import Graph, Op


@dataclass(frozen=True, slots=True)
class Rows:
    """`count` rows of `length` elements of `item_bytes` bytes."""

    count: int
    length: int
    item_bytes: int

    @property
    def bytes(self) -> int:
        """Of all rows."""
        return self.count * self.length * self.item_bytes


def rows(graph: Graph, op: Op) -> Rows | None:
    """Return the rows of an operation, None if it does not work by rows.

    A row is what one softmax, one norm or one index spans: the elements along the softmax's axis,
    of a normalised shape, of a channel (batch norm) or a group of channels, and what is added to
    the place of one index (the gradient of an embedding).
    """
    if base_name(op.kind) in _BY_INDEX:
        return _added(graph, op)
    length_of = _LENGTHS.get(base_name(op.kind))
    if length_of is None or not op.inputs:
        return None
    data = graph.by_name[op.inputs[0]]
    length = length_of(data.shape, Arguments(op))
    return Rows(data.numel // length if length else 0, length, data.dtype.bytes)


_BY_INDEX = frozenset({"index_put", "_unsafe_index_put"})


def _added(graph: Graph, op: Op) -> Rows | None:
    """Return what is added, index by index; None if values are put and not added."""
    if not Arguments(op).get(3, "accumulate"):
        return None
    indices, values = (graph.by_name[name] for name in op.inputs[-2:])
    length = values.numel // indices.numel if indices.numel else 0
    return Rows(indices.numel if length else 0, length, values.dtype.bytes)


_Length = Callable[[tuple[int, ...], Arguments], int]


def _along(position: int) -> _Length:
    """Length of the axis that the argument `dim` names."""
    return lambda shape, args: shape[args.axis(position, "dim", len(shape), -1)] if shape else 1


def _normalised(position: int) -> _Length:
    """Elements of the argument `normalized_shape`."""
    return lambda _, args: prod(args.integers(position, "normalized_shape"))


def _grouped(position: int) -> _Length:
    """Elements of a group of channels."""
    return lambda shape, args: prod(shape[1:]) // args.integer(position, "group", 1)


def _of_channel(shape: tuple[int, ...], _: Arguments) -> int:
    """Elements of a channel, over all samples."""
    return shape[0] * prod(shape[2:])


def _last(shape: tuple[int, ...], _: Arguments) -> int:
    """Elements of a looked-up vector."""
    return shape[-1] if shape else 1


_BATCH_NORMS = """
    _native_batch_norm_legit _native_batch_norm_legit_functional batch_norm_backward
    native_batch_norm native_batch_norm_backward
"""
"""Without `_native_batch_norm_legit_no_training`, whose statistics are given."""

_LENGTHS: Mapping[str, _Length] = {
    **dict.fromkeys(("_softmax", "_log_softmax", "_safe_softmax"), _along(1)),
    **dict.fromkeys(("_softmax_backward_data", "_log_softmax_backward_data"), _along(2)),
    **dict.fromkeys(("native_layer_norm", "_fused_rms_norm"), _normalised(1)),
    **dict.fromkeys(("native_layer_norm_backward", "_fused_rms_norm_backward"), _normalised(2)),
    "native_group_norm": _grouped(6),
    "native_group_norm_backward": _grouped(8),
    **dict.fromkeys(_BATCH_NORMS.split(), _of_channel),
    "embedding_dense_backward": _last,
}
