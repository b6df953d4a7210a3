"""Operations that move, cut, join or create data without arithmetic."""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from hptc.frontend.onnx_ops.rule import Rule
from hptc.frontend.onnx_ops.types import torch_dtype

Ints = tuple[int, ...]


def _identity(x: Any) -> Any:
    return x


def _cast(x: Tensor, *, to: int, saturate: int = 1, round_mode: str = "up") -> Tensor:
    return x.to(torch_dtype(to))


def _cast_like(x: Tensor, like: Tensor, *, saturate: int = 1, round_mode: str = "up") -> Tensor:
    return x.to(like.dtype)


def _reshape(x: Tensor, shape: Ints, *, allowzero: int = 0) -> Tensor:
    if not allowzero:
        shape = tuple(x.shape[i] if extent == 0 else extent for i, extent in enumerate(shape))
    return torch.reshape(x, shape)


def _flatten(x: Tensor, *, axis: int = 1) -> Tensor:
    axis = axis % x.dim() if axis < 0 else axis
    rows = 1
    for extent in x.shape[:axis]:
        rows *= extent
    columns = 1
    for extent in x.shape[axis:]:
        columns *= extent
    return torch.reshape(x, (rows, columns))


def _transpose(x: Tensor, *, perm: Ints | None = None) -> Tensor:
    return torch.permute(x, tuple(reversed(range(x.dim()))) if perm is None else perm)


def _squeeze(x: Tensor, axes: Ints | None = None) -> Tensor:
    if axes is None:
        return torch.squeeze(x)
    return torch.squeeze(x, tuple(axes))


def _unsqueeze(x: Tensor, axes: Ints | int) -> Tensor:
    axes = (axes,) if isinstance(axes, int) else axes
    rank = x.dim() + len(axes)
    for axis in sorted(axis % rank for axis in axes):
        x = torch.unsqueeze(x, axis)
    return x


def _expand(x: Tensor, shape: Ints) -> Tensor:
    return x.expand(_broadcast(tuple(x.shape), shape))


def _broadcast(left: Ints, right: Ints) -> Ints:
    rank = max(len(left), len(right))
    pairs = zip((1,) * (rank - len(left)) + left, (1,) * (rank - len(right)) + right, strict=True)
    return tuple(b if a == 1 else a for a, b in pairs)


def _tile(x: Tensor, repeats: Ints) -> Tensor:
    return x.repeat(repeats)


def _concat(*parts: Tensor, axis: int) -> Tensor:
    return torch.cat(parts, axis)


