"""`vera` (Kopiczko et al. 2024): x W0 + s (((x A) * d) B) * b, only the vectors trained.

A and B are drawn once for all matrices of the same sizes; d starts at 0.1 and b at zero.
"""

from hptc.frontend.adapters.form import ZERO, Matrix, ProductForm
from hptc.ir.adapter import Part, Scheme, Start

_D = Start(Scheme.CONSTANT, 0.1)
_DRAWN = Start(Scheme.KAIMING_UNIFORM)


def _parts(matrix: Matrix, rank: int, init: str) -> tuple[Part, ...]:
    del init
    inner, outer, dtype = matrix.inner, matrix.outer, matrix.dtype
    return (
        Part(f"adapter/vera_a/{dtype.value}/{inner}x{rank}", (inner, rank), dtype, _DRAWN),
        matrix.trained("vera_d", (rank,), _D),
        Part(f"adapter/vera_b/{dtype.value}/{rank}x{outer}", (rank, outer), dtype, _DRAWN),
        matrix.trained("vera_b", (outer,), ZERO),
    )


VERA = ProductForm(_parts)
