"""`lora` (Hu et al. 2022): x W0 + s (x A) B, both factors trained, B from zero."""

from hptc.frontend.adapters.form import ZERO, Matrix, ProductForm
from hptc.ir.adapter import Part, Scheme, Start


def _parts(matrix: Matrix, rank: int, init: str) -> tuple[Part, ...]:
    del init
    return (
        matrix.trained("lora_a", (matrix.inner, rank), Start(Scheme.KAIMING_UNIFORM)),
        matrix.trained("lora_b", (rank, matrix.outer), ZERO),
    )


LORA = ProductForm(_parts, alpha=64.0)
