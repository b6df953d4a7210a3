"""Contractions, normalisations, softmax and dropout."""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from hptc.frontend.onnx_ops.rule import Rule, variadic

_HALF = frozenset({torch.float16, torch.bfloat16})


def gemm(  # noqa: PLR0913  (the signature of ONNX)
    a: Tensor,
    b: Tensor,
    c: Tensor | None = None,
    *,
    alpha: float = 1.0,
    beta: float = 1.0,
    transA: int = 0,  # noqa: N803  (the name in ONNX)
    transB: int = 0,  # noqa: N803  (the name in ONNX)
) -> Tensor:
    """General matrix product; a weight enters it as it is stored."""
    a = a.T if transA else a
    if alpha != 1.0:
        a = a * alpha
    bias = c if c is None or beta == 1.0 else c * beta
    if transB and (bias is None or bias.dim() == 1):
        return functional.linear(a, b, bias)
    product = torch.matmul(a, b.T if transB else b)
    return product if bias is None else product + bias


def _einsum(*operands: Tensor, equation: str) -> Tensor:
    return torch.einsum(equation.replace(" ", ""), *operands)


def softmax(x: Tensor, *, axis: int = -1) -> Tensor:
    """Softmax; in half precision step by step, as the standard rounds."""
    if x.dtype not in _HALF:
        return torch.softmax(x, axis)
    powers = torch.exp(x - torch.amax(x, axis, keepdim=True))
    return powers / torch.sum(powers, axis, keepdim=True)


def _log_softmax(x: Tensor, *, axis: int = -1) -> Tensor:
    return torch.log_softmax(x, axis)


def _hardmax(x: Tensor, *, axis: int = -1) -> Tensor:
    best = torch.argmax(x, axis, keepdim=True)
    return torch.zeros_like(x).scatter(axis, best, torch.ones_like(x))


def _flattened(run: Any) -> Any:
    """Return the meaning before opset 13: rows are all axes from `axis` on, taken together."""

    def flat(x: Tensor, *, axis: int = 1) -> Tensor:
        rows = torch.flatten(x, axis % max(x.dim(), 1))
        result: Tensor = run(rows, axis=-1)
        return result.reshape(x.shape)

    return flat


def _layer_norm(  # noqa: PLR0913  (the signature of ONNX)
    x: Tensor,
    scale: Tensor,
    bias: Tensor | None = None,
    *,
    axis: int = -1,
    epsilon: float = 1e-5,
    stash_type: int = 1,
    outputs: int,
) -> Tensor | tuple[Tensor, ...]:
    axis = axis % x.dim()
    shape = tuple(x.shape[axis:])
    if tuple(scale.shape) == shape and (bias is None or tuple(bias.shape) == shape):
        result = functional.layer_norm(x, shape, scale, bias, epsilon)
    else:
        result = functional.layer_norm(x, shape, None, None, epsilon) * scale
        result = result if bias is None else result + bias
    if outputs == 1:
        return result
    axes = tuple(range(axis, x.dim()))
    mean = torch.mean(x, axes, keepdim=True)
    variance = torch.mean((x - mean) ** 2, axes, keepdim=True)
    return result, mean, torch.rsqrt(variance + epsilon)


def _rms_norm(
    x: Tensor, scale: Tensor, *, axis: int = -1, epsilon: float = 1e-5, stash_type: int = 1
) -> Tensor:
    axes = tuple(range(axis % x.dim(), x.dim()))
    wide = x if x.dtype == torch.float64 else x.float()
    normed = wide * torch.rsqrt(torch.mean(wide * wide, axes, keepdim=True) + epsilon)
    return normed.to(x.dtype) * scale


