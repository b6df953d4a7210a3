"""Pooling over windows of any number of spatial axes."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from hptc.frontend.onnx_ops.conv import ones, same_pads
from hptc.frontend.onnx_ops.rule import Rule
from hptc.frontend.onnx_ops.shape import interleave

Ints = tuple[int, ...]

_MAX_POOL: tuple[Callable[..., Any], ...] = (
    functional.max_pool1d,
    functional.max_pool2d,
    functional.max_pool3d,
)
_AVERAGE_POOL: tuple[Callable[..., Tensor], ...] = (
    functional.avg_pool1d,
    functional.avg_pool2d,
    functional.avg_pool3d,
)


class _Windows:
    """Where the windows of one pooling lie on a given input."""

    def __init__(self, x: Tensor, attributes: dict[str, Any]) -> None:
        rank = x.dim() - 2
        self.rank = rank
        self.kernel: Ints = tuple(int(k) for k in attributes["kernel_shape"])
        self.steps = ones(attributes.get("strides"), rank)
        self.spread = ones(attributes.get("dilations"), rank)
        auto_pad = attributes.get("auto_pad", "NOTSET")
        pads: Ints = attributes.get("pads") or (0,) * (2 * rank)
        if auto_pad != "NOTSET":
            pads = tuple(same_pads(x, self.kernel, self.steps, self.spread, auto_pad))
        self.begins, self.ends = tuple(pads[:rank]), tuple(pads[rank:])
        self.extra = (0,) * rank
        if attributes.get("ceil_mode", 0):
            self.extra = tuple(self._overhang(x.shape[2 + i], i) for i in range(rank))

    def _overhang(self, size: int, i: int) -> int:
        """Return how far the last, partial window reaches beyond the padded input."""
        padded = size + self.begins[i] + self.ends[i]
        span = (self.kernel[i] - 1) * self.spread[i] + 1
        count = -(-(padded - span) // self.steps[i]) + 1
        if (count - 1) * self.steps[i] >= size + self.begins[i]:
            count -= 1
        return max(0, (count - 1) * self.steps[i] + span - padded)

    @property
    def native_pads(self) -> Ints | None:
        """The pads as torch's pooling takes them, or None where it cannot express them."""
        half = all(2 * p <= k for p, k in zip(self.begins, self.kernel, strict=True))
        return self.begins if self.begins == self.ends and half and not any(self.extra) else None

    def pad(self, x: Tensor, value: float) -> Tensor:
        """Pad `x` so that every window is complete."""
        ends = tuple(end + more for end, more in zip(self.ends, self.extra, strict=True))
        pads = interleave(self.begins + ends)
        return functional.pad(x, pads, value=value) if any(pads) else x

    def count(self, x: Tensor, include_pad: int) -> Tensor:
        """Return ones where an element of a window counts, padded like `x`."""
        mask = torch.ones((1, 1, *x.shape[2:]), dtype=x.dtype)
        mask = functional.pad(mask, interleave(self.begins + self.ends), value=float(include_pad))
        return functional.pad(mask, interleave((0,) * self.rank + self.extra))

    def total(self, padded: Tensor) -> Tensor:
        """Return the sum over each window."""
        for i in range(self.rank):
            span = (self.kernel[i] - 1) * self.spread[i] + 1
            padded = padded.unfold(2 + i, span, self.steps[i])[..., :: self.spread[i]].sum(-1)
        return padded


def _max_pool(x: Tensor, *, outputs: int, **attributes: Any) -> Tensor | tuple[Tensor, Tensor]:
    windows = _Windows(x, attributes)
    wide = x if x.is_floating_point() else x.double()
    pads = windows.native_pads
    padded = wide if pads is not None else windows.pad(wide, -math.inf)
    at = (windows.kernel, windows.steps, pads or 0, windows.spread)
    pool = _MAX_POOL[windows.rank - 1]
    if outputs == 1:
        result: Tensor = pool(padded, *at)
        return result.to(x.dtype)
    values, places = pool(padded, *at, return_indices=True)
    begins = (0,) * windows.rank if pads is not None else windows.begins
    places = _flat_places(x, padded, places, begins, attributes.get("storage_order", 0))
    return values.to(x.dtype), places


