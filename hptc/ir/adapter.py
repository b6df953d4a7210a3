"""A reparametrised weight of the phase `low`, as data: the tensors it adds and how each starts."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from hptc.ir.dtypes import DType


class Scheme(Enum):
    """How the numbers of a new tensor come about."""

    CONSTANT = "constant"
    KAIMING_UNIFORM = "kaiming-uniform"
    """Uniform within 1 / sqrt(fan_in), fan_in being the first extent."""
    NORMAL = "normal"
    UNIT_COLUMNS = "unit-columns"
    """Normal, then each column divided by its length."""
    SIGNS = "signs"
    """-1 or 1."""
    PERMUTATION = "permutation"
    HADAMARD = "hadamard"
    """Sylvester's matrix of the first extent, a power of two, with entries -1 and 1."""
    LEFT_BASIS = "left-basis"
    """The first left singular vectors of a weight, each times its singular value, as columns."""
    RIGHT_BASIS = "right-basis"
    """The first right singular vectors of a weight, as rows."""


RANDOM = frozenset(
    {
        Scheme.KAIMING_UNIFORM,
        Scheme.NORMAL,
        Scheme.UNIT_COLUMNS,
        Scheme.SIGNS,
        Scheme.PERMUTATION,
    }
)
"""Schemes that draw, and so need a seed."""


@dataclass(frozen=True, slots=True)
class Start:
    """What a new tensor holds when its phase is entered."""

    scheme: Scheme
    value: float = 0.0
    """Of CONSTANT."""
    weight: str = ""
    """Of the bases: the weight as it is at that moment."""
    transposed: bool = False
    """Whether that weight is stored [out, in, ...]."""


@dataclass(frozen=True, slots=True)
class Part:
    """A tensor that an adapter adds; adapters may share a frozen one."""

    name: str
    shape: tuple[int, ...]
    dtype: DType
    start: Start
    is_trained: bool = False


@dataclass(frozen=True, slots=True)
class Adapter:
    """A frozen weight W0 that stands for W0 + scale * update, the update made of `parts`."""

    form: str
    weight: str
    inner: int
    """Contracted extent (times the kernel, for a convolution)."""
    outer: int
    rank: int
    """Or the number of trained coordinates."""
    scale: float
    transposed: bool
    """The weight is stored [out, in, ...]."""
    parts: tuple[Part, ...]
    """In the order in which the form computes with them."""

    @property
    def trained(self) -> tuple[str, ...]:
        """Names of the trained parts."""
        return tuple(part.name for part in self.parts if part.is_trained)


def parts_of(adapters: Iterable[Adapter]) -> tuple[Part, ...]:
    """Return the parts of adapters, a shared one once."""
    return tuple({part.name: part for item in adapters for part in item.parts}.values())
