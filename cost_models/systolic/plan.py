"""Matrix products on a gang of systolic arrays that share one memory."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import inf

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


@dataclass(frozen=True, slots=True)
class _Way:
    """How a batch is shared among the arrays: what one of them computes at a time."""

    dataflow: Dataflow
    split_m: bool
    """Idle arrays take parts of m, otherwise of n."""
    parts: int
    part: Gemm
    part_cycles: int
    """Cycles that one part computes."""


def best_plan(batch: Batch, params: SystolicParams) -> Plan:
    """Return the fastest plan; of equally fast ones that of the least energy.

    Ways are tried from the one that computes fastest on, until the next computes for longer than
    another takes with all its stalls.
    """
    if not batch.count * batch.gemm.macs:
        return Plan(0, 0.0, 0, 0, 0, 0)
    plans: list[Plan] = []
    fastest = inf
    for way in sorted(_ways(batch, params), key=lambda way: way.part_cycles):
        if _rounds(batch, params) * way.part_cycles > fastest:
            break
        plans.append(_plan(batch, way, params))
        fastest = min(fastest, plans[-1].cycles)
    return min(
        (plan for plan in plans if plan.cycles == fastest),
        key=lambda plan: energy_pj(plan, params),
    )


def _ways(batch: Batch, params: SystolicParams) -> Iterator[_Way]:
    """Independent products go to different arrays; idle arrays take parts of m or n."""
    spare, whole = params.count // batch.count, batch.gemm
    overlap = FoldOverlap(params.fold_overlap)
    dataflows = tuple(Dataflow) if params.dataflow == "best" else (Dataflow(params.dataflow),)
    for split_m in (True, False) if spare > 1 else (True,):
        extent = whole.m if split_m else whole.n
        part_extent = -(-extent // max(1, spare))
        part = Gemm(part_extent, whole.k, whole.n) if split_m else replace(whole, n=part_extent)
        for dataflow in dataflows:
            part_cycles = cycles(part, params.array, dataflow, overlap)
            yield _Way(dataflow, split_m, -(-extent // part_extent), part, part_cycles)


def _rounds(batch: Batch, params: SystolicParams) -> int:
    """Products that one array computes one after another."""
    return -(-batch.count // params.count)


def _plan(batch: Batch, way: _Way, params: SystolicParams) -> Plan:
    """Parts of one product share an operand, which memory sends once for all of them."""
    p, parts, buffers = params, way.parts, params.buffers
    shape = (way.part, p.array, way.dataflow)
    distinct = _part_words(batch.distinct, parts, way.split_m)
    sram, dram = streamed_words(*shape, buffers, distinct)
    rounds = _rounds(batch, params)
    at_once = -(-batch.count // rounds)
    copies = Words(parts, 1, parts) if way.split_m else Words(1, parts, parts)
    transfers = _transfers(distinct, dram, buffers.half, copies, at_once)
    stalls = stall_cycles(
        folding(*shape), way.dataflow, transfers, way.part_cycles, p.memory_words_per_cycle,
        products=rounds,
    )  # fmt: skip
    macs = batch.count * batch.gemm.macs
    pe_cycles = batch.count * parts * way.part_cycles * p.rows * p.cols
    sent = dram.ifmap * copies.ifmap + dram.filter * copies.filter + dram.ofmap * copies.ofmap
    return Plan(
        compute_cycles=rounds * way.part_cycles,
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
