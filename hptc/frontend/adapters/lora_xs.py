"""`lora-xs` (Balazy et al. 2024): x W0 + s ((x U) R) V, only the r x r matrix R trained, from zero.

U holds the first left singular vectors of W0, each times its singular value, V the right ones, so
that U V is the best approximation of W0 of that rank; with `init=random` both are drawn.
"""

from hptc.frontend.adapters.form import ZERO, Matrix, ProductForm
from hptc.ir.adapter import Part, Scheme, Start

_SVD, _RANDOM = "svd", "random"


def _parts(matrix: Matrix, rank: int, init: str) -> tuple[Part, ...]:
    left = right = Start(Scheme.KAIMING_UNIFORM)
    if init == _SVD:
        left = Start(Scheme.LEFT_BASIS, weight=matrix.weight, transposed=matrix.transposed)
        right = Start(Scheme.RIGHT_BASIS, weight=matrix.weight, transposed=matrix.transposed)
    return (
        matrix.frozen("lora_xs_u", (matrix.inner, rank), left),
        matrix.trained("lora_xs_r", (rank, rank), ZERO),
        matrix.frozen("lora_xs_v", (rank, matrix.outer), right),
    )


LORA_XS = ProductForm(_parts, inits=(_SVD, _RANDOM))