def _flat_places(
    x: Tensor, padded: Tensor, places: Tensor, begins: Ints, column_major: int
) -> Tensor:
    """Turn torch's places within a padded channel into places within the whole input."""
    coordinates = []
    for i in reversed(range(len(begins))):
        coordinates.append(places % padded.shape[2 + i] - begins[i])
        places = places // padded.shape[2 + i]
    sizes = list(x.shape[2:])
    order = coordinates if column_major else coordinates[::-1]
    flat = torch.zeros_like(places)
    for coordinate, size in zip(order, sizes[::-1] if column_major else sizes, strict=True):
        flat = flat * size + coordinate
    volume = math.prod(sizes)
    channel = torch.arange(x.shape[0] * x.shape[1]).reshape(*x.shape[:2], *(1,) * len(begins))
    return flat + channel * volume


def _average_pool(x: Tensor, *, count_include_pad: int = 0, **attributes: Any) -> Tensor:
    windows = _Windows(x, attributes)
    pads = windows.native_pads
    if pads is not None and set(windows.spread) == {1}:
        pool = _AVERAGE_POOL[windows.rank - 1]
        return pool(x, windows.kernel, windows.steps, pads, False, bool(count_include_pad))
    total = windows.total(windows.pad(x, 0.0))
    return total / windows.total(windows.count(x, count_include_pad))


def _lp_pool(x: Tensor, *, p: int = 2, **attributes: Any) -> Tensor:
    windows = _Windows(x, attributes)
    powers = windows.total(windows.pad(torch.abs(x) ** p, 0.0))
    return powers ** (1.0 / p)


def _spatial(x: Tensor) -> Ints:
    return tuple(range(2, x.dim()))


def _global_average(x: Tensor) -> Tensor:
    return torch.mean(x, _spatial(x), keepdim=True)


def _global_max(x: Tensor) -> Tensor:
    return torch.amax(x, _spatial(x), keepdim=True)


def _global_lp(x: Tensor, *, p: int = 2) -> Tensor:
    return torch.sum(torch.abs(x) ** p, _spatial(x), keepdim=True) ** (1.0 / p)


def _max_unpool(
    x: Tensor,
    places: Tensor,
    output_shape: Ints | None = None,
    *,
    kernel_shape: Ints,
    pads: Ints | None = None,
    strides: Ints | None = None,
) -> Tensor:
    rank = x.dim() - 2
    steps = ones(strides, rank)
    pads = (0,) * (2 * rank) if pads is None else pads
    inferred = [
        (x.shape[2 + i] - 1) * steps[i] + kernel_shape[i] - pads[i] - pads[rank + i]
        for i in range(rank)
    ]
    shape = (*x.shape[:2], *inferred)
    flat = torch.zeros(math.prod(shape), dtype=x.dtype)
    flat = torch.scatter(flat, 0, places.reshape(-1), x.reshape(-1))
    small = flat.reshape(shape)
    if output_shape is None:
        return small
    missing = (wanted - size for wanted, size in zip(output_shape[2:], inferred, strict=True))
    return functional.pad(small, interleave((*(0,) * rank, *missing)))


RULES: tuple[Rule, ...] = (
    Rule("AveragePool", _average_pool),
    Rule("GlobalAveragePool", _global_average),
    Rule("GlobalLpPool", _global_lp),
    Rule("GlobalMaxPool", _global_max),
    Rule("LpPool", _lp_pool),
    Rule("MaxPool", _max_pool, counts_outputs=True),
    Rule("MaxUnpool", _max_unpool, static=(2,)),
)