def batch_norm(  # noqa: PLR0913  (the signature of ONNX)
    x: Tensor,
    scale: Tensor,
    bias: Tensor,
    mean: Tensor,
    variance: Tensor,
    *,
    epsilon: float = 1e-5,
    momentum: float = 0.9,
    training_mode: int = 0,
) -> Tensor | tuple[Tensor, Tensor, Tensor]:
    """Normalise each channel by stored statistics, or in training mode by the batch's own."""
    if not training_mode:
        return functional.batch_norm(x, mean, variance, scale, bias, False, 0.0, epsilon)
    axes = tuple(axis for axis in range(x.dim()) if axis != 1)
    batch_mean = torch.mean(x, axes)
    batch_variance = torch.var(x, axes, correction=0)
    result = functional.batch_norm(x, None, None, scale, bias, True, 0.0, epsilon)
    return (
        result,
        mean * momentum + batch_mean * (1 - momentum),
        variance * momentum + batch_variance * (1 - momentum),
    )


def _instance_norm(x: Tensor, scale: Tensor, bias: Tensor, *, epsilon: float = 1e-5) -> Tensor:
    return functional.instance_norm(x, weight=scale, bias=bias, eps=epsilon)


def _group_norm(
    x: Tensor,
    scale: Tensor,
    bias: Tensor,
    *,
    num_groups: int,
    epsilon: float = 1e-5,
    stash_type: int = 1,
) -> Tensor:
    return functional.group_norm(x, num_groups, scale, bias, epsilon)


def _group_norm_per_group(
    x: Tensor, scale: Tensor, bias: Tensor, *, num_groups: int, epsilon: float = 1e-5
) -> Tensor:
    """Opset 18: scale and bias hold one number a group."""
    share = x.shape[1] // num_groups
    spread = (scale.repeat_interleave(share), bias.repeat_interleave(share))
    return functional.group_norm(x, num_groups, *spread, epsilon)


def _lp_norm(x: Tensor, *, axis: int = -1, p: int = 2) -> Tensor:
    size = torch.linalg.vector_norm(x, ord=p, dim=axis, keepdim=True)
    return torch.where(size == 0, torch.zeros_like(x), x / size)


def _mean_variance_norm(x: Tensor, *, axes: tuple[int, ...] = (0, 2, 3)) -> Tensor:
    centred = x - torch.mean(x, axes, keepdim=True)
    return centred / (torch.sqrt(torch.mean(centred * centred, axes, keepdim=True)) + 1e-9)


def _local_response_norm(
    x: Tensor, *, size: int, alpha: float = 1e-4, beta: float = 0.75, bias: float = 1.0
) -> Tensor:
    return functional.local_response_norm(x, size, alpha, beta, bias)


def _dropout(
    x: Tensor,
    ratio: Any = 0.5,
    training: Any = None,
    *,
    seed: int | None = None,
    is_test: int = 1,
    outputs: int,
) -> Tensor | tuple[Tensor, Tensor]:
    """Dropout is off, as in evaluation mode; the mask keeps everything."""
    return x if outputs == 1 else (x, torch.ones_like(x, dtype=torch.bool))


RULES: tuple[Rule, ...] = (
    *variadic(
        {
            "BatchNormalization": batch_norm,
            "Einsum": _einsum,
            "Gemm": gemm,
            "GroupNormalization": _group_norm_per_group,
            "InstanceNormalization": _instance_norm,
            "LRN": _local_response_norm,
            "LpNormalization": _lp_norm,
            "MatMul": torch.matmul,
            "MeanVarianceNormalization": _mean_variance_norm,
            "RMSNormalization": _rms_norm,
            "Softmax": _flattened(softmax),
            "LogSoftmax": _flattened(_log_softmax),
            "Hardmax": _flattened(_hardmax),
        }
    ),
    Rule("GroupNormalization", _group_norm, since=21),
    Rule("Softmax", softmax, since=13),
    Rule("LogSoftmax", _log_softmax, since=13),
    Rule("Hardmax", _hardmax, since=13),
    Rule("LayerNormalization", _layer_norm, counts_outputs=True),
    Rule("Dropout", _dropout, counts_outputs=True),
)
