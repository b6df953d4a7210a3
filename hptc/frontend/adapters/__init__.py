"""The forms of reparametrisation, and what each makes of a frozen weight."""

from collections.abc import Mapping
from functools import reduce

import torch
from torch import Tensor

from hptc.frontend.adapters.dense import DENSE
from hptc.frontend.adapters.fastfood import FASTFOOD
from hptc.frontend.adapters.form import Form, ProductForm
from hptc.frontend.adapters.lora import LORA
from hptc.frontend.adapters.lora_xs import LORA_XS
from hptc.frontend.adapters.vera import VERA
from hptc.ir.adapter import Adapter

FORMS: Mapping[str, Form] = {
    "lora": LORA,
    "lora-xs": LORA_XS,
    "vera": VERA,
    "dense": DENSE,
    "fastfood": FASTFOOD,
}


def part_tensors(adapter: Adapter, given: Mapping[str, Tensor]) -> tuple[Tensor, ...]:
    """Return the tensors of the parts in order, out of tensors by name."""
    return tuple(given[part.name] for part in adapter.parts)


def merged(weight: Tensor, adapter: Adapter, given: Mapping[str, Tensor]) -> Tensor:
    """Return W0 + scale * update as the weight is stored.

    Args:
        weight: W0; a convolution's [out, in, ...] counts as the matrix [out, in * ...].
        adapter: The form, the scale and the layout.
        given: The parts by name.
    """
    form, parts = FORMS[adapter.form], part_tensors(adapter, given)
    if isinstance(form, ProductForm):
        update = product(parts)
        update = update.t() if adapter.transposed else update
    else:
        update = form.update(adapter, parts)
    return weight + scaled(update.reshape(weight.shape), adapter.scale)


def scaled(tensor: Tensor, scale: float) -> Tensor:
    """Return scale * tensor, without an operation where the scale is 1."""
    return tensor if scale == 1 else scale * tensor


def product(factors: tuple[Tensor, ...]) -> Tensor:
    """Return the product of matrices and (as vectors) diagonal matrices, as a matrix."""
    return reduce(_times, factors)


def _times(left: Tensor, right: Tensor) -> Tensor:
    if right.dim() == 1:
        return left * right
    return left.unsqueeze(1) * right if left.dim() == 1 else torch.mm(left, right)
