"""Convolutions over any number of spatial axes, and what they share with pooling."""

from collections.abc import Callable

from torch import Tensor
from torch.nn import functional

from hptc.frontend.onnx_ops.rule import Rule, variadic
from hptc.frontend.onnx_ops.shape import interleave

Ints = tuple[int, ...]

_CONV: tuple[Callable[..., Tensor], ...] = (
    functional.conv1d,
    functional.conv2d,
    functional.conv3d,
)
_CONV_TRANSPOSE: tuple[Callable[..., Tensor], ...] = (
    functional.conv_transpose1d,
    functional.conv_transpose2d,
    functional.conv_transpose3d,
)


def same_pads(x: Tensor, kernel: Ints, steps: Ints, dilations: Ints, auto_pad: str) -> list[int]:
    """Return begins then ends for `SAME_UPPER` and `SAME_LOWER`; zeros for `VALID`."""
    begins, ends = [], []
    for size, width, step, dilation in zip(x.shape[2:], kernel, steps, dilations, strict=True):
        span = (width - 1) * dilation + 1
        total = max((-(-size // step) - 1) * step + span - size, 0)
        total = total if auto_pad.startswith("SAME") else 0
        small = total // 2
        begins.append(total - small if auto_pad == "SAME_LOWER" else small)
        ends.append(small if auto_pad == "SAME_LOWER" else total - small)
    return begins + ends


def ones(value: Ints | None, rank: int) -> Ints:
    """Return `value`, or the default of strides and dilations."""
    return (1,) * rank if value is None else tuple(value)


def conv(  # noqa: PLR0913  (the signature of ONNX)
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    *,
    auto_pad: str = "NOTSET",
    dilations: Ints | None = None,
    group: int = 1,
    kernel_shape: Ints | None = None,
    pads: Ints | None = None,
    strides: Ints | None = None,
) -> Tensor:
    """Convolve over all spatial axes."""
    rank = x.dim() - 2
    steps, spread = ones(strides, rank), ones(dilations, rank)
    if auto_pad != "NOTSET":
        pads = tuple(same_pads(x, tuple(weight.shape[2:]), steps, spread, auto_pad))
    pads = (0,) * (2 * rank) if pads is None else pads
    begins, ends = pads[:rank], pads[rank:]
    if begins != ends:
        x, begins = functional.pad(x, interleave(pads)), (0,) * rank
    return _CONV[rank - 1](x, weight, bias, steps, begins, spread, group)


def _conv_transpose(  # noqa: PLR0913  (the signature of ONNX)
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    *,
    auto_pad: str = "NOTSET",
    dilations: Ints | None = None,
    group: int = 1,
    kernel_shape: Ints | None = None,
    output_padding: Ints | None = None,
    output_shape: Ints | None = None,
    pads: Ints | None = None,
    strides: Ints | None = None,
) -> Tensor:
    rank = x.dim() - 2
    steps, spread = ones(strides, rank), ones(dilations, rank)
    extra = (0,) * rank if output_padding is None else output_padding
    pads = (0,) * (2 * rank) if pads is None else pads
    run = _CONV_TRANSPOSE[rank - 1]
    placed = output_shape is not None or auto_pad.startswith("SAME")
    if not placed and pads[:rank] == pads[rank:]:
        fits = all(e < max(s, d) for e, s, d in zip(extra, steps, spread, strict=True))
        if fits:
            return run(x, weight, bias, steps, pads[:rank], extra, group, spread)
    full = run(x, weight, None, steps, 0, 0, group, spread)
    sizes = [size + more for size, more in zip(full.shape[2:], extra, strict=True)]
    if placed:
        grown = tuple(n * step for n, step in zip(x.shape[2:], steps, strict=True))
        wanted = grown if output_shape is None else output_shape[-rank:]
        pads = _transpose_pads(sizes, wanted, auto_pad)
    for axis in range(rank):
        full = _crop(full, axis + 2, pads[axis], sizes[axis] - pads[axis] - pads[rank + axis])
    return full if bias is None else full + bias.reshape(-1, *(1,) * rank)


def _crop(x: Tensor, axis: int, start: int, length: int) -> Tensor:
    missing = start + length - x.shape[axis]
    if missing > 0:
        x = functional.pad(x, [0, 0] * (x.dim() - 1 - axis) + [0, missing])
    return x if (start, length) == (0, x.shape[axis]) else x.narrow(axis, start, length)


def _transpose_pads(sizes: list[int], wanted: Ints, auto_pad: str) -> Ints:
    totals = [size - want for size, want in zip(sizes, wanted, strict=True)]
    small = [total // 2 for total in totals]
    large = [total - half for total, half in zip(totals, small, strict=True)]
    return tuple(small + large if auto_pad == "SAME_UPPER" else large + small)


RULES: tuple[Rule, ...] = (*variadic({"Conv": conv, "ConvTranspose": _conv_transpose}),)
