"""Words that one matrix product moves, between memory, buffers and one systolic array.

Source: SCALE-Sim 3.0.0 (GitHub scalesim-project/SCALE-Sim 1d62b68). SRAM counts are written down
from its outputs (`reference/cost_models/README.md` section 1). DRAM counts are derived from what
its `memory/read_buffer_estimate_bw.py` and `write_buffer.py` do to the addresses of a GEMM:

* A read buffer collects the words that it fetches; a word among them is a hit. Once half of the
  buffer is full, all of them are forgotten together, and collecting starts again.
* A write buffer fills lines as wide as the array. When more than half of it is used, the line in
  hand is padded, and half a buffer of lines drains.

Both reduce to closed forms, because an operand is read in passes over the same words in the same
order. Folds run down the rows first: the column of folds is the outer loop.
"""

from dataclasses import dataclass

from cost_models.systolic.folding import Array, Dataflow, Gemm, folding

_SETS = 100
"""SCALE-Sim counts a read buffer in hundredths."""


@dataclass(frozen=True, slots=True)
class Words:
    """Words of each operand."""

    ifmap: int
    filter: int
    ofmap: int

    @property
    def total(self) -> int:
        """All three together."""
        return self.ifmap + self.filter + self.ofmap


@dataclass(frozen=True, slots=True)
class Buffers:
    """Double buffers of one array, in words; half of each holds what is computed on."""

    ifmap: int
    filter: int
    ofmap: int

    @property
    def half(self) -> Words:
        """What half of each buffer holds, as SCALE-Sim rounds it."""
        return Words(_read_half(self.ifmap), _read_half(self.filter), max(1, self.ofmap // 2))


def _read_half(words: int) -> int:
    return max(1, _SETS // 2 * (words // _SETS))


def sram_words(gemm: Gemm, array: Array, dataflow: Dataflow) -> Words:
    """Return the words that SCALE-Sim counts between the buffers and the array.

    Its os write count adds R + C for each fold; that quirk is part of the reference and kept.
    """
    if not gemm.macs:
        return Words(0, 0, 0)
    fold = folding(gemm, array, dataflow)
    ifmap, weights, outputs = gemm.m * gemm.k, gemm.k * gemm.n, gemm.m * gemm.n
    if dataflow is Dataflow.OUTPUT:
        padding = fold.folds * (array.rows + array.cols)
        return Words(ifmap * fold.col_folds, weights * fold.row_folds, outputs + padding)
    if dataflow is Dataflow.WEIGHT:
        return Words(ifmap * fold.col_folds, weights, outputs * fold.row_folds)
    return Words(ifmap, weights * fold.col_folds, outputs * fold.row_folds)


def dram_words(gemm: Gemm, array: Array, dataflow: Dataflow, buffers: Buffers) -> Words:
    """Return the words that SCALE-Sim fetches from and writes to memory."""
    if not gemm.macs:
        return Words(0, 0, 0)
    half, distinct = buffers.half, Words(gemm.m * gemm.k, gemm.k * gemm.n, gemm.m * gemm.n)
    ifmap, weights = _fetched(gemm, array, dataflow, half, distinct)
    written = distinct.ofmap
    if dataflow is not Dataflow.OUTPUT:
        written *= folding(gemm, array, dataflow).row_folds
    return Words(ifmap, weights, _drained(written, array.cols, half.ofmap))


def streamed_words(
    gemm: Gemm, array: Array, dataflow: Dataflow, buffers: Buffers, distinct: Words
) -> tuple[Words, Words]:
    """Return the words that the buffers and the memory move, as hardware would.

    Three corrections to SCALE-Sim's counts. Memory sends `distinct` words: where the windows of a
    convolution overlap, address generators repeat them at the buffer. Partial results of ws and is
    are read back to be added to, and go to memory only where a column of folds overflows half of
    the ofmap's buffer. The padding of os writes and of drains is left out.

    On 60 convolutions run with SCALE-Sim, which knows that windows overlap, the words of the ifmap
    are 14 % off on average (357 % with `distinct` as large as the matrix of all windows).

    Args:
        gemm: The product.
        array: Its array.
        dataflow: Its stationary operand.
        buffers: Of the array.
        distinct: Words of each operand in memory.
    """
    if not gemm.macs:
        return Words(0, 0, 0), Words(0, 0, 0)
    fold, half = folding(gemm, array, dataflow), buffers.half
    sram = sram_words(gemm, array, dataflow)
    outputs, partial = gemm.m * gemm.n, 0
    if dataflow is not Dataflow.OUTPUT:
        partial = 2 * outputs * (fold.row_folds - 1)
    held = fold.streamed * min(array.cols, fold.on_cols) <= half.ofmap
    return (
        Words(sram.ifmap, sram.filter, outputs + partial),
        Words(
            *_fetched(gemm, array, dataflow, half, distinct),
            distinct.ofmap if held else distinct.ofmap + partial,
        ),
    )


def _fetched(
    gemm: Gemm, array: Array, dataflow: Dataflow, half: Words, distinct: Words
) -> tuple[int, int]:
    """Words of the ifmap and of the filter.

    The stationary operand of ws and is is fetched once. The one that streams through every column
    of folds is fetched once if it fits, else once a column. The filter of os is read in blocks of C
    columns, each once a row of folds.
    """
    fold = folding(gemm, array, dataflow)
    ifmap, weights = distinct.ifmap, distinct.filter
    if dataflow is Dataflow.INPUT:
        return ifmap, _passes(weights, fold.col_folds, half.filter)
    ifmap = _passes(ifmap, fold.col_folds, half.ifmap)
    if dataflow is Dataflow.OUTPUT:
        whole = gemm.k * gemm.n
        room = half.filter * whole // weights  # for what `weights` words in memory stand for
        fetched = _blocks(gemm.k, gemm.n, array.cols, fold.row_folds, room)
        weights = -(-fetched * weights // whole)
    return ifmap, weights


def _passes(words: int, passes: int, half: int) -> int:
    """Fetch for `passes` over the same words.

    A buffer that they fill, even to the last word, forgets them.
    """
    return words if words < half else words * passes


def _blocks(depth: int, width: int, block_width: int, passes: int, half: int) -> int:
    """Fetch for `passes` over each block of columns of a depth x width matrix before the next.

    A block that fits is read again only where it fills the buffer up: its head, fetched before, is
    forgotten with all the rest and fetched once more. That leaves the buffer with this block alone,
    and as many as it held before follow until it is full again. A block that does not fit is read
    again in every pass. The last block may be narrower than the others.
    """
    block = depth * min(block_width, width)
    full, rest = divmod(depth * width, block)
    if passes == 1:
        return depth * width
    if block < half:
        held = (half - 1) // block
        fetched = full * block + (full - 1) // held * (half - held * block)
        filled = ((full - 1) % held + 1) * block
    else:
        fetched = full * block * passes
        filled = fetched % half
    if rest >= half:
        return fetched + rest * passes
    head = half - filled if rest and filled + rest >= half else 0
    return fetched + rest + head


def _drained(words: int, line: int, half: int) -> int:
    """Words written, with the padding of the one line that a drain cuts short.

    The first drain starts with one word more than half of the buffer. If lines divide the half,
    that word pads a line of its own, which the next drain writes in full, and every later drain
    falls between lines. If they do not, drains take the padded line last, and its padding is not
    counted.
    """
    cut = half % line == 0 and half > line and words > half + 1
    return words + (line - 1 if cut else 0)