def _split(
    x: Tensor, split: Ints | None = None, *, axis: int = 0, num_outputs: int = 0, outputs: int
) -> tuple[Tensor, ...]:
    if split is not None:
        return torch.split(x, list(split), axis)
    count = num_outputs or outputs
    size = -(-x.shape[axis] // count)
    return torch.split(x, size, axis)


def _slice(
    x: Tensor, starts: Ints, ends: Ints, axes: Ints | None = None, steps: Ints | None = None
) -> Tensor:
    axes = tuple(range(len(starts))) if axes is None else axes
    steps = (1,) * len(starts) if steps is None else steps
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        x = _slice_axis(x, axis % x.dim(), slice(start, end, step))
    return x


def _slice_axis(x: Tensor, axis: int, cut: slice) -> Tensor:
    size = x.shape[axis]
    picked = range(size)[cut]
    if len(picked) == 0:
        return _take(x, axis, slice(0, 0))
    if picked.step > 0:
        whole = picked == range(size)
        return x if whole else _take(x, axis, slice(picked.start, picked[-1] + 1, picked.step))
    upward = _take(x, axis, slice(picked[-1], picked.start + 1, -picked.step))
    return torch.flip(upward, (axis,))


def wrap_index(index: Tensor, size: int) -> Tensor:
    """Return `index` as int64 with negative entries counted from the end, as ONNX allows."""
    index = index.long()
    return torch.where(index < 0, index + size, index)


def _take(x: Tensor, axis: int, picked: slice | Tensor) -> Tensor:
    place: tuple[slice | Tensor, ...] = (*(slice(None),) * axis, picked)
    return x[place]


def _gather(x: Tensor, index: Tensor | int, *, axis: int = 0) -> Tensor:
    axis = axis % x.dim()
    if isinstance(index, int):
        return torch.select(x, axis, index)
    return _take(x, axis, index.long())


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


_PAD_MODES = {"edge": "replicate", "reflect": "reflect", "wrap": "circular"}


def _pad(
    x: Tensor,
    pads: Ints,
    fill: Any = None,
    axes: Ints | None = None,
    *,
    mode: str = "constant",
    value: float = 0.0,
) -> Tensor:
    axes = tuple(range(x.dim())) if axes is None else axes
    before = [0] * x.dim()
    after = [0] * x.dim()
    for i, axis in enumerate(axes):
        before[axis] = pads[i]
        after[axis] = pads[len(axes) + i]
    if mode == "constant":
        filled = value if fill is None else fill.item() if isinstance(fill, Tensor) else fill
        pairs = [p for axis in reversed(range(x.dim())) for p in (before[axis], after[axis])]
        return functional.pad(x, pairs, value=filled)
    for axis in range(x.dim()):
        x = _pad_axis(x, axis, (before[axis], after[axis]), mode)
    return x


def _pad_axis(x: Tensor, axis: int, width: tuple[int, int], mode: str) -> Tensor:
    if width == (0, 0):
        return x
    size = x.shape[axis]
    places = range(-width[0], size + width[1])
    if mode == "edge":
        picked = [min(max(place, 0), size - 1) for place in places]
    elif mode == "wrap":
        picked = [place % size for place in places]
    else:
        period = max(2 * (size - 1), 1)
        picked = [min(place % period, period - place % period) for place in places]
    return torch.index_select(x, axis, torch.tensor(picked))


def _shape_of(x: Tensor, *, start: int = 0, end: int | None = None) -> Tensor:
    return torch.tensor(list(x.shape[start:end]), dtype=torch.int64)


def _size_of(x: Tensor) -> Tensor:
    return torch.tensor(x.numel(), dtype=torch.int64)


def _constant(**attributes: Any) -> Tensor:
    ((kind, value),) = attributes.items()
    if isinstance(value, Tensor):
        return value
    dtype = torch.int64 if kind in {"value_int", "value_ints"} else torch.float32
    return torch.tensor(value, dtype=dtype)


def _constant_of_shape(shape: Ints, *, value: Tensor | None = None) -> Tensor:
    if value is None:
        return torch.zeros(shape)
    return torch.full(shape, value.item(), dtype=value.dtype)


def _range(start: Tensor, limit: Tensor, delta: Tensor) -> Tensor:
    return torch.arange(start.item(), limit.item(), delta.item(), dtype=start.dtype)


def _eye_like(x: Tensor, *, dtype: int | None = None, k: int = 0) -> Tensor:
    rows = torch.arange(x.shape[0]).unsqueeze(1)
    columns = torch.arange(x.shape[1])
    return (columns - rows == k).to(x.dtype if dtype is None else torch_dtype(dtype))


def _one_hot(index: Tensor, depth: int | Ints, values: Tensor, *, axis: int = -1) -> Tensor:
    count = int(depth[0] if isinstance(depth, tuple) else depth)
    axis = axis % (index.dim() + 1)
    shape = [1] * (index.dim() + 1)
    shape[axis] = count
    classes = torch.arange(count).reshape(shape)
    hot = wrap_index(index, count).unsqueeze(axis) == classes
    return torch.where(hot, values[1], values[0])


def _trilu(x: Tensor, k: int | Ints | None = None, *, upper: int = 1) -> Tensor:
    offset = k[0] if isinstance(k, tuple) else k or 0
    return torch.triu(x, offset) if upper else torch.tril(x, offset)


def _depth_to_space(x: Tensor, *, blocksize: int, mode: str = "DCR") -> Tensor:
    n, c, h, w = x.shape
    b = blocksize
    if mode == "DCR":
        blocks = x.reshape(n, b, b, c // (b * b), h, w).permute(0, 3, 4, 1, 5, 2)
    else:
        blocks = x.reshape(n, c // (b * b), b, b, h, w).permute(0, 1, 4, 2, 5, 3)
    return blocks.reshape(n, c // (b * b), h * b, w * b)


def _space_to_depth(x: Tensor, *, blocksize: int, mode: str = "DCR") -> Tensor:
    n, c, h, w = x.shape
    b = blocksize
    blocks = x.reshape(n, c, h // b, b, w // b, b).permute(
        *((0, 3, 5, 1, 2, 4) if mode == "DCR" else (0, 1, 3, 5, 2, 4))
    )
    return blocks.reshape(n, c * b * b, h // b, w // b)


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
    Rule("Cast", _cast),
    Rule("CastLike", _cast_like),
    Rule("Concat", _concat),
    Rule("Constant", _constant),
    Rule("ConstantOfShape", _constant_of_shape, static=(0,)),
    Rule("DepthToSpace", _depth_to_space),
    Rule("Expand", _expand, static=(1,)),
    Rule("EyeLike", _eye_like, shape_only=True),
    Rule("Flatten", _flatten),
    Rule("Gather", _gather, soft=(1,)),
    Rule("GatherElements", _gather_elements),
    Rule("GatherND", _gather_nd),
    Rule("Identity", _identity),
    Rule("OneHot", _one_hot, static=(1,)),
    Rule("Pad", _pad, static=(1, 3), soft=(2,)),
    Rule("Range", _range, data_dependent=True),
    Rule("Reshape", _reshape, static=(1,)),
    Rule("ReverseSequence", _reverse_sequence),
    Rule("Scatter", _scatter_elements),
    Rule("ScatterElements", _scatter_elements),
    Rule("ScatterND", _scatter_nd),
    Rule("Shape", _shape_of, shape_only=True),
    Rule("Size", _size_of, shape_only=True),
    Rule("Slice", _slice, static=(1, 2, 3, 4)),
    Rule("SpaceToDepth", _space_to_depth),
    Rule("Split", _split, static=(1,), counts_outputs=True),
    Rule("Squeeze", _squeeze, static=(1,)),
    Rule("TensorScatter", _tensor_scatter),
    Rule("Tile", _tile, static=(1,)),
    Rule("Transpose", _transpose),
    Rule("Trilu", _trilu, static=(1,)),
    Rule("Unsqueeze", _unsqueeze, static=(1,)),
)
