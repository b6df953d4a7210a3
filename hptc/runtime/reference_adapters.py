"""Oracles of the adapters: each form as one dense matrix, written from its paper.

Shares no code with the frontend's forms: diagonal matrices are matrices here, and the Hadamard
transform of `fastfood` is scipy's matrix, split in two, on the whole padded vector.
"""

from collections.abc import Callable, Mapping
from math import sqrt

import torch
from scipy.linalg import hadamard
from torch import Tensor

from hptc.errors import BundleError
from hptc.ir.adapter import Adapter

Tensors = Mapping[str, Tensor]


def merged_weights(state: Tensors, adapters: tuple[Adapter, ...]) -> dict[str, Tensor]:
    """Return the state with each adapted weight replaced by W0 + scale * update."""
    merged = dict(state)
    for adapter in adapters:
        if adapter.form not in _UPDATES:
            raise BundleError(
                f"adapter of {adapter.weight!r}",
                expected=f"one of the forms {', '.join(_UPDATES)}",
                found=repr(adapter.form),
            )
        weight = state[adapter.weight]
        parts = [state[part.name] for part in adapter.parts]
        update = _UPDATES[adapter.form](adapter, parts)
        merged[adapter.weight] = weight + adapter.scale * update.reshape(weight.shape)
    return merged


def _as_stored(adapter: Adapter, update: Tensor) -> Tensor:
    return update.transpose(0, 1) if adapter.transposed else update


def _lora(adapter: Adapter, parts: list[Tensor]) -> Tensor:
    a, b = parts
    return _as_stored(adapter, torch.einsum("ir,ro->io", a, b))


def _lora_xs(adapter: Adapter, parts: list[Tensor]) -> Tensor:
    u, r, v = parts
    return _as_stored(adapter, torch.einsum("ip,pq,qo->io", u, r, v))


def _vera(adapter: Adapter, parts: list[Tensor]) -> Tensor:
    a, d, b, outer = parts
    return _as_stored(adapter, a @ torch.diag(d) @ b @ torch.diag(outer))


def _dense(adapter: Adapter, parts: list[Tensor]) -> Tensor:
    del adapter
    projection, theta = parts
    return torch.einsum("nd,d->n", projection, theta)


def _fastfood(adapter: Adapter, parts: list[Tensor]) -> Tensor:
    theta, signs, permutation, gaussian, *_ = parts
    length, elements = len(gaussian), adapter.inner * adapter.outer
    padded = torch.cat([signs * theta, theta.new_zeros(length - len(theta))])
    mixed = _walsh(gaussian * torch.take(_walsh(padded), permutation))
    return mixed[:elements] / sqrt(elements * length)


def _walsh(vector: Tensor) -> Tensor:
    """Return the Hadamard transform, the matrix being the Kronecker product of two halves."""
    bits = len(vector).bit_length() - 1
    outer, inner = (
        torch.from_numpy(hadamard(1 << count)).to(vector.dtype)
        for count in (bits // 2, bits - bits // 2)
    )
    return (outer @ vector.reshape(len(outer), len(inner)) @ inner.T).flatten()


_UPDATES: Mapping[str, Callable[[Adapter, list[Tensor]], Tensor]] = {
    "lora": _lora,
    "lora-xs": _lora_xs,
    "vera": _vera,
    "dense": _dense,
    "fastfood": _fastfood,
}
