"""A low-rank update of one frozen weight, as data: names, sizes, layout."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Adapter:
    """W0 + scale * A @ B with A [inner, rank] and B [rank, outer] trained in the phase `low`."""

    weight: str
    inner: int
    """Contracted extent (times the kernel, for a convolution)."""
    outer: int
    rank: int
    scale: float
    transposed: bool
    """The weight is stored [out, in, ...]."""

    @property
    def a(self) -> str:
        """Name of A."""
        return f"{self.weight}.lora_a"

    @property
    def b(self) -> str:
        """Name of B."""
        return f"{self.weight}.lora_b"
