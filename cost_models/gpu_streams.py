"""What kernels bound by memory move on a GPU, and how long that takes.

Softmax and norms work by rows: blocks of threads read a row, reduce it and read it again. A second
reading costs nothing while the rows in work fit a cache, and goes to memory when they do not. A
softmax of up to 1,024 columns keeps each row in the registers of a warp; beyond, a block reads it
three times, in whole vectors, and the elements that fill no whole round of the block one at a time.
Its gradient first multiplies gradient and output (another kernel), then works by rows. The gradient
of a layer norm is two kernels: of the data by rows, of scale and shift by columns. The gradient of
an embedding fills a table with zeros, then adds by index, or sorts the indices first.

Sources: PyTorch's kernels (`aten/src/ATen/native/cuda`: SoftMax.cu, PersistentSoftmax.cuh,
layer_norm_kernel.cu, EmbeddingBackwardKernel.cu), read for what they move; rates fitted by
`benchmarks/cost_models/fit_streams.py`.
"""

from dataclasses import dataclass, fields

from hptc.ir.rows import Rows
from hptc.units import Ns

_WARP_COLUMNS = 1024
_BLOCK_MAX = 1024
_WARP = 32
_VECTOR_BYTES = 16
"""Longest row of a warp softmax, most threads of a block, threads of a warp, widest access."""
_NORM_BLOCK = 128
"""Threads that share a row in a layer norm."""
_SORT_ABOVE = 3072
"""Indices beyond which the gradient of an embedding sorts them."""
_CLIFF = 6
"""How sharply rows stop fitting a cache: the power of (rows in work / cache)."""


@dataclass(frozen=True, slots=True)
class Chip:
    """Where the rows in work live."""

    sm_count: int
    threads_per_sm: int
    l1_bytes: float
    """First-level cache of one multiprocessor."""
    l2_bytes: float
    """Second-level cache that a multiprocessor sees as one."""
    l1_row_share: float
    """Rows in work over L1 at which half of the second readings miss."""
    l2_row_share: float
    l2_speedup: float
    """Rate of the L2 over that of the memory, for tensors that fit."""


@dataclass(frozen=True, slots=True)
class StreamRates:
    """How fast a GPU moves bytes and rows. Efficiencies are shares of the memory's rate."""

    sm_count: int
    memory_bytes_per_ns: float
    elementwise_efficiency: float
    gather_efficiency: float
    softmax_efficiency: float
    softmax_tail_cost: float
    """Cost of a byte moved one element at a time, over one moved in vectors."""
    norm_efficiency: float
    norm_row_ns: float
    """Time of a multiprocessor for the arithmetic of a row, whatever its length."""
    embedding_index_ns: float
    embedding_sort_ns: float


@dataclass(frozen=True, slots=True)
class Traffic:
    """What an operation asks of a GPU.

    Bytes by kind of kernel are weighted by how fast they move: fewer where the L2 serves them, more
    where too few multiprocessors ask for them.
    """

    kernels: int = 0
    moved_bytes: float = 0.0
    """Unweighted: what draws energy."""
    streamed_bytes: float = 0.0
    gathered_bytes: float = 0.0
    softmax_bytes: float = 0.0
    softmax_tail_bytes: float = 0.0
    norm_bytes: float = 0.0
    norm_rows: float = 0.0
    added_indices: float = 0.0
    sorts: float = 0.0

    def __add__(self, other: "Traffic") -> "Traffic":
        """Return the traffic of both."""
        names = (field.name for field in fields(self))
        return Traffic(*(getattr(self, name) + getattr(other, name) for name in names))


def unit_costs(rates: StreamRates) -> Traffic:
    """Return the time in ns of one of everything weighted; kernels are priced where launched."""
    byte_ns = 1 / rates.memory_bytes_per_ns
    softmax_ns = byte_ns / rates.softmax_efficiency
    return Traffic(
        streamed_bytes=byte_ns / rates.elementwise_efficiency,
        gathered_bytes=byte_ns / rates.gather_efficiency,
        softmax_bytes=softmax_ns,
        softmax_tail_bytes=softmax_ns * rates.softmax_tail_cost,
        norm_bytes=byte_ns / rates.norm_efficiency,
        norm_rows=rates.norm_row_ns / rates.sm_count,
        added_indices=rates.embedding_index_ns,
        sorts=rates.embedding_sort_ns,
    )


def traffic_ns(traffic: Traffic, costs: Traffic) -> Ns:
    """Return the device time of a traffic at unit costs."""
    names = (field.name for field in fields(traffic))
    return Ns(sum(getattr(traffic, name) * getattr(costs, name) for name in names))


def streamed(moved_bytes: float, chip: Chip) -> Traffic:
    """Return the traffic of one kernel that passes over its operands once."""
    weighted = moved_bytes * _weight(moved_bytes, chip)
    return Traffic(kernels=1, moved_bytes=moved_bytes, streamed_bytes=weighted)


def gathered(moved_bytes: float, chip: Chip) -> Traffic:
    """Return the traffic of one kernel that looks up rows of a table."""
    weighted = moved_bytes * _weight(moved_bytes, chip)
    return Traffic(kernels=1, moved_bytes=moved_bytes, gathered_bytes=weighted)


