"""Operations that move, cut, join or convert data without arithmetic."""

import math
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from hptc.frontend.onnx_ops.rule import Rule, only
from hptc.frontend.onnx_ops.types import convert, torch_dtype

Ints = tuple[int, ...]


def _identity(x: Any) -> Any:
    return x


def _cast(x: Tensor, *, to: int, saturate: int = 1, round_mode: str = "up") -> Tensor:
    return convert(x, torch_dtype(to), saturate)


def _cast_like(x: Tensor, like: Tensor, *, saturate: int = 1, round_mode: str = "up") -> Tensor:
    return convert(x, like.dtype, saturate)


def _bit_cast(x: Tensor, *, to: int) -> Tensor:
    return x.view(torch_dtype(to))


def _reshape(x: Tensor, shape: Ints, *, allowzero: int = 0) -> Tensor:
    if not allowzero:
        shape = tuple(x.shape[i] if extent == 0 else extent for i, extent in enumerate(shape))
    return torch.reshape(x, shape)


def _flatten(x: Tensor, *, axis: int = 1) -> Tensor:
    axis = axis % x.dim() if axis < 0 else axis
    return torch.reshape(x, (math.prod(x.shape[:axis]), math.prod(x.shape[axis:])))


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
        return take(x, axis, slice(0, 0))
    if picked.step > 0:
        whole = picked == range(size)
        return x if whole else take(x, axis, slice(picked.start, picked[-1] + 1, picked.step))
    upward = take(x, axis, slice(picked[-1], picked.start + 1, -picked.step))
    return torch.flip(upward, (axis,))


def take(x: Tensor, axis: int, picked: slice | Tensor) -> Tensor:
    """Return the picked elements along one axis."""
    place: tuple[slice | Tensor, ...] = (*(slice(None),) * axis, picked)
    return x[place]


def interleave(pads: Ints) -> list[int]:
    """Return ONNX pads (begins, ends) in the order of `functional.pad`: last axis first."""
    half = len(pads) // 2
    return [p for axis in reversed(range(half)) for p in (pads[axis], pads[half + axis])]


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
        return _pad_constant(x, interleave((*before, *after)), value if fill is None else fill)
    for axis in range(x.dim()):
        x = _pad_axis(x, axis, (before[axis], after[axis]), mode)
    return x


def _pad_constant(x: Tensor, pairs: list[int], fill: Tensor | float) -> Tensor:
    if not isinstance(fill, Tensor):
        return functional.pad(x, pairs, value=fill)
    inside = functional.pad(torch.ones(x.shape, dtype=torch.bool), pairs)
    return torch.where(inside, functional.pad(x, pairs), fill)


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


def _trilu(x: Tensor, k: int | Ints | None = None, *, upper: int = 1) -> Tensor:
    offset = 0 if k is None else only(k)
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


RULES: tuple[Rule, ...] = (
    Rule("BitCast", _bit_cast),
    Rule("Cast", _cast),
    Rule("CastLike", _cast_like),
    Rule("Concat", _concat),
    Rule("DepthToSpace", _depth_to_space),
    Rule("Expand", _expand, static=(1,)),
    Rule("Flatten", _flatten),
    Rule("Identity", _identity, whole=True),
    Rule("Pad", _pad, static=(1, 3), soft=(2,)),
    Rule("Reshape", _reshape, static=(1,)),
    Rule("Slice", _slice, static=(1, 2, 3, 4)),
    Rule("SpaceToDepth", _space_to_depth),
    Rule("Split", _split, static=(1,), counts_outputs=True),
    Rule("Squeeze", _squeeze, static=(1,)),
    Rule("Tile", _tile, static=(1,)),
    Rule("Transpose", _transpose),
    Rule("Trilu", _trilu, static=(1,)),
    Rule("Unsqueeze", _unsqueeze, static=(1,)),
)
