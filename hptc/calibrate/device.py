"""What a device is, and its peak rates: all that a target needs before anything is fitted."""

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import inf

import torch

from cost_models.gpu_gemm_params import Precision
from hptc.calibrate.probes import ELEMENT_TYPES, Sizes
from hptc.calibrate.timing import Clock, CpuClock, CudaClock, arithmetic
from hptc.errors import UsageError
from hptc.runtime.tensors import TORCH_DTYPES
from hptc.units import FLOP_PER_NS_PER_TFLOPS

Numbers = dict[str, tuple[float, str]]
"""Value and source of keys of a GPU."""

_TENSOR_CORES: Mapping[Precision, tuple[int, int]] = {
    "fp16": (7, 0),
    "tf32": (8, 0),
    "bf16": (8, 0),
}
"""First compute capability with tensor cores for each precision."""
_TWO_PARTITIONS = frozenset({(8, 0), (9, 0)})
"""Compute capabilities whose second-level cache is in two halves (A100, H100)."""
_IDLE_SHARE = 0.1
_TENSORS_AT_ONCE = 16
"""Of fp32, with room for what torch keeps for reuse."""
_SMI_TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True)
class Facts:
    """Properties and peak rates of a device."""

    numbers: Numbers
    precisions: tuple[Precision, ...]
    """Arithmetic that its matrix products can use."""


def clock_of(device: str) -> Clock:
    """Return the clock of `cuda` or `cpu`; raises UsageError where torch has no such device."""
    if device == "cpu":
        return CpuClock()
    if device != "cuda":
        raise UsageError(f"--device {device}", expected="cuda or cpu", found=repr(device))
    if not torch.cuda.is_available():
        built = "without" if torch.version.cuda is None else "with"
        raise UsageError(
            "--device cuda",
            expected="a CUDA GPU that torch can use",
            found=f"none (torch {torch.__version__}, built {built} CUDA)",
            hint="Run this on the machine with the GPU, with a CUDA build of torch and a driver "
            "that nvidia-smi can see; --device cpu describes the processor of this machine.",
        )
    return CudaClock()


def within_memory(clock: Clock, sizes: Sizes) -> Sizes:
    """Return the sizes, with tensors so small that an operation fits the free memory of a GPU."""
    if clock.device.type != "cuda":
        return sizes
    free_bytes, _ = torch.cuda.mem_get_info()
    elements = sizes.elements
    while elements * _TENSORS_AT_ONCE * 4 > free_bytes:
        elements //= 2
    return replace(sizes, elements=max(elements, 1))


def facts_of(clock: Clock, sizes: Sizes, tdp_w: float | None) -> Facts:
    """Return the properties of a device, its power and its peak rates.

    Args:
        clock: Of the device.
        sizes: How large the operations are that reach the peaks.
        tdp_w: Its thermal design power in W, where the driver does not tell.

    Raises:
        UsageError: The power is not known.
    """
    cuda = clock.device.type == "cuda"
    if tdp_w is not None and not 0 < tdp_w < inf:
        raise UsageError(f"--tdp-w {tdp_w:g}", expected="a power above 0 W", found=f"{tdp_w:g}")
    numbers = _powers(_smi_powers() if cuda else None, tdp_w)  # before the device is at work
    numbers |= _cuda_properties() if cuda else _cpu_properties()
    precisions: tuple[Precision, ...] = ("fp32", *(_tensor_precisions() if cuda else ()))
    for precision in precisions:
        rate = _peak_tflops(clock, precision, sizes.edge)
        numbers[f"{precision}_peak_tflops"] = (rate, "fastest of its square products")
    numbers["sustained_clock"] = (1.0, "the peaks were measured at the clock that the device keeps")
    numbers |= _rates(clock, sizes.elements)
    return Facts(numbers, precisions)


