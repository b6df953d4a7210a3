"""Which kernels an operation of a graph becomes on a GPU, and what they move."""

from collections.abc import Callable, Mapping

from cost_models.gpu_groups import Group, moved_bytes
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
from cost_models.work import TaskWork
from hptc.ir.families import Family, base_name
from hptc.ir.graph import Role
from hptc.ir.rows import Rows


def traffic_of(group: Group, task: TaskWork, chip: Chip) -> Traffic:
    """Return the traffic of operations of a task that share a kernel, or of one that takes several.

    Matrix products are priced elsewhere; here they would count as one pass over their operands.
    """
    first = group[0]
    if len(group) == 1 and first.rows is not None:
        kind = base_name(first.op.kind)
        if kind == "embedding_dense_backward":
            return embedding_backward(first.rows, first.bytes_written, chip)
        if first.family is Family.SCATTER:  # adds to a copy, where that one fills zeros
            return embedding_backward(first.rows, moved_bytes(group, task), chip)
        by_rows = _GRADIENTS.get(kind) or _FORWARD.get(first.family)
        if by_rows is not None:
            return by_rows(first.rows, chip)
    moved = moved_bytes(group, task)
    if task.role is Role.OPTIMIZER:  # state last touched a step ago is in no cache
        return Traffic(kernels=1, moved_bytes=moved, streamed_bytes=moved)
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
