"""Looking up and replacing elements by index."""

import torch
from torch import Tensor

from hptc.frontend.onnx_ops.rule import Rule
from hptc.frontend.onnx_ops.shape import take

Ints = tuple[int, ...]


def wrap_index(index: Tensor, size: int) -> Tensor:
    """Return `index` as int64 with negative entries counted from the end, as ONNX allows."""
    index = index.long()
    return torch.where(index < 0, index + size, index)


def _gather(x: Tensor, index: Tensor | int, *, axis: int = 0) -> Tensor:
    axis = axis % x.dim()
    if isinstance(index, int):
        return torch.select(x, axis, index)
    return take(x, axis, index.long())


def _gather_elements(x: Tensor, index: Tensor, *, axis: int = 0) -> Tensor:
    return torch.gather(x, axis, wrap_index(index, x.shape[axis]))


def _gather_nd(x: Tensor, index: Tensor, *, batch_dims: int = 0) -> Tensor:
    picked = index.long().unbind(-1)
    lead = []
    for axis in range(batch_dims):
        shape = [1] * (index.dim() - 1)
        shape[axis] = x.shape[axis]
        lead.append(torch.arange(x.shape[axis]).reshape(shape))
    return x[(*lead, *picked)]


_REDUCE = {"add": "sum", "mul": "prod", "max": "amax", "min": "amin"}


def _scatter_elements(
    x: Tensor, index: Tensor, updates: Tensor, *, axis: int = 0, reduction: str = "none"
) -> Tensor:
    index = wrap_index(index, x.shape[axis])
    if reduction == "none":
        return torch.scatter(x, axis, index, updates)
    return torch.scatter_reduce(x, axis, index, updates, _REDUCE[reduction], include_self=True)


def _scatter_nd(x: Tensor, index: Tensor, updates: Tensor, *, reduction: str = "none") -> Tensor:
    depth = index.shape[-1]
    places = index.long().unbind(-1)
    if reduction in {"none", "add"}:
        return torch.index_put(x, places, updates, accumulate=reduction == "add")
    flat = torch.zeros((), dtype=torch.int64)
    for axis, place in enumerate(places):
        flat = flat * x.shape[axis] + wrap_index(place, x.shape[axis])
    tail = x.shape[depth:]
    rows = x.reshape(-1, *tail)
    spread = flat.reshape(-1, *(1,) * len(tail)).expand(-1, *tail)
    merged = torch.scatter_reduce(
        rows, 0, spread, updates.reshape(-1, *tail), _REDUCE[reduction], include_self=True
    )
    return merged.reshape(x.shape)


def _tensor_scatter(
    past: Tensor,
    update: Tensor,
    write_indices: Tensor | None = None,
    *,
    axis: int = -2,
    mode: str = "linear",
) -> Tensor:
    axis = axis % past.dim()
    length, size = update.shape[axis], past.shape[axis]
    starts = (
        torch.zeros(past.shape[0], dtype=torch.int64) if write_indices is None else write_indices
    )
    place = starts.reshape(-1, 1) + torch.arange(length)
    place = torch.remainder(place, size) if mode == "circular" else place
    shape = [1] * past.dim()
    shape[0], shape[axis] = place.shape
    return torch.scatter(past, axis, place.reshape(shape).expand(update.shape), update)


def _one_hot(index: Tensor, depth: int | Ints, values: Tensor, *, axis: int = -1) -> Tensor:
    count = int(depth[0] if isinstance(depth, tuple) else depth)
    axis = axis % (index.dim() + 1)
    shape = [1] * (index.dim() + 1)
    shape[axis] = count
    classes = torch.arange(count).reshape(shape)
    hot = wrap_index(index, count).unsqueeze(axis) == classes
    return torch.where(hot, values[1], values[0])


def _reverse_sequence(
    x: Tensor, lengths: Tensor, *, batch_axis: int = 1, time_axis: int = 0
) -> Tensor:
    steps = x.shape[time_axis]
    time = torch.arange(steps).reshape(1, -1)
    ends = lengths.reshape(-1, 1)
    source = torch.where(time < ends, ends - 1 - time, time)
    source = source if batch_axis < time_axis else source.T
    shape = [1] * x.dim()
    shape[batch_axis], shape[time_axis] = x.shape[batch_axis], steps
    return torch.gather(x, time_axis, source.reshape(shape).expand(x.shape))


RULES: tuple[Rule, ...] = (
    Rule("Gather", _gather, soft=(1,)),
    Rule("GatherElements", _gather_elements),
    Rule("GatherND", _gather_nd),
    Rule("OneHot", _one_hot, static=(1,)),
    Rule("ReverseSequence", _reverse_sequence),
    Rule("Scatter", _scatter_elements),
    Rule("ScatterElements", _scatter_elements),
    Rule("ScatterND", _scatter_nd),
    Rule("TensorScatter", _tensor_scatter),
)
