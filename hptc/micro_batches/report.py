"""What the report of a phase says of its micro-batches."""

from hptc.micro_batches.gpu import GpuStep, gpu_step
from hptc.micro_batches.model import MicroBatched, Overlap
from hptc.partition.period.check import memory_bytes
from hptc.schedule.priced import Priced, with_gpu
from hptc.units import PJ_PER_NJ

Json = dict[str, object]


def micro_batch_report(whole: Priced, overlap: Overlap, steps: int) -> Json:
    """Return what a step of micro-batches takes, in ns, nJ and bytes, beside the GPU alone.

    Args:
        whole: The phase.
        overlap: Its micro-batches.
        steps: Of the phase, which count against the write endurance.
    """
    name, alone = with_gpu(whole, steps)
    gpu = gpu_step(alone, MicroBatched.of(alone, steps), name, overlap.count)
    periodic = overlap.periodic
    held = zip(overlap.batch.devices, memory_bytes(overlap.batch, periodic), strict=True)
    return {
        "count": overlap.count,
        "period_ns": periodic.period_ns,
        "period_bound_ns": overlap.period_bound_ns,
        "ramp_ns": periodic.assignment.makespan_ns,
        "update_ns": overlap.updated.makespan_ns,
        "latency_ns": overlap.latency_ns,
        "latency_bound_ns": overlap.latency_bound_ns,
        "energy_nj": overlap.energy_pj / PJ_PER_NJ,
        "memory_bytes": {device.name: size for device, size in held},
        "all_gpu": None if gpu is None else _gpu(gpu),
    }


def _gpu(step: GpuStep) -> Json:
    return {
        "way": step.way,
        "latency_ns": step.latency_ns,
        "energy_nj": step.energy_pj / PJ_PER_NJ,
    }
