"""Clocks for work on a device: how long the device takes, and how long the host takes to issue."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from statistics import median
from typing import Protocol

import torch

from cost_models.gpu_gemm_params import Precision
from hptc.units import NS_PER_MS

Run = Callable[[], object]

_WARM_UPS = 3
_SAMPLES = 7
_REPEATS = 10
_ISSUED = 200
"""Kernels issued in a row to time the host: fewer than a device queues (1,024)."""
_SLEEP_CYCLES_PER_NS = 4.0
"""Twice the clock of the fastest GPUs: a device sleeps longer than its host issues."""


class Clock(Protocol):
    """Times what runs on one device."""

    device: torch.device

    def device_ns(self, run: Run) -> float:
        """Return the time that the device takes for one run, queued behind others."""
        ...

    def issue_ns(self, run: Run) -> float:
        """Return the time that the host takes to issue one run."""
        ...

    def graph_gap_ns(self, run: Run) -> float:
        """Return what one node of a recorded graph takes beside its kernel."""
        ...


class CpuClock:
    """The processor is host and device in one: nothing is issued, nothing is recorded."""

    device = torch.device("cpu")

    def device_ns(self, run: Run) -> float:
        """Return the median time of a run."""
        for _ in range(_WARM_UPS):
            run()
        return median(_host_ns(run, 1) for _ in range(_SAMPLES))

    def issue_ns(self, run: Run) -> float:
        """Return 0: what a call takes is part of its run."""
        del run
        return 0.0

    def graph_gap_ns(self, run: Run) -> float:
        """Return 0: there are no graphs."""
        del run
        return 0.0


class CudaClock:
    """Events on the stream of a GPU.

    The device first sleeps while the host issues, so that runs stand one behind the other however
    short they are.
    """

    device = torch.device("cuda")

    def device_ns(self, run: Run) -> float:
        """Return the median time of a run between two events."""
        for _ in range(_WARM_UPS):
            run()
        torch.cuda.synchronize()
        host_ns = _host_ns(run, _REPEATS)
        cycles = int(host_ns * _REPEATS * _SLEEP_CYCLES_PER_NS)
        return median(self._once_ns(run, cycles) for _ in range(_SAMPLES))

    def issue_ns(self, run: Run) -> float:
        """Return the median time from one issue to the next while nothing waits."""
        return median(self._issued_ns(run) for _ in range(_SAMPLES))

    def graph_gap_ns(self, run: Run) -> float:
        """Return the time of a node in a CUDA graph of many, less that of its kernel."""
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            for _ in range(_ISSUED):
                run()
        node_ns = self.device_ns(graph.replay) / _ISSUED
        return max(node_ns - self.device_ns(run), 0.0)

    def _once_ns(self, run: Run, cycles: int) -> float:
        start = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
        end = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
        torch.cuda._sleep(cycles)  # type: ignore[no-untyped-call]
        start.record()
        for _ in range(_REPEATS):
            run()
        end.record()
        torch.cuda.synchronize()
        return float(start.elapsed_time(end)) * NS_PER_MS / _REPEATS

    def _issued_ns(self, run: Run) -> float:
        torch.cuda.synchronize()
        return _host_ns(run, _ISSUED)


@contextmanager
def arithmetic(precision: Precision) -> Iterator[None]:
    """Let products of fp32 tensors use TF32 exactly if the precision is tf32."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high" if precision == "tf32" else "highest")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


def _host_ns(run: Run, repeats: int) -> float:
    start = time.perf_counter_ns()
    for _ in range(repeats):
        run()
    return (time.perf_counter_ns() - start) / repeats
