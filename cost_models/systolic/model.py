"""Systolic arrays with vector units, working on one task as a gang.

A matrix product is split over the arrays (`plan`); everything else runs on the vector units, whose
operations of one task stream together: they take the longer of computing and of moving their bytes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cost_models.systolic.folding import Gemm
from cost_models.systolic.params import SystolicParams
from cost_models.systolic.plan import Batch, Plan, best_plan, energy_pj
from cost_models.systolic.traffic import Words
from cost_models.systolic.vector import VectorWork, vector_work
from cost_models.work import OpWork, TaskWork
from hptc.cost import Cost, DeviceCosts
from hptc.ir.contractions import Contraction
from hptc.units import Ns, Pj


@dataclass(frozen=True, slots=True)
class SystolicModel:
    """Prices tasks on a gang of systolic arrays."""

    params: SystolicParams

    def device_costs(self, name: str, work: Sequence[TaskWork]) -> DeviceCosts:
        """Return a price for every task: the arrays with their vector units run any operation."""
        batches = {_batch(op, op.gemm) for task in work for op in task.ops if op.gemm}
        plans = {batch: best_plan(batch, self.params) for batch in batches}
        return DeviceCosts(
            name=name,
            kind="systolic",
            static_power_w=self.params.static_power_w + self.params.leakage_w,
            capacity_crossbars=None,
            tasks={task.name: self._task(task, plans) for task in work},
        )

    def figures(self) -> Mapping[str, float]:
        """Return the peak rate, the area and the leakage of all arrays with their buffers."""
        p = self.params
        return {"peak_tops": p.peak_tops, "area_mm2": p.area_mm2, "leakage_w": p.leakage_w}

    def _task(self, task: TaskWork, plans: Mapping[Batch, Plan]) -> Cost:
        p = self.params
        products = [plans[_batch(op, op.gemm)] for op in task.ops if op.gemm]
        streams = [_Stream(op, vector_work(op, p)) for op in task.ops if not op.gemm]
        moved = sum(stream.memory_bytes for stream in streams)
        product_ns = sum(plan.cycles for plan in products) / p.clock_ghz
        vector_ns = sum(stream.work.cycles for stream in streams) / p.clock_ghz
        busy_ns = product_ns + max(vector_ns, moved / p.memory_bandwidth_bytes_per_ns)
        energy = (
            sum(energy_pj(plan, p) for plan in products)
            + sum(stream.work.arithmetic for stream in streams) * p.vector_energy_pj_per_flop
            + sum(stream.work.specials for stream in streams) * p.special_function_energy_pj
            + sum(stream.buffer_bytes for stream in streams) * p.buffer_energy_pj_per_byte
            + moved * p.memory_energy_pj_per_byte
        )
        return Cost(Ns(p.dispatch_ns + busy_ns if busy_ns else 0.0), Pj(energy))


@dataclass(frozen=True, slots=True)
class _Stream:
    """An operation of the vector units."""

    op: OpWork
    work: VectorWork

    @property
    def buffer_bytes(self) -> int:
        return self.op.bytes_read * self.work.buffer_passes + self.op.bytes_written

    @property
    def memory_bytes(self) -> int:
        """What comes from other tasks or goes to them, and what does not fit to be read again."""
        again = self.op.bytes_read * (self.work.memory_passes - 1)
        return self.op.bytes_read - self.op.bytes_inner + again + self.op.bytes_leaving


def _batch(op: OpWork, gemm: Contraction) -> Batch:
    """A contraction, with the words of its operands in memory, as if each product had a share."""
    shares = (op.left_elements, op.right_elements, op.elements)
    each = max(1, gemm.batch)
    words = Words(*(-(-elements // each) for elements in shares))
    return Batch(gemm.batch, Gemm(gemm.m, gemm.k, gemm.n), words)
