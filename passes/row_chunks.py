"""Chunks of rows: which rows each of them holds, and the names of what works on it."""

from collections.abc import Mapping
from dataclasses import dataclass

from hptc.errors import UsageError
from hptc.ir.axes import Rows
from hptc.ir.graph import Graph


@dataclass(frozen=True, slots=True)
class Chunk:
    """One of `count` chunks that differ by one row at most."""

    index: int
    count: int
    extent: int
    """Rows of all chunks."""

    @property
    def rows(self) -> tuple[int, int]:
        """The first row and the one after the last."""
        return self._bound(self.index), self._bound(self.index + 1)

    @property
    def share(self) -> float:
        """Its part of all rows."""
        first, stop = self.rows
        return (stop - first) / self.extent

    @property
    def is_last(self) -> bool:
        """Whether no other chunk follows."""
        return self.index == self.count - 1

    def name(self, whole: str) -> str:
        """Return the name that an operation or a value bears in this chunk."""
        return chunk_name(whole, self.index)

    def _bound(self, index: int) -> int:
        return index * self.extent // self.count


def chunk_name(whole: str, index: int) -> str:
    """Return the name that an operation or a value bears in one chunk."""
    return f"{whole}.rows{index}"


def chunks_of(extent: int, count: int) -> list[Chunk]:
    """Return all chunks of so many rows."""
    return [Chunk(index, count, extent) for index in range(count)]


def row_count(graph: Graph, carried: Mapping[str, Rows], most: int) -> int:
    """Return how many rows the inputs carry.

    Raises:
        UsageError: They do not carry as many, or fewer than `most`.
    """
    counts = {rows.count(graph.by_name[name]) for name, rows in carried.items()}
    if len(counts) != 1 or most > min(counts):
        raise UsageError(
            "row tiling",
            expected="inputs of as many rows, and chunks of at least one",
            found=f"{most} chunks of {', '.join(map(str, sorted(counts))) or 'no'} rows",
        )
    return counts.pop()
