"""Axes of operations that keep the place of their elements, on all axes or on some."""

import re
from collections.abc import Callable, Iterable

from hptc.ir.axes.model import Labels, Site, close, letters, right_aligned


def elementwise(site: Site) -> Labels:
    """Return the axes of an element-wise operation with broadcast operands."""
    own = letters(max(site.operands, key=lambda value: len(value.shape)))
    shape = site.outputs[0].shape
    operands = (right_aligned(own, value, shape) for value in site.operands)
    return Labels(tuple(operands), (own,) * len(site.outputs))


def prelu(site: Site) -> Labels:
    """Return the axes of a ReLU with one slope per channel."""
    own = close(letters(site.operands[0]), [1])
    return site.labels({0: own}, [own])


def like(site: Site) -> Labels:
    """Return the axes of an operation that makes a tensor of the shape of another."""
    own = letters(site.operands[0])
    return site.labels({0: own}, [own])


def kept(site: Site) -> Labels:
    """Return the axes of an operation that mixes elements along some axes alone.

    Its operands and results are alike on the others.
    """
    own = letters(site.operands[0])
    own = close(own, [axis % max(len(own), 1) for axis in _MIXED[site.kind](site)])
    operands = (own if value.shape else "" for value in site.operands)
    return Labels(tuple(operands), (own,) * len(site.outputs))


def _dim(position: int, default: int = -1) -> Callable[[Site], Iterable[int]]:
    return lambda site: [site.axis(position, default)]


def _dims(position: int) -> Callable[[Site], Iterable[int]]:
    """Mix the listed axes; all of them if none is listed."""
    return lambda site: site.args.integers(position, "dims") or _all(site)


def _last(count: int) -> Callable[[Site], Iterable[int]]:
    return lambda site: range(len(site.operands[0].shape))[-count:]


def _all_but_first(site: Site) -> Iterable[int]:
    return range(1, len(site.operands[0].shape))


def _all(site: Site) -> Iterable[int]:
    return range(len(site.operands[0].shape))


def _padded(site: Site) -> Iterable[int]:
    pairs = site.args.integers(1, "pad")
    return [-1 - place // 2 for place, amount in enumerate(pairs) if amount]


def _stable_dim(site: Site) -> Iterable[int]:
    return [site.axis(2 if site.overload == "stable" else 1, -1)]


def _space(site: Site) -> Iterable[int]:
    """Mix the axes in space: as many as the name says, e.g. 2 for `avg_pool2d`."""
    found = re.search(r"(\d)d", site.kind)
    return _last(int(found.group(1)))(site) if found else _all(site)


_SPATIAL = """
    _adaptive_avg_pool2d _adaptive_avg_pool2d_backward _adaptive_avg_pool3d
    _adaptive_avg_pool3d_backward adaptive_avg_pool1d adaptive_max_pool2d
    adaptive_max_pool2d_backward adaptive_max_pool3d adaptive_max_pool3d_backward avg_pool1d
    avg_pool2d avg_pool2d_backward avg_pool3d avg_pool3d_backward max_pool2d_with_indices
    max_pool2d_with_indices_backward max_pool3d_with_indices max_pool3d_with_indices_backward
    reflection_pad1d reflection_pad1d_backward reflection_pad2d reflection_pad2d_backward
    reflection_pad3d reflection_pad3d_backward replication_pad1d replication_pad1d_backward
    replication_pad2d replication_pad2d_backward replication_pad3d replication_pad3d_backward
    upsample_bicubic2d upsample_bicubic2d_backward upsample_bilinear2d
    upsample_bilinear2d_backward upsample_linear1d upsample_linear1d_backward upsample_nearest1d
    upsample_nearest1d_backward upsample_nearest2d upsample_nearest2d_backward upsample_nearest3d
    upsample_nearest3d_backward upsample_trilinear3d upsample_trilinear3d_backward
"""

_MIXED: dict[str, Callable[[Site], Iterable[int]]] = {
    **dict.fromkeys(_SPATIAL.split(), _space),
    **dict.fromkeys(("_softmax", "_log_softmax", "_safe_softmax"), _dim(1)),
    **dict.fromkeys(("_softmax_backward_data", "_log_softmax_backward_data"), _dim(2)),
    **dict.fromkeys(("cumsum", "cumprod", "cummax", "cummin", "logcumsumexp"), _dim(1)),
    **dict.fromkeys(("sort", "argsort"), _stable_dim),
    **dict.fromkeys(("tril", "triu"), _last(2)),
    **dict.fromkeys(("pixel_shuffle", "pixel_unshuffle"), _last(3)),
    **dict.fromkeys(("channel_shuffle", "grid_sampler_2d", "grid_sampler_3d"), _all_but_first),
    **dict.fromkeys(("slice_backward", "slice_scatter"), _dim(2, 0)),
    "topk": _dim(2),
    "glu": _dim(1),
    "glu_backward": _dim(2),
    "cat": _dim(1, 0),
    "flip": _dims(1),
    "roll": _dims(2),
    "constant_pad_nd": _padded,
}

_ALIKE = "empty_like fill full_like ones_like zeros_like _to_copy clone contiguous"

RULES = {
    **dict.fromkeys(_MIXED, kept),
    **dict.fromkeys(_ALIKE.split(), like),
    **dict.fromkeys(("copy", "max.other", "min.other"), elementwise),
    "prelu": prelu,
}
