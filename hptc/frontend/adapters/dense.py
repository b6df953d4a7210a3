"""`dense` (Li et al. 2018): W0 + s reshape(P theta), theta of d coordinates trained, from zero.

P is a frozen Gaussian matrix [elements of W0, d] with columns of length 1. It is never stored, but
drawn when the phase is entered.
"""

import torch
from torch import Tensor

from hptc.frontend.adapters.form import ZERO, Matrix, MatrixForm
from hptc.ir.adapter import Adapter, Part, Scheme, Start


def _parts(matrix: Matrix, rank: int, init: str) -> tuple[Part, ...]:
    del init
    return (
        matrix.frozen("dense_p", (matrix.numel, rank), Start(Scheme.UNIT_COLUMNS)),
        matrix.trained("dense_theta", (rank,), ZERO),
    )


def _update(adapter: Adapter, parts: tuple[Tensor, ...]) -> Tensor:
    del adapter
    projection, theta = parts
    return torch.mm(projection, theta.unsqueeze(1))  # a contraction, which aten.mv is not kept as


DENSE = MatrixForm(_parts, _update)
