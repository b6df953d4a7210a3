"""Quantisation to 8 bits and more, and integer contractions."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from hptc.frontend.onnx_ops.conv import conv
from hptc.frontend.onnx_ops.rule import Rule
from hptc.frontend.onnx_ops.types import convert, torch_dtype


def _spread(parameter: Tensor, x: Tensor, axis: int, block: int) -> Tensor:
    """Return a scale or zero point in a shape that broadcasts with `x`."""
    if parameter.numel() == 1:
        return parameter.reshape(())
    axis = axis % x.dim()
    if block:
        return parameter.repeat_interleave(block, axis).narrow(axis, 0, x.shape[axis])
    return parameter.reshape(-1, *(1,) * (x.dim() - 1 - axis))


def _placed(  # noqa: PLR0913  (the signature of ONNX)
    x: Tensor,
    scale: Tensor,
    zero_point: Tensor | None = None,
    *,
    axis: int = 1,
    block_size: int = 0,
    output_dtype: int = 0,
    precision: int = 0,
    saturate: int = 1,
) -> tuple[Tensor, torch.dtype]:
    """Return where `x` lies on the grid of the quantised type, unbounded, and that type."""
    dtype = torch_dtype(output_dtype) if output_dtype else torch.uint8
    dtype = dtype if zero_point is None else zero_point.dtype
    work = torch_dtype(precision) if precision else scale.dtype
    scaled = x.to(work) / _spread(scale, x, axis, block_size).to(work)
    if dtype.is_floating_point:
        return scaled, dtype
    rounded = torch.round(scaled)
    if zero_point is not None:
        rounded = rounded + _spread(zero_point, x, axis, block_size).to(work)
    return rounded, dtype


def _limits(dtype: torch.dtype) -> tuple[float, float]:
    info = torch.finfo(dtype) if dtype.is_floating_point else torch.iinfo(dtype)
    return info.min, info.max


def _quantize(*operands: Tensor, **attributes: Any) -> Tensor:
    placed, dtype = _placed(*operands, **attributes)
    if dtype.is_floating_point:
        return convert(placed, dtype, attributes.get("saturate", 1))
    return placed.clamp(*_limits(dtype)).to(dtype)


def _dequantize(
    x: Tensor,
    scale: Tensor,
    zero_point: Tensor | None = None,
    *,
    axis: int = 1,
    block_size: int = 0,
    output_dtype: int = 0,
) -> Tensor:
    dtype = torch_dtype(output_dtype) if output_dtype else scale.dtype
    centred = x.to(scale.dtype)
    if zero_point is not None:
        centred = centred - _spread(zero_point, x, axis, block_size).to(scale.dtype)
    return (centred * _spread(scale, x, axis, block_size)).to(dtype)


def _quantize_dequantize(  # noqa: PLR0913  (the inputs of both)
    x: Tensor,
    scale: Tensor,
    zero_point: Tensor | None,
    back_scale: Tensor,
    back_zero_point: Tensor | None = None,
    *,
    quantize: Mapping[str, Any],
    dequantize: Mapping[str, Any],
) -> Tensor:
    """Round to the grid of the quantised type; the gradient passes inside its range alone.

    As `torch.fake_quantize_per_tensor_affine`, but rounded as ONNX has it; neither scale nor zero
    point gets a gradient.
    """
    given: list[Any] = [p if p is None else p.detach() for p in (x, scale, zero_point)]
    stored = _quantize(*given, **quantize)
    rounded = _dequantize(stored, back_scale.detach(), back_zero_point, **dequantize)
    placed, dtype = _placed(*given, **quantize)
    low, high = _limits(dtype)
    passed = torch.where((placed >= low) & (placed <= high), x, 0).to(rounded.dtype)
    return rounded + (passed - passed.detach())


def _centred(x: Tensor, zero_point: Tensor | None, *, rows: bool) -> Tensor:
    """Return `x` less its zero point as float64, which holds every integer product exactly."""
    wide = x.double()
    if zero_point is None:
        return wide
    point = zero_point.double()
    return wide - (point.unsqueeze(-1) if rows and point.dim() == 1 else point)


def _matmul_integer(
    a: Tensor, b: Tensor, a_zero: Tensor | None = None, b_zero: Tensor | None = None
) -> Tensor:
    product = torch.matmul(_centred(a, a_zero, rows=True), _centred(b, b_zero, rows=False))
    return product.to(torch.int32)


def _conv_integer(
    x: Tensor,
    w: Tensor,
    x_zero: Tensor | None = None,
    w_zero: Tensor | None = None,
    **attributes: Any,
) -> Tensor:
    weight = w.double()
    if w_zero is not None:
        weight = weight - w_zero.double().reshape(-1, *(1,) * (w.dim() - 1))
    return conv(_centred(x, x_zero, rows=False), weight, **attributes).to(torch.int32)


def _qlinear_matmul(  # noqa: PLR0913, PLR0917  (the signature of ONNX)
    a: Tensor,
    a_scale: Tensor,
    a_zero: Tensor,
    b: Tensor,
    b_scale: Tensor,
    b_zero: Tensor,
    y_scale: Tensor,
    y_zero: Tensor,
) -> Tensor:
    product = _matmul_integer(a, b, a_zero, b_zero)
    a_factor = a_scale.unsqueeze(-1) if a_scale.dim() == 1 else a_scale
    return _quantize(product.to(a_scale.dtype) * (a_factor * b_scale), y_scale, y_zero)


def _qlinear_conv(  # noqa: PLR0913, PLR0917  (the signature of ONNX)
    x: Tensor,
    x_scale: Tensor,
    x_zero: Tensor,
    w: Tensor,
    w_scale: Tensor,
    w_zero: Tensor,
    y_scale: Tensor,
    y_zero: Tensor,
    bias: Tensor | None = None,
    **attributes: Any,
) -> Tensor:
    total = _conv_integer(x, w, x_zero, w_zero, **attributes)
    per_channel = (-1, *(1,) * (x.dim() - 2))
    if bias is not None:
        total = total + bias.reshape(per_channel)
    factor = x_scale * (w_scale.reshape(per_channel) if w_scale.numel() > 1 else w_scale)
    return _quantize(total.to(x_scale.dtype) * factor, y_scale, y_zero)


RULES: tuple[Rule, ...] = (
    Rule("ConvInteger", _conv_integer),
    Rule("DequantizeLinear", _dequantize),
    Rule("MatMulInteger", _matmul_integer),
    Rule("QLinearConv", _qlinear_conv),
    Rule("QLinearMatMul", _qlinear_matmul),
    Rule("QuantizeLinear", _quantize),
    Rule("QuantizeDequantize", _quantize_dequantize, domain="hptc"),
)
