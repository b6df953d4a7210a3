"""Which kernels an operation of a graph becomes on a GPU, and what they move."""

import re
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
    norm_data_backward,
    norm_weight_backward,
    softmax,
    softmax_backward,
    streamed,
)
from cost_models.work import OpWork, TaskWork
from hptc.ir.families import Family, base_name
from hptc.ir.graph import Op, Role
from hptc.ir.rows import Rows


def traffic_of(group: Group, task: TaskWork, chip: Chip) -> Traffic:
    """Return the traffic of operations of a task that share a kernel, or of one that takes several.

    Matrix products are priced elsewhere; here they would count as one pass over their operands.
    """
    first, moved = group[0], moved_bytes(group, task)
    if len(group) == 1 and first.rows is not None:
        found = _by_rows(first, first.rows, chip)
        if found is not None:
            return found
    if task.role is Role.OPTIMIZER:  # state last touched a step ago is in no cache
        return Traffic(kernels=1, moved_bytes=moved, streamed_bytes=moved)
    if first.family is Family.GATHER:
        return gathered(moved, chip)
    zeros = streamed(first.bytes_written, chip) if _fills_zeros(first) else Traffic()
    return zeros + streamed(moved, chip)


def _by_rows(work: OpWork, rows: Rows, chip: Chip) -> Traffic | None:
    """Return the traffic of an operation that works by rows."""
    kind = base_name(work.op.kind)
    if kind in _BY_MASK:
        return _masked(work.op, rows, chip)
    if kind == "embedding_dense_backward":
        return embedding_backward(rows, work.bytes_written, chip)
    if work.family is Family.SCATTER:  # adds to a copy, where that one fills zeros
        return embedding_backward(rows, work.bytes_read + work.bytes_written, chip)
    priced = _GRADIENTS.get(kind) or _FORWARD.get(work.family)
    return priced(rows, chip) if priced is not None else None


def _masked(op: Op, rows: Rows, chip: Chip) -> Traffic:
    """Return the traffic of the gradients of a layer norm that its mask asks for."""
    mask = op.args[-1]
    of_data, *of_weights = mask if isinstance(mask, tuple) else (True, True)
    parts = ((of_data, norm_data_backward), (any(of_weights), norm_weight_backward))
    return sum((part(rows, chip) for is_made, part in parts if is_made), Traffic())


_BY_MASK = frozenset({"_fused_rms_norm_backward", "native_layer_norm_backward"})
"""Gradients that are one kernel for the data and one for the weights; the mask is the last
argument."""


def _fills_zeros(work: OpWork) -> bool:
    """Say whether the kernel adds to its result, which another one fills with zeros first."""
    return _ZEROED.fullmatch(base_name(work.op.kind)) is not None


_ZEROED = re.compile(r"(nll_loss(2d)?|(reflection|replication)_pad[123]d)_backward")

_ByRows = Callable[[Rows, Chip], Traffic]
_FORWARD: Mapping[Family, _ByRows] = {Family.SOFTMAX: softmax, Family.NORM: norm}
_GRADIENTS: Mapping[str, _ByRows] = {
    "_softmax_backward_data": softmax_backward,
    "_log_softmax_backward_data": log_softmax_backward,
    "batch_norm_backward": norm_backward,
    "native_batch_norm_backward": norm_backward,
    "native_group_norm_backward": norm_backward,
}
