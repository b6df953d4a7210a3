"""What a form of reparametrisation has to say for itself."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from hptc.ir.adapter import Adapter, Part, Scheme, Start
from hptc.ir.dtypes import DType

ZERO = Start(Scheme.CONSTANT, 0.0)


@dataclass(frozen=True, slots=True)
class Matrix:
    """A weight seen as the matrix [inner, outer] of the product x @ W."""

    weight: str
    inner: int
    """Contracted extent (times the kernel, for a convolution)."""
    outer: int
    transposed: bool
    """The weight is stored [out, in, ...]."""
    dtype: DType

    @property
    def numel(self) -> int:
        """Number of elements."""
        return self.inner * self.outer

    def trained(self, label: str, shape: tuple[int, ...], start: Start) -> Part:
        """Return a trained part, named after the weight."""
        return Part(f"{self.weight}.{label}", shape, self.dtype, start, is_trained=True)

    def frozen(
        self, label: str, shape: tuple[int, ...], start: Start, dtype: DType | None = None
    ) -> Part:
        """Return a frozen part, named after the weight."""
        return Part(f"{self.weight}.{label}", shape, dtype or self.dtype, start)


class Parts(Protocol):
    """Says which parts a form adds to a matrix."""

    def __call__(self, matrix: Matrix, rank: int, init: str) -> tuple[Part, ...]:
        """Return the parts.

        Args:
            matrix: The matrix to adapt.
            rank: The rank, or the number of trained coordinates.
            init: One of the form's `inits`.
        """
        ...


@dataclass(frozen=True, slots=True)
class ProductForm:
    """A form whose update is the product of its parts in order, a vector being a diagonal.

    The product is never formed where a linear map, a look-up or a convolution meets the weight.
    """

    parts: Parts
    alpha: float | None = None
    """Default of alpha; the scale is alpha / rank, or 1 without it."""
    rank: int = 8
    """Default of r."""
    rank_keys: tuple[str, ...] = ("r",)
    inits: tuple[str, ...] = ()
    """Values of the option `init`, the default first; empty if there is no such option."""

    def largest(self, matrix: Matrix) -> int:
        """Return the largest rank that suits a matrix."""
        return min(matrix.inner, matrix.outer)


@dataclass(frozen=True, slots=True)
class MatrixForm:
    """A form whose update is a whole matrix, formed once a step from trained coordinates."""

    parts: Parts
    update: Callable[[Adapter, tuple[Tensor, ...]], Tensor]
    """From the tensors of the parts to the elements of the update as stored, in a row, unscaled."""
    alpha: float | None = None
    rank: int = 64
    rank_keys: tuple[str, ...] = ("r", "d")
    inits: tuple[str, ...] = ()

    def largest(self, matrix: Matrix) -> int:
        """Return the largest number of coordinates that suits a matrix."""
        return matrix.numel


Form = ProductForm | MatrixForm
