"""Gradient clipping by norm, as `torch.nn.utils.clip_grad_norm_` (Pascanu et al. 2013)."""

from collections.abc import Mapping

import torch
from torch import Tensor

_TOO_SMALL = 1e-6
"""Keeps the division sound where all gradients are zero."""


def clip_by_norm(gradients: Mapping[str, Tensor], max_norm: float) -> dict[str, Tensor]:
    """Return the gradients, scaled down together if their total L2 norm is above `max_norm`.

    The norm is taken in float32 at least: the squares of half precision overflow early.
    """
    norms = [
        torch.linalg.vector_norm(gradient, dtype=torch.promote_types(gradient.dtype, torch.float32))
        for gradient in gradients.values()
    ]
    widest = max((norm.dtype for norm in norms), key=lambda dtype: dtype.itemsize)
    total = torch.linalg.vector_norm(torch.stack([norm.to(widest) for norm in norms]))
    factor = torch.clamp(max_norm / (total + _TOO_SMALL), max=1.0)
    return {name: (gradient * factor).to(gradient.dtype) for name, gradient in gradients.items()}
