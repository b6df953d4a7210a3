"""The decompositions used while tracing a step.

Trap (torch 2.13): with the stock table the loss is exact and gradients are silently wrong, through
the backward entry of the CPU flash attention; that entry is dropped. Batch norms with statistics
are kept whole as well, since their decompositions assume strides that differ between fake and real
tensors.

What eager torch runs as one kernel or two stays one operation, so that a GPU is not priced for the
launches of a decomposition that nobody would run on it. Element-wise losses (`mse_loss`,
`huber_loss`) are taken apart all the same: their gradients divide by the number of elements that
they are given, so that whole ones could not be cut into rows; each is two kernels in eager torch
and three operations here.

Entries of ours: `addmm` becomes mm and add, so that a trained bias does not colour a frozen matrix,
`convolution_backward` becomes one operation per matrix gradient and a sum, the gradient of an index
along an axis zeros and a copy, as in eager torch, the bilinear form and its gradients become matrix
products, the gradients of a weight norm products and sums, and random operations draws from the
state of the step.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from string import ascii_lowercase
from typing import Any

import torch
from torch import Tensor
from torch._decomp import core_aten_decompositions

from hptc.frontend.random import Draws, random_rules

aten = torch.ops.aten

_WHOLE = """
    _scaled_dot_product_flash_attention_for_cpu

    _native_batch_norm_legit _native_batch_norm_legit_functional
    _native_batch_norm_legit_no_training native_batch_norm native_batch_norm_backward
    native_group_norm_backward native_layer_norm_backward

    _log_softmax_backward_data _softmax_backward_data embedding_dense_backward
    nll_loss2d_backward nll_loss2d_forward nll_loss_backward nll_loss_forward

    elu_backward gelu_backward glu glu_backward hardshrink hardsigmoid hardsigmoid_backward
    hardswish hardswish_backward hardtanh_backward leaky_relu_backward log_sigmoid_backward
    log_sigmoid_forward mish mish_backward sigmoid_backward silu silu_backward softplus
    softplus_backward softshrink tanh_backward threshold threshold_backward

    reflection_pad1d reflection_pad1d_backward reflection_pad2d reflection_pad2d_backward
    reflection_pad3d reflection_pad3d_backward replication_pad1d replication_pad2d
    replication_pad3d roll tril triu upsample_nearest1d upsample_nearest2d upsample_nearest3d
"""
_KEPT_WHOLE = frozenset(_WHOLE.split())
"""Operations with a kernel of their own on CPU and GPU."""
_ONE_MATRIX = ([True, False, False], [False, True, False])


@cache
def _stock() -> Mapping[Any, Callable[..., Any]]:
    stock: Mapping[Any, Callable[..., Any]] = dict(core_aten_decompositions())
    return {op: rule for op, rule in stock.items() if op.overloadpacket.__name__ not in _KEPT_WHOLE}


def decompositions(draws: Draws | None = None) -> dict[Any, Callable[..., Any]]:
    """Return the table for `make_fx`: overload to rule; random operations draw from `draws`."""
    table = dict(_stock())
    table[aten.addmm.default] = _addmm
    table[aten.convolution_backward.default] = _convolution_backward
    table[aten.select_backward.default] = _select_backward
    table[aten._trilinear.default] = _trilinear
    table[aten._weight_norm_interface_backward.default] = (
        aten._weight_norm_differentiable_backward.default
    )
    table[aten.rrelu_with_noise_backward.default] = _rrelu_backward
    return table | (random_rules(draws) if draws is not None else {})


def _addmm(
    bias: Tensor, left: Tensor, right: Tensor, *, beta: float = 1, alpha: float = 1
) -> Tensor:
    product = torch.mm(left, right)
    product = product if alpha == 1 else product * alpha
    return product + (bias if beta == 1 else bias * beta)


def _rrelu_backward(grad: Tensor, values: Tensor, noise: Tensor, *options: Any) -> Tensor:
    """In training the noise is the slope of each value."""
    low, high, training, is_result = options
    result: Tensor = (
        grad * noise
        if training
        else aten.leaky_relu_backward.default(grad, values, (low + high) / 2, is_result)
    )
    return result


def _convolution_backward(grad: Tensor, *args: object) -> object:
    *common, mask = args
    if not isinstance(mask, Sequence) or list(mask) in _ONE_MATRIX:
        return NotImplemented
    matrices = (
        aten.convolution_backward.default(grad, *common, single)[i] if mask[i] else None
        for i, single in enumerate(_ONE_MATRIX)
    )
    bias = grad.sum([0, *range(2, grad.dim())]) if mask[2] else None
    return (*matrices, bias)


def _select_backward(grad: Tensor, sizes: list[int], dim: int, index: int) -> Tensor:
    start = index % sizes[dim]
    zeros = grad.new_zeros(sizes)
    return torch.slice_scatter(zeros, grad.unsqueeze(dim), dim, start, start + 1)


def _trilinear(*args: Any) -> Tensor:
    """Sum the product of three tensors over some axes; each lacks the axes it is expanded along."""
    tensors, expanded, summed = args[:3], args[3:6], args[6]
    axes = range(tensors[0].dim() + len(expanded[0]))
    *operands, result = (
        "".join(ascii_lowercase[axis] for axis in axes if axis not in missing)
        for missing in (*expanded, summed)
    )
    return torch.einsum(f"{','.join(operands)}->{result}", *tensors)
