"""How kernels reach a GPU: issued one by one by a host, or recorded as a CUDA graph.

Eager, host and device are two machines in a line that serve kernels in one order (a flow shop, S.
M. Johnson 1954): a kernel starts once it is issued and the one before it is done. With h and d the
issue and device times, the last one is done at `max over j of h_1 + ... + h_j + d_j + ... + d_n`.
A step whose kernels are all short takes the sum of h, one whose kernels are all long the sum of d.

A task is priced without its neighbours: at max(sum of h, sum of d), its share of a queue in which
neither machine waits for the other. Such prices added over a step are at least the larger sum of
the step, and at most one task's smaller sum below its exact time. They are above it where the host
runs ahead in one task and lags in another, since a price alone cannot carry a lead over; a transfer
to another device ends a lead anyway, because the host waits for what it hands on. Over the steps of
transformers in `benchmarks/cost_models/gpu_steps.py`, one task a kernel, prices add up to 0.7 %
above the exact time on average and 6 % at most; with launches of 25 us to 4 % and 40 %.

A graph is issued once a step, so the device alone counts, with a short gap before each node.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from hptc.units import Ns

LaunchMode = Literal["eager", "cuda-graph"]


@dataclass(frozen=True, slots=True)
class Kernel:
    """One launch, or a share of one that serves many tensors."""

    launches: float
    device_ns: float
    energy_pj: float


@dataclass(frozen=True, slots=True)
class Launch:
    """How kernels are issued, and what that takes."""

    mode: LaunchMode
    overhead_ns: float
    """Host time to issue one kernel eagerly."""
    node_gap_ns: float
    """Device time between two nodes of a graph."""

    def task_ns(self, kernels: Iterable[Kernel]) -> Ns:
        """Return the price of kernels without their neighbours in the queue."""
        launches = device_ns = 0.0
        for kernel in kernels:
            launches += kernel.launches
            device_ns += kernel.device_ns
        if self.mode == "cuda-graph":
            return Ns(device_ns + launches * self.node_gap_ns)
        return Ns(max(launches * self.overhead_ns, device_ns))

    def step_ns(self, kernels: Iterable[Kernel | None]) -> Ns:
        """Return when the last of a step's kernels is done, by an idle host and device.

        Args:
            kernels: In the order of issue; None where the host waits until the device is idle.
        """
        if self.mode == "cuda-graph":
            return self.task_ns(kernel for kernel in kernels if kernel is not None)
        issued_ns = done_ns = 0.0
        for kernel in kernels:
            if kernel is None:
                issued_ns = done_ns = max(issued_ns, done_ns)
                continue
            issued_ns += kernel.launches * self.overhead_ns
            done_ns = max(issued_ns, done_ns) + kernel.device_ns
        return Ns(max(issued_ns, done_ns))
