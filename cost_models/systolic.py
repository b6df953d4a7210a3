"""Systolic arrays with vector units, working on one task as a gang.

A matrix product is split over the arrays and takes the closed forms of `systolic_gemm`; everything
else runs on the vector units, one lane operation per counted arithmetic operation (`hptc.ir.ops`)
and one per element moved. Memory is shared: a task takes the longer of computing and of moving its
bytes, since transfers are double-buffered. That is a physical bound; SCALE-Sim's stall cycles are
counted twice (its issue #130) and not reproduced.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from cost_models.model import Count, DeviceParams, NonNegative, Positive
from cost_models.systolic_gemm import (
    Array,
    Dataflow,
    FoldOverlap,
    Gemm,
    cycles,
)
from cost_models.systolic_traffic import Buffers, dram_words, sram_words
from cost_models.work import OpWork, TaskWork
from hptc.cost import Cost, DeviceCosts
from hptc.ir.contractions import Contraction
from hptc.units import Ns, Pj

_BYTES_PER_KIB = 1024
_GOPS_PER_TOPS = 1000
_Sizes = tuple[int, int, int, int]
"""Batch, m, k and n of a product."""


class SystolicParams(DeviceParams):
    """Identical systolic arrays over one memory."""

    count: Count
    """Arrays."""
    rows: Count
    cols: Count
    clock_ghz: Positive
    dataflow: Literal["os", "ws", "is", "best"]
    """Stationary operand; `best` takes the fastest for each product."""
    fold_overlap: Literal["scale-sim", "serial", "overlapped"]
    word_bytes: Count
    """Size of one operand word."""
    ifmap_buffer_kib: Positive
    """Buffer of the m x k operand in each array; half of it holds what is computed on."""
    filter_buffer_kib: Positive
    """Buffer of the k x n operand in each array, likewise."""
    ofmap_buffer_kib: Positive
    """Buffer of the results in each array, likewise."""
    memory_bandwidth_bytes_per_ns: Positive
    dispatch_ns: NonNegative
    """To start a task: fetch its descriptor, set up address generators, wait for all arrays."""
    vector_lanes: Count
    """Lanes of the vector unit of one array; one operation a lane and cycle."""
    mac_energy_pj: NonNegative
    vector_energy_pj_per_flop: NonNegative
    buffer_energy_pj_per_byte: NonNegative
    memory_energy_pj_per_byte: NonNegative


@dataclass(frozen=True, slots=True)
class _Usage:
    """What an operation takes of each resource."""

    cycles: int = 0
    macs: int = 0
    vector_ops: int = 0
    buffer_bytes: int = 0
    memory_bytes: int = 0


@dataclass(frozen=True, slots=True)
class SystolicModel:
    """Prices tasks on a gang of systolic arrays."""

    params: SystolicParams

    def device_costs(self, name: str, work: Sequence[TaskWork]) -> DeviceCosts:
        """Return a price for every task: the arrays with their vector units run any operation."""
        sizes = {_sizes(op.gemm) for task in work for op in task.ops if op.gemm}
        products = {shape: self._product(*shape) for shape in sizes}
        return DeviceCosts(
            name=name,
            kind="systolic",
            static_power_w=self.params.static_power_w,
            capacity_crossbars=None,
            tasks={task.name: self._task(task, products) for task in work},
        )

    def figures(self) -> Mapping[str, float]:
        """Return the peak rate of all arrays, a multiplication and an addition a cell and cycle."""
        p = self.params
        return {"peak_tops": 2 * p.count * p.rows * p.cols * p.clock_ghz / _GOPS_PER_TOPS}

    def _task(self, task: TaskWork, products: Mapping[_Sizes, _Usage]) -> Cost:
        p = self.params
        used = [products[_sizes(op.gemm)] if op.gemm else self._vector(op) for op in task.ops]
        moved = sum(usage.memory_bytes for usage in used) + sum(
            op.bytes_read - op.bytes_inner + op.bytes_leaving for op in task.ops if not op.gemm
        )
        compute_ns = sum(usage.cycles for usage in used) / p.clock_ghz
        energy_pj = (
            sum(usage.macs for usage in used) * p.mac_energy_pj
            + sum(usage.vector_ops for usage in used) * p.vector_energy_pj_per_flop
            + sum(usage.buffer_bytes for usage in used) * p.buffer_energy_pj_per_byte
            + moved * p.memory_energy_pj_per_byte
        )
        busy_ns = max(compute_ns, moved / p.memory_bandwidth_bytes_per_ns)
        return Cost(Ns(p.dispatch_ns + busy_ns if busy_ns else 0.0), Pj(energy_pj))

    def _vector(self, op: OpWork) -> _Usage:
        """Arithmetic (or, for pure moves, elements) over all lanes of the gang."""
        work = max(op.flops, op.elements)
        lanes = self.params.vector_lanes * self.params.count
        return _Usage(
            cycles=-(-work // lanes),
            vector_ops=op.flops,
            buffer_bytes=op.bytes_read + op.bytes_written,
        )

    def _product(self, batch: int, m: int, k: int, n: int) -> _Usage:
        """The fastest way to share `batch` products among the arrays."""
        plans = [
            self._plan(batch, Gemm(m, k, n), dataflow, split_m)
            for dataflow in self._dataflows
            for split_m in (True, False)
        ]
        return min(plans, key=lambda usage: (usage.cycles, usage.memory_bytes))

    @property
    def _buffers(self) -> Buffers:
        p = self.params
        kib = (p.ifmap_buffer_kib, p.filter_buffer_kib, p.ofmap_buffer_kib)
        return Buffers(*(int(size * _BYTES_PER_KIB) // p.word_bytes for size in kib))

    @property
    def _dataflows(self) -> tuple[Dataflow, ...]:
        choice = self.params.dataflow
        return tuple(Dataflow) if choice == "best" else (Dataflow(choice),)

    def _plan(self, batch: int, gemm: Gemm, dataflow: Dataflow, split_m: bool) -> _Usage:
        """Independent products go to different arrays; idle arrays take parts of m or n.

        An operand that all parts of a product share is fetched once and multicast.
        """
        p = self.params
        array = Array(p.rows, p.cols)
        share = max(1, p.count // max(1, batch))
        extent = gemm.m if split_m else gemm.n
        part_extent = max(1, -(-extent // share))
        parts = -(-extent // part_extent)
        part = Gemm(part_extent if split_m else gemm.m, gemm.k, gemm.n if split_m else part_extent)
        dram = dram_words(part, array, dataflow, self._buffers)
        ifmap, weights = (parts, 1) if split_m else (1, parts)
        fetched = dram.ifmap * ifmap + dram.filter * weights + dram.ofmap * parts
        rounds = -(-batch // p.count) if share == 1 else 1
        return _Usage(
            cycles=rounds * cycles(part, array, dataflow, FoldOverlap(p.fold_overlap)),
            macs=batch * gemm.macs,
            buffer_bytes=batch * parts * sram_words(part, array, dataflow).total * p.word_bytes,
            memory_bytes=batch * fetched * p.word_bytes,
        )


def _sizes(gemm: Contraction) -> _Sizes:
    return gemm.batch, gemm.m, gemm.k, gemm.n
