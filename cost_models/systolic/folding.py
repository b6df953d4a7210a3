"""How one matrix product occupies one systolic array, and for how long.

Source: the closed forms of SCALE-Sim 3.0.0 (GitHub scalesim-project/SCALE-Sim 1d62b68), written
down from its outputs in `reference/cost_models/README.md` section 1. They give its cycles and its
three utilisations exactly.

A product of an M x K by a K x N matrix occupies the array in folds. The stationary dimensions
(Sr on rows, Sc on columns) are cut into `ceil(Sr/R) * ceil(Sc/C)` folds and the remaining one, T,
streams through each of them.
"""

from dataclasses import dataclass
from enum import Enum


class Dataflow(Enum):
    """Which operand stays in the array while the others stream."""

    OUTPUT = "os"
    WEIGHT = "ws"
    INPUT = "is"


class FoldOverlap(Enum):
    """How a fold follows the one before."""

    SCALE_SIM = "scale-sim"
    """One after the other, counted as SCALE-Sim prints it: F*L - 1 (its last cycle is 0-based)."""
    SERIAL = "serial"
    """One after the other: F*L."""
    OVERLAPPED = "overlapped"
    """Filling and draining hide behind the stream of the neighbouring fold."""


@dataclass(frozen=True, slots=True)
class Gemm:
    """A product of an m x k matrix (ifmap) by a k x n matrix (filter)."""

    m: int
    k: int
    n: int

    @property
    def macs(self) -> int:
        """Multiply-accumulates."""
        return self.m * self.k * self.n


@dataclass(frozen=True, slots=True)
class Array:
    """The shape of one systolic array, in processing elements."""

    rows: int
    cols: int


@dataclass(frozen=True, slots=True)
class Folding:
    """How a product is laid on an array."""

    on_rows: int
    on_cols: int
    streamed: int
    row_folds: int
    col_folds: int
    fold_cycles: int

    @property
    def folds(self) -> int:
        """Number of folds."""
        return self.row_folds * self.col_folds


def folding(gemm: Gemm, array: Array, dataflow: Dataflow) -> Folding:
    """Return how `gemm` folds on `array`.

    The cycles of one fold are L = T + R + C - 2 (os) or T + 2R + C - 2 (ws, is, which first load
    the stationary operand through R rows).
    """
    rows, cols = array.rows, array.cols
    load = 0 if dataflow is Dataflow.OUTPUT else rows
    if dataflow is Dataflow.OUTPUT:
        on_rows, on_cols, streamed = gemm.m, gemm.n, gemm.k
    elif dataflow is Dataflow.WEIGHT:
        on_rows, on_cols, streamed = gemm.k, gemm.n, gemm.m
    else:
        on_rows, on_cols, streamed = gemm.k, gemm.m, gemm.n
    return Folding(
        on_rows, on_cols, streamed, -(-on_rows // rows), -(-on_cols // cols),
        streamed + load + rows + cols - 2,
    )  # fmt: skip


def cycles(gemm: Gemm, array: Array, dataflow: Dataflow, overlap: FoldOverlap) -> int:
    """Return the cycles that the array computes, without waiting for memory.

    With overlap, every fold after the first costs the longer of its stream and of the R cycles in
    which operands or results move through the rows.
    """
    if not gemm.macs:
        return 0
    fold = folding(gemm, array, dataflow)
    if overlap is FoldOverlap.OVERLAPPED:
        return fold.fold_cycles + (fold.folds - 1) * max(fold.streamed, array.rows)
    return fold.folds * fold.fold_cycles - (overlap is FoldOverlap.SCALE_SIM)


def mapping_efficiency(gemm: Gemm, array: Array, dataflow: Dataflow) -> float:
    """Return the share of processing elements that folds occupy, Sr*Sc / (F*R*C)."""
    fold = folding(gemm, array, dataflow)
    return fold.on_rows * fold.on_cols / (fold.folds * array.rows * array.cols)


def overall_utilisation(gemm: Gemm, array: Array, dataflow: Dataflow) -> float:
    """Return M*K*N / (cycles * R * C), with the cycles as SCALE-Sim counts them."""
    total = cycles(gemm, array, dataflow, FoldOverlap.SCALE_SIM)
    return gemm.macs / (total * array.rows * array.cols)


def compute_utilisation(gemm: Gemm, array: Array, dataflow: Dataflow) -> float:
    """Return Sr*Sc*T / (F*R*C*L2) as SCALE-Sim prints it.

    L2 is T + R + C - 2 (os) or T + 2R + 2C - 3 (ws, is): not the cycles of a fold, a quirk of the
    tool that is kept so that its numbers can be compared.
    """
    fold = folding(gemm, array, dataflow)
    length = fold.fold_cycles
    if dataflow is not Dataflow.OUTPUT:
        length += array.cols - 1
    busy = fold.on_rows * fold.on_cols * fold.streamed
    return busy / (fold.folds * array.rows * array.cols * length)
