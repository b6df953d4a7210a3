"""Which kernels an operation of a graph becomes on a GPU, and what they move."""

from collections.abc import Callable, Mapping, Sequence

from cost_models.gpu_streams import (
    Chip,
    Traffic,
    embedding_backward,
    gathered,
    log_softmax_backward,
    norm,
    norm_backward,
    softmax,
    softmax_backward,
    streamed,
)
from cost_models.work import OpWork
from hptc.ir.families import Family, base_name
from hptc.ir.rows import Rows


def traffic_of(group: Sequence[OpWork], chip: Chip) -> Traffic:
    """Return the traffic of operations that share a kernel, or of one that takes several.

    Matrix products are priced elsewhere; here they would count as one pass over their operands.
    """
    first = group[0]
    if len(group) == 1 and first.rows is not None:
        kind = base_name(first.op.kind)
        if kind == "embedding_dense_backward":
            return embedding_backward(first.rows, first.bytes_written, chip)
        by_rows = _GRADIENTS.get(kind) or _FORWARD.get(first.family)
        if by_rows is not None:
            return by_rows(first.rows, chip)
    moved = moved_bytes(group)
    return gathered(moved, chip) if first.family is Family.GATHER else streamed(moved, chip)


_ByRows = Callable[[Rows, Chip], Traffic]
_FORWARD: Mapping[Family, _ByRows] = {Family.SOFTMAX: softmax, Family.NORM: norm}
_GRADIENTS: Mapping[str, _ByRows] = {
    "_softmax_backward_data": softmax_backward,
    "_log_softmax_backward_data": log_softmax_backward,
    "_fused_rms_norm_backward": norm_backward,
    "batch_norm_backward": norm_backward,
    "native_batch_norm_backward": norm_backward,
    "native_group_norm_backward": norm_backward,
    "native_layer_norm_backward": norm_backward,
}


def moved_bytes(group: Sequence[OpWork]) -> int:
    """Bytes between memory and one kernel.

    Inside a fused kernel, values made by an earlier operation of the task and values that stay in
    it do not move; the first operation's inputs and the last one's outputs always do.
    """
    if len(group) == 1:
        return group[0].bytes_read + group[0].bytes_written
    read = group[0].bytes_inner + sum(op.bytes_read - op.bytes_inner for op in group)
    written = sum(op.bytes_leaving for op in group[:-1]) + group[-1].bytes_written
    return read + written
