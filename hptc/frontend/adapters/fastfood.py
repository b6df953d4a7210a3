"""`fastfood` (Le et al. 2013, Aghajanyan et al. 2020): W0 + s reshape(S H G Pi H B theta).

theta of d coordinates is trained, from zero, and filled up with zeros to N, the power of two at or
above the elements D of W0; B are signs, Pi is a permutation, G normal, H the Hadamard transform of
N. The scalar S = 1 / sqrt(N D) gives the D rows kept columns of length 1 in expectation. With
theta zero from n = the power of two at or above d on, H B theta repeats the transform of the first
n coordinates N / n times, so element i of Pi H B theta is element Pi(i) mod n of that small
transform, and only the second transform is of size N.

A transform is a product of Kronecker factors H_m, m at most 128 (what a crossbar takes): a few
matrix products, instead of log2 N rounds of additions.
"""

from math import sqrt

import torch
from torch import Tensor

from hptc.frontend.adapters.form import ZERO, Matrix, MatrixForm
from hptc.ir.adapter import Adapter, Part, Scheme, Start
from hptc.ir.dtypes import DType

_LARGEST_FACTOR = 128


def _parts(matrix: Matrix, rank: int, init: str) -> tuple[Part, ...]:
    del init
    short, long = _power(rank), _power(matrix.numel)
    sizes = sorted({*_factors(short), *_factors(long)})
    return (
        matrix.trained("fastfood_theta", (rank,), ZERO),
        matrix.frozen("fastfood_b", (rank,), Start(Scheme.SIGNS)),
        matrix.frozen("fastfood_pi", (long,), Start(Scheme.PERMUTATION), DType.INT64),
        matrix.frozen("fastfood_g", (long,), Start(Scheme.NORMAL)),
        *(_hadamard(size, matrix.dtype) for size in sizes),
    )


def _hadamard(size: int, dtype: DType) -> Part:
    name = f"adapter/hadamard/{dtype.value}/{size}"
    return Part(name, (size, size), dtype, Start(Scheme.HADAMARD))


def _update(adapter: Adapter, parts: tuple[Tensor, ...]) -> Tensor:
    theta, signs, permutation, gaussian, *matrices = parts
    hadamard = {matrix.shape[0]: matrix for matrix in matrices}
    elements, short, long = adapter.inner * adapter.outer, _power(adapter.rank), len(permutation)
    scaled = theta * (signs / sqrt(elements * long))
    padded = torch.nn.functional.pad(scaled, (0, short - adapter.rank))
    repeated = _transform(padded, hadamard)[permutation % short]
    return _transform(gaussian * repeated, hadamard)[:elements]


def _transform(vector: Tensor, hadamard: dict[int, Tensor]) -> Tensor:
    """Return H @ vector, H the Kronecker product of the factors of its length.

    Each factor transforms the leading axis, which then moves to the end.
    """
    result = vector
    for size in _factors(len(vector)):
        result = (hadamard[size] @ result.reshape(size, -1)).t()
    return result.reshape(-1)


def _power(count: int) -> int:
    """Return the power of two at or above a positive number."""
    return 1 << (count - 1).bit_length()


def _factors(size: int) -> tuple[int, ...]:
    """Split a power of two into factors of at most 128, as few as there can be."""
    found = []
    while size > _LARGEST_FACTOR:
        found.append(_LARGEST_FACTOR)
        size //= _LARGEST_FACTOR
    return (*found, size)


FASTFOOD = MatrixForm(_parts, _update)
