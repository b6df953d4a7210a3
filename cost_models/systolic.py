"""Systolic arrays with vector units, working on one task as a gang.

A matrix product is split over the arrays and takes the closed forms of `systolic_gemm`; everything
else runs on the vector units, one lane operation per counted arithmetic operation (`hptc.ir.ops`)
and one per element moved. Memory is shared: a task takes the longer of computing and of moving its
bytes, since transfers are double-buffered. That is a physical bound; SCALE-Sim's stall cycles are
counted twice (its issue #130) and not reproduced.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Literal

from cost_models.model import Count, DeviceParams, NonNegative, Positive
from cost_models.systolic_gemm import (
    Array,
    Dataflow,
    FoldOverlap,
    Gemm,
    cycles,
    dram_words,
    sram_words,
)
from cost_models.work import OpWork, TaskWork
from hptc.cost import Cost, DeviceCosts
from hptc.ir.ops import Contraction
from hptc.units import Ns, Pj

_BYTES_PER_KIB = 1024


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
    buffer_kib: Positive
    """Buffer of each operand in each array; half of it holds what is computed on."""
    memory_bandwidth_bytes_per_ns: Positive
    vector_lanes: Count
    """Lanes of the vector unit of one array; one operation a lane and cycle."""
    mac_energy_pj: NonNegative
    vector_energy_pj_per_flop: NonNegative
    buffer_energy_pj_per_byte: NonNegative
    memory_energy_pj_per_byte: NonNegative


@dataclass(frozen=True, slots=True)
class _Usage:
    """What an operation takes of each resource."""

    cycles: float = 0.0
    macs: int = 0
    vector_ops: int = 0
    buffer_bytes: int = 0
    memory_bytes: int = 0


@dataclass(frozen=True, slots=True)
class SystolicModel:
    """Prices tasks on a gang of systolic arrays."""

    params: SystolicParams

    def device_costs(self, name: str, work: Sequence[TaskWork], steps: int) -> DeviceCosts:
        """Return a price for every task: the arrays with their vector units run any operation."""
        del steps  # arrays do not wear
        return DeviceCosts(
            name=name,
            kind="systolic",
            static_power_w=self.params.static_power_w,
            capacity_crossbars=None,
            tasks={task.name: self._task(task) for task in work},
        )

    def gemm_cycles(self, gemm: Contraction) -> float:
        """Return the compute cycles of a batched product on the whole gang."""
        return self._gemm(gemm).cycles

    def _task(self, task: TaskWork) -> Cost:
        p = self.params
        used = [self._gemm(op.gemm) if op.gemm else self._vector(op) for op in task.ops]
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
        return Cost(Ns(max(compute_ns, moved / p.memory_bandwidth_bytes_per_ns)), Pj(energy_pj))

    def _vector(self, op: OpWork) -> _Usage:
        """Arithmetic (or, for pure moves, elements) over all lanes of the gang."""
        work = max(op.flops, op.elements)
        lanes = self.params.vector_lanes * self.params.count
        return _Usage(
            cycles=ceil(work / lanes),
            vector_ops=op.flops,
            buffer_bytes=op.bytes_read + op.bytes_written,
        )

    def _gemm(self, gemm: Contraction) -> _Usage:
        """The fastest way to share a product among the arrays."""
        plans = [
            self._plan(gemm, dataflow, split) for dataflow in self._dataflows for split in ("m", "n")
        ]
        return min(plans, key=lambda usage: (usage.cycles, usage.memory_bytes))

    @property
    def _dataflows(self) -> tuple[Dataflow, ...]:
        choice = self.params.dataflow
        return tuple(Dataflow) if choice == "best" else (Dataflow(choice),)

    def _plan(self, gemm: Contraction, dataflow: Dataflow, split: str) -> _Usage:
        """Independent products go to different arrays; idle arrays take parts of m or n.

        An operand that all parts of a product share is fetched once and multicast.
        """
        p = self.params
        array = Array(p.rows, p.cols)
        share = max(1, p.count // max(1, gemm.batch))
        m, n = gemm.m, gemm.n
        extent = m if split == "m" else n
        part_extent = ceil(extent / share)
        parts = ceil(extent / part_extent) if part_extent else 1
        part = Gemm(part_extent, gemm.k, n) if split == "m" else Gemm(m, gemm.k, part_extent)
        rounds = ceil(gemm.batch / p.count) if share == 1 else 1
        half_words = int(p.buffer_kib * _BYTES_PER_KIB) // (2 * p.word_bytes)
        dram = dram_words(part, array, dataflow, half_words)
        ifmap, weights = (dram.ifmap * parts, dram.filter) if split == "m" else (
            dram.ifmap, dram.filter * parts
        )  # fmt: skip
        sram = sram_words(part, array, dataflow).total * parts
        return _Usage(
            cycles=rounds * cycles(part, array, dataflow, FoldOverlap(p.fold_overlap)),
            macs=gemm.macs,
            buffer_bytes=gemm.batch * sram * p.word_bytes,
            memory_bytes=gemm.batch * (ifmap + weights + dram.ofmap * parts) * p.word_bytes,
        )