def device_name(clock: Clock) -> str:
    """Return what a device calls itself."""
    if clock.device.type == "cuda":
        return str(torch.cuda.get_device_name())
    return f"CPU with {torch.get_num_threads()} threads"


def _rates(clock: Clock, elements: int) -> Numbers:
    large = torch.zeros(elements, device=clock.device)
    tiny = torch.zeros(32, device=clock.device)
    copied = 2 * large.nbytes / clock.device_ns(large.clone)
    return {
        "memory_bandwidth_bytes_per_ns": (copied, "a copy, bytes read and written"),
        "launch_overhead_ns": (clock.issue_ns(lambda: tiny + 1), "small kernels issued in a row"),
        "graph_node_gap_ns": (
            clock.graph_gap_ns(lambda: tiny + 1),
            "nodes of a graph of small kernels, less the kernels",
        ),
    }


def _peak_tflops(clock: Clock, precision: Precision, edge: int) -> float:
    with arithmetic(precision):
        square = torch.randn(edge, edge, device=clock.device).to(
            TORCH_DTYPES[ELEMENT_TYPES[precision]]
        )
        return 2 * edge**3 / clock.device_ns(lambda: square @ square) / FLOP_PER_NS_PER_TFLOPS


def _tensor_precisions() -> tuple[Precision, ...]:
    capability = torch.cuda.get_device_capability()
    return tuple(name for name, first in _TENSOR_CORES.items() if capability >= first)


def _cuda_properties() -> Numbers:
    found = torch.cuda.get_device_properties()
    halves = 2 if (found.major, found.minor) in _TWO_PARTITIONS else 1
    return {
        "sm_count": (found.multi_processor_count, "CUDA device properties"),
        "threads_per_sm": (found.max_threads_per_multi_processor, "CUDA device properties"),
        "l1_bytes": (
            found.shared_memory_per_multiprocessor,
            "CUDA device properties: shared memory of a multiprocessor, which is part of the cache",
        ),
        "l2_bytes": (found.L2_cache_size // halves, f"CUDA device properties, divided by {halves}"),
    }


def _cpu_properties() -> Numbers:
    numbers: Numbers = {"sm_count": (torch.get_num_threads(), "threads of torch")}
    for key, name in (("l1_bytes", "SC_LEVEL1_DCACHE_SIZE"), ("l2_bytes", "SC_LEVEL3_CACHE_SIZE")):
        size = os.sysconf(name) if name in os.sysconf_names else 0
        if size > 0:
            numbers[key] = (size, f"sysconf {name}")
    return numbers


def _powers(driver_w: tuple[float, float] | None, tdp_w: float | None) -> Numbers:
    if driver_w is not None:
        limit_w, idle_w = driver_w
        return {
            "tdp_w": (tdp_w or limit_w, "--tdp-w" if tdp_w else "nvidia-smi: power limit"),
            "static_power_w": (idle_w, "nvidia-smi: drawn before the calibration"),
        }
    if tdp_w is None:
        raise UsageError(
            "--tdp-w",
            expected="the thermal design power in W",
            found="no figure from nvidia-smi",
            hint="Give the data-sheet's, e.g. --tdp-w 65; energies are bounded by it.",
        )
    return {
        "tdp_w": (tdp_w, "--tdp-w"),
        "static_power_w": (_IDLE_SHARE * tdp_w, "assumption: a tenth of the design power"),
    }


def _smi_powers() -> tuple[float, float] | None:
    """Return power limit and present draw in W, None where nvidia-smi does not tell."""
    uuid = f"GPU-{torch.cuda.get_device_properties().uuid}"
    query = "--query-gpu=power.limit,power.draw"
    command = ["nvidia-smi", query, "--format=csv,noheader,nounits", "-i", uuid]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=True, timeout=_SMI_TIMEOUT_S
        )
        limit_w, draw_w = (float(part) for part in done.stdout.strip().split(","))
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
    return (limit_w, draw_w) if 0 < draw_w < limit_w else None
