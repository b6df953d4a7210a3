"""RoiAlign: an image sampled between its elements, within regions."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from hptc.frontend.onnx_ops.rule import Rule


@dataclass(frozen=True)
class _Samples:
    """The sample points of all regions along one axis, as [region, bin * sample]."""

    low: Tensor
    high: Tensor
    """The neighbours between which the point lies."""
    above: Tensor
    """How far it is from the lower one."""
    inside: Tensor
    """Whether it lies on the image."""
    real: Tensor
    """Whether it is a sample of its region: the others may have more."""
    counts: Tensor
    """Samples in a bin, by region."""

    def neighbours(self) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
        """Return the places and weights of both neighbours."""
        used = self.inside & self.real
        zero = torch.zeros((), dtype=self.above.dtype)
        below = torch.where(used, 1 - self.above, zero)
        return (self.low, below), (self.high, torch.where(used, self.above, zero))


def _sample(start: Tensor, extent: Tensor, bins: int, ratio: int, size: int) -> _Samples:
    """Place `ratio` samples in each bin, or one a pixel where that is 0."""
    width = extent / bins
    counts = torch.full_like(extent, ratio) if ratio > 0 else torch.ceil(width)
    most = ratio if ratio > 0 else max([1, *counts.long().tolist()])
    sample = torch.arange(most).reshape(1, 1, -1)
    per_region = (-1, 1, 1)
    within = (sample + 0.5) / torch.clamp(counts, min=1).reshape(per_region)
    steps = (torch.arange(bins).reshape(1, -1, 1) + within) * width.reshape(per_region)
    place = (start.reshape(per_region) + steps).flatten(1)
    real = (sample < counts.reshape(per_region)).expand(-1, bins, -1).flatten(1)
    inside = (place >= -1) & (place <= size)
    place = torch.clamp(place, 0, size - 1)
    low = torch.floor(place.detach()).long()
    high = torch.clamp(low + 1, max=size - 1)
    return _Samples(low, high, place - low, inside, real, counts)


def _roi_align(  # noqa: PLR0913  (the signature of ONNX)
    x: Tensor,
    rois: Tensor,
    batch_indices: Tensor,
    *,
    coordinate_transformation_mode: str = "half_pixel",
    mode: str = "avg",
    output_height: int = 1,
    output_width: int = 1,
    sampling_ratio: int = 0,
    spatial_scale: float = 1.0,
) -> Tensor:
    """The maximum is that of the weighted neighbours, each alone, as the standard has it."""
    half = coordinate_transformation_mode == "half_pixel"
    left, top, right, bottom = (rois * spatial_scale - (0.5 if half else 0.0)).unbind(1)
    height, width = bottom - top, right - left
    if not half:
        height, width = torch.clamp(height, min=1.0), torch.clamp(width, min=1.0)
    rows = _sample(top, height, output_height, sampling_ratio, x.shape[2])
    columns = _sample(left, width, output_width, sampling_ratio, x.shape[3])
    terms = _terms(x[batch_indices.long()], rows, columns)
    real = (rows.real.unsqueeze(2) & columns.real.unsqueeze(1)).unsqueeze(1)
    terms = terms if mode == "avg" else torch.where(real, terms, -torch.inf)
    shape = (*terms.shape[:3], output_height, -1, output_width)
    cells = terms.reshape(*shape, terms.shape[4] // output_width)
    if mode == "avg":
        counts = torch.clamp(rows.counts * columns.counts, min=1)
        return cells.sum((0, 4, 6)) / counts.reshape(-1, 1, 1, 1)
    best = cells.amax((0, 4, 6))
    return torch.where(best == -torch.inf, torch.zeros_like(best), best)


def _terms(image: Tensor, rows: _Samples, columns: _Samples) -> Tensor:
    """Return the weighted neighbours as [neighbour, region, channel, row, column]."""
    region = torch.arange(image.shape[0]).reshape(-1, 1, 1)
    terms = []
    for row, row_weight in rows.neighbours():
        for column, column_weight in columns.neighbours():
            taken = image[region, :, row.unsqueeze(2), column.unsqueeze(1)]
            weight = row_weight.unsqueeze(2) * column_weight.unsqueeze(1)
            terms.append((taken * weight.unsqueeze(-1)).permute(0, 3, 1, 2))
    return torch.stack(terms)


def _roi_align_of_opset_10(*operands: Tensor, **attributes: Any) -> Tensor:
    return _roi_align(*operands, coordinate_transformation_mode="output_half_pixel", **attributes)


RULES: tuple[Rule, ...] = (
    Rule("RoiAlign", _roi_align_of_opset_10, since=10, until=15),
    Rule("RoiAlign", _roi_align, since=16),
)
