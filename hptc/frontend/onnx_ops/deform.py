"""Deformable convolution: samples at learned places, then a contraction."""

import torch
from torch import Tensor

from hptc.frontend.onnx_ops.conv import ones
from hptc.frontend.onnx_ops.rule import Rule

Ints = tuple[int, ...]


def _places(
    offset: Tensor, axis: int, kernel: int, count: int, geometry: tuple[Ints, Ints, Ints]
) -> Tensor:
    """Return where along one axis to sample, as [image, tap * place].

    `offset` is [image, kernel row, kernel column, axis, row, column].
    """
    steps, spread, pads = geometry
    taps = torch.arange(kernel) * spread[axis]
    first = torch.arange(count) * steps[axis] - pads[axis]
    grid = taps.reshape(-1, *(1,) * (3 - axis)) + first.reshape(-1, *(1,) * (1 - axis))
    return (offset[:, :, :, axis] + grid).flatten(1)


def _bilinear(image: Tensor, row: Tensor, column: Tensor) -> Tensor:
    """Return [image, channel, place], interpolated; around the image all is zero."""
    height, width = image.shape[2:]
    flat = image.flatten(2)
    corners = []
    top, left = torch.floor(row.detach()), torch.floor(column.detach())
    for y, row_weight in ((top, top + 1 - row), (top + 1, row - top)):
        for x, column_weight in ((left, left + 1 - column), (left + 1, column - left)):
            inside = (y >= 0) & (y < height) & (x >= 0) & (x < width)
            index = torch.where(inside, y * width + x, 0).long().unsqueeze(1)
            weight = torch.where(inside, row_weight * column_weight, 0).unsqueeze(1)
            corners.append(torch.gather(flat, 2, index.expand(-1, flat.shape[1], -1)) * weight)
    return torch.stack(corners).sum(0)


def _deform_conv(  # noqa: PLR0913  (the signature of ONNX)
    x: Tensor,
    weight: Tensor,
    offset: Tensor,
    bias: Tensor | None = None,
    mask: Tensor | None = None,
    *,
    dilations: Ints | None = None,
    group: int = 1,
    kernel_shape: Ints | None = None,
    offset_group: int = 1,
    pads: Ints | None = None,
    strides: Ints | None = None,
) -> Tensor:
    if x.dim() != 4:  # noqa: PLR2004  (batch, channel, row, column)
        raise ValueError("hptc deforms convolutions over two spatial axes only")
    n, _, *sizes = x.shape
    kernel, out = tuple(weight.shape[2:]), tuple(offset.shape[2:])
    images = n * offset_group
    moved = offset.reshape(images, *kernel, 2, *out)
    geometry = (ones(strides, 2), ones(dilations, 2), pads or (0,) * 4)
    row, column = (_places(moved, i, kernel[i], out[i], geometry) for i in range(2))
    samples = _bilinear(x.reshape(images, -1, *sizes), row, column)
    if mask is not None:
        samples = samples * mask.reshape(images, 1, -1)
    columns = samples.reshape(n, group, -1, out[0] * out[1])
    filters = weight.reshape(group, weight.shape[0] // group, -1)
    result = torch.matmul(filters, columns).reshape(n, weight.shape[0], *out)
    return result if bias is None else result + bias.reshape(-1, 1, 1)


RULES: tuple[Rule, ...] = (Rule("DeformConv", _deform_conv, since=19),)