def softmax(rows: Rows, chip: Chip) -> Traffic:
    """Return the traffic of a softmax: one tensor read, one written."""
    return _softmax_pass(rows, chip, tensors=2, reread=2)


def log_softmax_backward(rows: Rows, chip: Chip) -> Traffic:
    """Return the traffic of its gradient by rows: two tensors read, one of them twice."""
    return _softmax_pass(rows, chip, tensors=3, reread=1)


def softmax_backward(rows: Rows, chip: Chip) -> Traffic:
    """Return the traffic of the gradient: a product of two tensors, then a pass by rows."""
    return streamed(3 * rows.bytes, chip) + log_softmax_backward(rows, chip)


def norm(rows: Rows, chip: Chip) -> Traffic:
    """Return the traffic of a layer norm: read, read again, written."""
    return _norm_pass(rows, chip, tensors=2, reread=1)


def norm_backward(rows: Rows, chip: Chip) -> Traffic:
    """Return the traffic of its gradients: of the data by rows, of the weights by columns."""
    return norm_data_backward(rows, chip) + norm_weight_backward(rows, chip)


def norm_data_backward(rows: Rows, chip: Chip) -> Traffic:
    """Return the traffic of the gradient of the data alone, as under frozen weights."""
    return _norm_pass(rows, chip, tensors=3, reread=2)


def norm_weight_backward(rows: Rows, chip: Chip) -> Traffic:
    """Return the traffic of the gradients of the weights alone, as above data without one."""
    moved = 2 * rows.bytes
    return Traffic(kernels=1, moved_bytes=moved, norm_bytes=moved * _weight(moved, chip))


def embedding_backward(rows: Rows, table_bytes: float, chip: Chip) -> Traffic:
    """Return the traffic of the gradient of a table: zeros, then one sum per index."""
    if rows.count > _SORT_ABOVE:
        return streamed(table_bytes, chip) + Traffic(kernels=1, sorts=1)
    return streamed(table_bytes, chip) + Traffic(kernels=1, added_indices=rows.count)


def _softmax_pass(rows: Rows, chip: Chip, tensors: int, reread: int) -> Traffic:
    """Return the traffic of one kernel; `tensors` are moved, `reread` of them are read again."""
    moved = tensors * rows.bytes
    weight = _row_weight(moved, rows, chip)
    if rows.length <= _WARP_COLUMNS:
        return Traffic(kernels=1, moved_bytes=moved, softmax_bytes=moved * weight)
    vector = max(_VECTOR_BYTES // rows.item_bytes, 1)
    block = _softmax_block(rows.length, vector)
    whole = rows.length // (block * vector) * block * vector
    tail = -(-(rows.length - whole) // block) * block
    again = reread * rows.bytes * _missing(rows, block, chip)
    column_bytes = tensors * rows.count * rows.item_bytes
    return Traffic(
        kernels=1,
        moved_bytes=moved + again,
        softmax_bytes=(column_bytes * whole + again) * weight,
        softmax_tail_bytes=column_bytes * tail * weight,
    )


def _softmax_block(length: int, vector: int) -> int:
    """Threads that share a row: a power of two, at most half of its vectors."""
    wanted = min(length // vector, _BLOCK_MAX)
    block = 1
    while block < wanted / 2:
        block *= 2
    return max(block, _WARP)


def _norm_pass(rows: Rows, chip: Chip, tensors: int, reread: int) -> Traffic:
    moved = tensors * rows.bytes
    again = reread * rows.bytes * _missing(rows, _NORM_BLOCK, chip)
    return Traffic(
        kernels=1,
        moved_bytes=moved + again,
        norm_bytes=(moved + again) * _row_weight(moved, rows, chip),
        norm_rows=rows.count,
    )


def _missing(rows: Rows, block: int, chip: Chip) -> float:
    """Share of second readings that neither cache serves."""
    blocks = min(rows.count / chip.sm_count, max(chip.threads_per_sm // block, 1))
    in_work = blocks * rows.length * rows.item_bytes
    l1 = _overflow(in_work, chip.l1_row_share * chip.l1_bytes)
    return l1 * _overflow(in_work * chip.sm_count, chip.l2_row_share * chip.l2_bytes)


def _overflow(used: float, size: float) -> float:
    return 1 / (1 + (size / used) ** _CLIFF) if used else 0.0


def _weight(moved_bytes: float, chip: Chip) -> float:
    """What a byte counts: less where all that a kernel touches stays in the L2."""
    return 1 / chip.l2_speedup if moved_bytes <= chip.l2_bytes else 1.0


def _row_weight(moved_bytes: float, rows: Rows, chip: Chip) -> float:
    """What a byte counts in a kernel that gives each row to one multiprocessor.

    All of them together draw at the rate of the L2, so that few rows cannot use the memory's.
    """
    drawn = chip.sm_count / (rows.count * chip.l2_speedup) if rows.count else 0.0
    return max(_weight(moved_bytes, chip), drawn)
