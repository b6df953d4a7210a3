"""The times of probes on a device."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from hptc.calibrate.fit import Sample
from hptc.calibrate.probes import Probe
from hptc.calibrate.timing import Clock, Run, arithmetic
from hptc.ir.dtypes import DType
from hptc.ir.graph import Graph, Value
from hptc.runtime.kernels import compile_kernel
from hptc.runtime.tensors import TORCH_DTYPES


def sampled(clock: Clock, probes: Sequence[Probe], step: Callable[[], None]) -> list[Sample]:
    """Return the time of each probe; `step` is called after each."""
    samples = []
    for probe in probes:
        with arithmetic(probe.precision), torch.no_grad():
            samples.append(Sample(probe, clock.device_ns(_runner(probe.graph, clock.device))))
        step()
    return samples


def _runner(graph: Graph, device: torch.device) -> Run:
    (op,) = graph.ops
    kernel = compile_kernel(op)
    rows = max(value.shape[0] for value in graph.values)
    inputs = {value.name: _drawn(value, rows, device) for value in graph.given}
    return lambda: kernel.run(dict(inputs))


def _drawn(value: Value, rows: int, device: torch.device) -> Tensor:
    """Return random numbers, as indices below `rows` where integers are asked for."""
    if value.dtype is DType.INT64:
        return torch.randint(rows, value.shape, device=device)
    return torch.randn(value.shape, device=device).to(TORCH_DTYPES[value.dtype])
