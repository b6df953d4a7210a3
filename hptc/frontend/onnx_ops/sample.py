"""Sampling at computed places, and adding up at such."""

import torch
from torch import Tensor
from torch.nn import functional

from hptc.frontend.onnx_ops.rule import Rule

_MODES = {"linear": "bilinear", "cubic": "bicubic"}
"""Names of opset 20 and later; opset 16 uses torch's own."""


def _grid_sample(
    x: Tensor,
    grid: Tensor,
    *,
    align_corners: int = 0,
    mode: str = "linear",
    padding_mode: str = "zeros",
) -> Tensor:
    return functional.grid_sample(
        x, grid, _MODES.get(mode, mode), padding_mode, align_corners=bool(align_corners)
    )


def _col2im(
    x: Tensor,
    image_shape: tuple[int, ...],
    block_shape: tuple[int, ...],
    *,
    dilations: tuple[int, ...] | None = None,
    pads: tuple[int, ...] | None = None,
    strides: tuple[int, ...] | None = None,
) -> Tensor:
    rank = len(image_shape)
    spread = dilations or (1,) * rank
    steps = strides or (1,) * rank
    pads = pads or (0,) * (2 * rank)
    padded = [n + pads[i] + pads[rank + i] for i, n in enumerate(image_shape)]
    places = torch.zeros((1, 1), dtype=torch.int64)
    for i in range(rank):
        count = (padded[i] - spread[i] * (block_shape[i] - 1) - 1) // steps[i] + 1
        block = torch.arange(block_shape[i]) * spread[i]
        along = block.unsqueeze(1) + torch.arange(count) * steps[i]
        joined = places[:, None, :, None] * padded[i] + along[None, :, None, :]
        places = joined.reshape(places.shape[0] * len(block), -1)
    channels = x.shape[1] // places.shape[0]
    flat = torch.zeros((x.shape[0], channels, torch.Size(padded).numel()), dtype=x.dtype)
    index = places.reshape(1, 1, -1).expand(x.shape[0], channels, -1)
    image = flat.scatter_add(2, index, x.reshape(x.shape[0], channels, -1))
    image = image.reshape(x.shape[0], channels, *padded)
    for i, n in enumerate(image_shape):
        image = image.narrow(2 + i, pads[i], n)
    return image


RULES: tuple[Rule, ...] = (
    Rule("Col2Im", _col2im, static=(1, 2)),
    Rule("GridSample", _grid_sample),
)
