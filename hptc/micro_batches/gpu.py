"""The same micro-batches on the GPU alone: one after the other, or all in one larger batch."""

import math
from dataclasses import dataclass

from cost_models.larger_batch import enlarged
from cost_models.price import price_device
from cost_models.work import count_work
from hptc.micro_batches.model import MicroBatched
from hptc.schedule.priced import Priced


@dataclass(frozen=True, slots=True)
class GpuStep:
    """What a step of all micro-batches takes on the GPU."""

    way: str
    """`accumulated` or `one batch`."""
    latency_ns: int
    energy_pj: float


def gpu_step(alone: Priced, micro: MicroBatched, gpu: str, count: int) -> GpuStep | None:
    """Return the faster way to run `count` micro-batches; None if the GPU cannot run them.

    The GPU is busy all the time, and so is its static power drawn.

    Args:
        alone: The phase on a target with the GPU.
        micro: The same, with the sums of gradients.
        gpu: Name of the device.
        count: Micro-batches of a step.
    """
    device = alone.posed.devices.index(gpu)
    power = alone.posed.problem.devices[device].static_power_pj_per_ns
    found = {"accumulated": _accumulated(micro, device, count)}
    found["one batch"] = _one_batch(alone, gpu, count)
    steps = [
        GpuStep(way, math.ceil(taken[0]), taken[1] + power * math.ceil(taken[0]))
        for way, taken in found.items()
        if taken is not None
    ]
    return min(steps, key=lambda step: step.latency_ns, default=None)


def _accumulated(micro: MicroBatched, device: int, count: int) -> tuple[float, float] | None:
    """Return time in ns and dynamic energy in pJ of one micro-batch after the other."""
    time_ns = energy_pj = 0
    for tasks, times in ((micro.every, count), (micro.last, 1)):
        for task in (micro.problem.tasks[t] for t in tasks):
            mode = next((mode for mode in task.modes if mode.device == device), None)
            if mode is None:
                return None
            time_ns += times * mode.duration_ns
            energy_pj += times * mode.energy_pj
    return time_ns, energy_pj


def _one_batch(alone: Priced, gpu: str, count: int) -> tuple[float, float] | None:
    """Return the same of a batch so many times as large."""
    work = enlarged(alone.graph, count_work(alone.graph, alone.tasks), count)
    prices = price_device(alone.target.device(gpu), work).tasks
    costs = [cost for cost in prices.values() if cost is not None]
    if len(costs) < len(work):
        return None
    return sum(cost.latency_ns for cost in costs), sum(cost.energy_pj for cost in costs)
