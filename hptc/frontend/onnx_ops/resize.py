"""Resize and Upsample: every output is a weighted sum of a few neighbours along each axis."""

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from hptc.frontend.onnx_ops.rule import Rule

Floats = tuple[float, ...]


@dataclass(frozen=True)
class _Axis:
    """How one axis is resized."""

    size: int
    out: int
    scale: float
    start: float = 0.0
    end: float = 1.0


@dataclass(frozen=True)
class _Options:
    mode: str = "nearest"
    coordinates: str = "half_pixel"
    nearest: str = "round_prefer_floor"
    cubic: float = -0.75
    exclude_outside: bool = False
    antialias: bool = False
    extrapolation: float = 0.0


def _source(axis: _Axis, i: int, kind: str) -> float:
    """Return where in the input output element `i` lies."""
    if kind == "tf_crop_and_resize":
        return _cropped(axis, i)
    if kind == "align_corners":
        last = axis.scale * axis.size - 1
        return i * (axis.size - 1) / last if axis.out > 1 else 0.0
    if kind == "asymmetric":
        return i / axis.scale
    if kind == "pytorch_half_pixel" and axis.out == 1:
        return -0.5
    offset = 0.0 if kind == "tf_half_pixel_for_nn" else -0.5
    if kind == "half_pixel_symmetric":
        offset += axis.size / 2 * (1 - axis.out / (axis.scale * axis.size))
    return offset + (i + 0.5) / axis.scale


def _cropped(axis: _Axis, i: int) -> float:
    if axis.out == 1:
        return 0.5 * (axis.start + axis.end) * (axis.size - 1)
    step = (axis.end - axis.start) * (axis.size - 1) / (axis.out - 1)
    return axis.start * (axis.size - 1) + i * step


def _round(value: float, how: str) -> int:
    if how == "floor":
        return math.floor(value)
    if how == "ceil":
        return math.ceil(value)
    return math.ceil(value - 0.5) if how == "round_prefer_floor" else math.floor(value + 0.5)


def _taps(x: float, axis: _Axis, options: _Options) -> list[tuple[int, float]]:
    """Return the neighbours of `x` and their weights; neighbours may lie outside the input."""
    if options.mode == "nearest":
        return [(_round(x, options.nearest), 1.0)]
    shrink = min(axis.scale, 1.0) if options.antialias else 1.0
    reach = 1 if options.mode == "linear" else 2
    base = math.floor(x)
    first = math.floor(-reach / shrink) + 1
    places = range(base + first, base + 2 - first)
    weights = [_kernel((place - x) * shrink, options) for place in places]
    total = sum(weights)
    return [(place, w / total) for place, w in zip(places, weights, strict=True)]


def _kernel(distance: float, options: _Options) -> float:
    d, a = abs(distance), options.cubic
    if options.mode == "linear":
        return max(0.0, 1.0 - d)
    if d <= 1:
        return ((a + 2) * d - (a + 3)) * d * d + 1
    return a * (((d - 5) * d + 8) * d - 4) if d < 2 else 0.0  # noqa: PLR2004 (cubic reach)


def _resize_axis(x: Tensor, dim: int, axis: _Axis, options: _Options) -> Tensor:
    sources = [_source(axis, i, options.coordinates) for i in range(axis.out)]
    rows = [_taps(source, axis, options) for source in sources]
    if options.exclude_outside:
        rows = [_inside(row, axis.size) for row in rows]
    result: Tensor | None = None
    shape = [1] * x.dim()
    shape[dim] = axis.out
    for taps in zip(*rows, strict=True):
        places = torch.tensor([min(max(place, 0), axis.size - 1) for place, _ in taps])
        part = torch.index_select(x, dim, places)
        if options.mode != "nearest":
            part = part * torch.tensor([w for _, w in taps], dtype=x.dtype).reshape(shape)
        result = part if result is None else result + part
    if result is None:
        return x.narrow(dim, 0, 0)
    if options.coordinates == "tf_crop_and_resize":
        inside = torch.tensor([0 <= source <= axis.size - 1 for source in sources])
        fill = torch.full((), options.extrapolation, dtype=x.dtype)
        result = torch.where(inside.reshape(shape), result, fill)
    return result


def _inside(row: list[tuple[int, float]], size: int) -> list[tuple[int, float]]:
    kept = [w if 0 <= place < size else 0.0 for place, w in row]
    total = sum(kept)
    return [(place, w / total) for (place, _), w in zip(row, kept, strict=True)]


def _resize(
    x: Tensor,
    roi: Floats | None = None,
    scales: Floats | None = None,
    sizes: tuple[int, ...] | None = None,
    **attributes: Any,
) -> Tensor:
    options = _Options(
        mode=attributes.get("mode", "nearest"),
        coordinates=attributes.get("coordinate_transformation_mode", "half_pixel"),
        nearest=attributes.get("nearest_mode", "round_prefer_floor"),
        cubic=attributes.get("cubic_coeff_a", -0.75),
        exclude_outside=bool(attributes.get("exclude_outside", 0)),
        antialias=bool(attributes.get("antialias", 0)),
        extrapolation=attributes.get("extrapolation_value", 0.0),
    )
    dims = [d % x.dim() for d in attributes.get("axes") or range(x.dim())]
    policy = attributes.get("keep_aspect_ratio_policy", "stretch")
    for dim, axis in zip(dims, _plan(x, dims, roi, scales or None, sizes, policy), strict=True):
        if axis.out != axis.size or axis.scale != 1 or options.coordinates.startswith("tf_crop"):
            x = _resize_axis(x, dim, axis, options)
    return x


def _plan(
    x: Tensor,
    dims: list[int],
    roi: Floats | None,
    scales: Floats | None,
    sizes: tuple[int, ...] | None,
    policy: str,
) -> list[_Axis]:
    extents = [x.shape[d] for d in dims]
    if scales is not None:
        outs = [math.floor(n * s) for n, s in zip(extents, scales, strict=True)]
        factors = list(scales)
    else:
        outs = list(sizes or ())
        factors = [out / n for out, n in zip(outs, extents, strict=True)]
        if policy != "stretch":
            common = min(factors) if policy == "not_larger" else max(factors)
            factors = [common] * len(extents)
            outs = [math.floor(common * n + 0.5) for n in extents]
    count = len(dims)
    starts = roi[:count] if roi else (0.0,) * count
    ends = roi[count:] if roi else (1.0,) * count
    rows = zip(extents, outs, factors, starts, ends, strict=True)
    return [_Axis(*row) for row in rows]


def _resize_asymmetric(x: Tensor, scales: Floats, *, mode: str = "nearest") -> Tensor:
    """Resize of opset 10, and Upsample: corners aligned at zero, nearest rounds down."""
    return _resize(
        x,
        None,
        scales,
        mode="nearest" if mode == "nearest" else "linear",
        coordinate_transformation_mode="asymmetric",
        nearest_mode="floor",
    )


RULES: tuple[Rule, ...] = (
    Rule("Resize", _resize_asymmetric, since=10, static=(1,)),
    Rule("Resize", _resize, since=11, static=(1, 2, 3)),
    Rule("Upsample", _resize_asymmetric, static=(1,)),
)
