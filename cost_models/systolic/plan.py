"""Matrix products on a gang of systolic arrays that share one memory."""

from collections.abc import Sequence
from dataclasses import dataclass

from cost_models.systolic.folding import Dataflow, FoldOverlap, Gemm, cycles, folding
from cost_models.systolic.params import SystolicParams
from cost_models.systolic.stalls import Operand, Transfers, stall_cycles
from cost_models.systolic.traffic import Words, streamed_words
from hptc.units import Pj

_WORDS_A_MAC = 3
"""Registers that a processing element writes for a product: two operands and the sum."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Equal products, and the words of each of their operands in memory."""

    count: int
    gemm: Gemm
    distinct: Words


@dataclass(frozen=True, slots=True)
class Plan:
    """One way to compute a batch: what it takes of each resource."""

    compute_cycles: int
    stall_cycles: float
    macs: int
    idle_pe_cycles: int
    buffer_words: int
    memory_words: int

    @property
    def cycles(self) -> float:
        """From the first word fetched to the last one written."""
        return self.compute_cycles + self.stall_cycles


def energy_pj(plan: Plan, params: SystolicParams) -> Pj:
    """Return the energy of a plan, without leakage."""
    p = params
    return Pj(
        plan.macs * p.mac_energy_pj
        + plan.macs * _WORDS_A_MAC * p.word_bytes * p.register_energy_pj_per_byte
        + plan.idle_pe_cycles * p.idle_pe_energy_pj_per_cycle
        + plan.buffer_words * p.word_bytes * p.buffer_energy_pj_per_byte
        + plan.memory_words * p.word_bytes * p.memory_energy_pj_per_byte
    )


def best_plan(batch: Batch, params: SystolicParams) -> Plan:
    """Return the fastest plan; of equally fast ones that of the least energy."""
    spare = params.count >= 2 * batch.count
    plans = [
        _plan(batch, dataflow, split_m, params)
        for dataflow in _dataflows(params)
        for split_m in ((True, False) if spare else (True,))
    ]
    fastest = min(plan.cycles for plan in plans)
    return min(
        (plan for plan in plans if plan.cycles == fastest),
        key=lambda plan: energy_pj(plan, params),
    )


def _dataflows(params: SystolicParams) -> Sequence[Dataflow]:
    if params.dataflow == "best":
        return tuple(Dataflow)
    return (Dataflow(params.dataflow),)


def _plan(batch: Batch, dataflow: Dataflow, split_m: bool, params: SystolicParams) -> Plan:
    """Independent products go to different arrays; idle arrays take parts of m or n.

    Parts of one product share an operand, which memory sends once for all of them.
    """
    p, whole = params, batch.gemm
    if not batch.count * whole.macs:
        return Plan(0, 0.0, 0, 0, 0, 0)
    extent = whole.m if split_m else whole.n
    part_extent = -(-extent // max(1, p.count // batch.count))
    parts = -(-extent // part_extent)
    gemm = Gemm(part_extent if split_m else whole.m, whole.k, whole.n if split_m else part_extent)
    distinct = _part_words(batch.distinct, parts, split_m)
    sram, dram = streamed_words(gemm, p.array, dataflow, p.buffers, distinct)
    rounds = -(-batch.count // p.count)
    at_once = -(-batch.count // rounds)
    copies = Words(parts, 1, parts) if split_m else Words(1, parts, parts)
    transfers = _transfers(distinct, dram, p.buffers.half, copies, at_once)
    compute = cycles(gemm, p.array, dataflow, FoldOverlap(p.fold_overlap))
    fold = folding(gemm, p.array, dataflow)
    stalls = stall_cycles(
        fold, dataflow, transfers, compute, p.memory_words_per_cycle, products=rounds
    )
    macs = batch.count * whole.macs
    pe_cycles = batch.count * parts * compute * p.rows * p.cols
    sent = dram.ifmap * copies.ifmap + dram.filter * copies.filter + dram.ofmap * copies.ofmap
    return Plan(
        compute_cycles=rounds * compute,
        stall_cycles=stalls,
        macs=macs,
        idle_pe_cycles=max(0, pe_cycles - macs),
        buffer_words=batch.count * parts * (sram.total + dram.total),
        memory_words=batch.count * sent,
    )


def _part_words(whole: Words, parts: int, split_m: bool) -> Words:
    """Words of the largest part of a product: of one operand and the results."""
    ifmap, weights = -(-whole.ifmap // parts), -(-whole.filter // parts)
    results = -(-whole.ofmap // parts)
    return Words(ifmap, whole.filter, results) if split_m else Words(whole.ifmap, weights, results)


def _transfers(distinct: Words, dram: Words, half: Words, copies: Words, at_once: int) -> Transfers:
    """Transfers of all arrays that work at once."""

    def operand(distinct: int, moved: int, half: int, copies: int) -> Operand:
        times = copies * at_once
        return Operand(distinct * times, moved * times, half * times)

    return Transfers(
        operand(distinct.ifmap, dram.ifmap, half.ifmap, copies.ifmap),
        operand(distinct.filter, dram.filter, half.filter, copies.filter),
        operand(distinct.ofmap, dram.ofmap, half.ofmap, copies.ofmap),
    )
