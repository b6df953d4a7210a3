"""A GPU that runs one kernel after another, as a host issues them (`cost_models.gpu_launch`).

At batch 1, as in HpT's applications, the host decides. Views cost nothing.
Energy per flop and byte is not validated: no measured power table was found.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from cost_models.gpu_gemm import GemmRates, Product, gemm_ns
from cost_models.gpu_gemm_params import GemmParams
from cost_models.gpu_groups import Group, OptimizerMode, groups
from cost_models.gpu_launch import Kernel, Launch, LaunchMode
from cost_models.gpu_stream_params import StreamParams
from cost_models.gpu_streams import Chip, Traffic, traffic_ns, unit_costs
from cost_models.gpu_traffic import traffic_of
from cost_models.model import Count, MemoryParams, NonNegative
from cost_models.work import OpWork, TaskWork
from hptc.cost import Cost, DeviceCosts
from hptc.ir.contractions import Contraction
from hptc.ir.graph import Role
from hptc.units import FLOP_PER_NS_PER_TFLOPS, Ns, Pj, pj_from_power

_FP32_BYTES, _HALF_BYTES = 4, 2


class GpuParams(StreamParams, GemmParams, MemoryParams):
    """One GPU and the way its kernels are issued."""

    launch: LaunchMode
    launch_overhead_ns: NonNegative
    """Host time to issue one kernel."""
    kernel_floor_ns: NonNegative
    """Device time of any other kernel without work."""
    graph_node_gap_ns: NonNegative
    fuse_elementwise: bool
    """A chain of element-wise operations is one kernel."""
    optimizer: OptimizerMode
    """Kernels per operation of `torch.optim` and tensor, per operation, or per step."""
    optimizer_tensors_per_launch: Count
    flop_energy_pj: NonNegative | None = None
    """None: the thermal design power less the static power, over the fp32 rate at the clock that
    the card keeps."""
    tensor_flop_energy_pj: NonNegative | None = None
    """Of matrix products in any other precision. None: the same power, over the peak in it."""
    memory_energy_pj_per_byte: NonNegative | None = None
    """None: the same power, over the memory bandwidth."""


@dataclass(frozen=True, slots=True)
class _Energies:
    """What one operation and one byte between memory and chip draw."""

    flop_pj: float
    product_flop_pj: float
    byte_pj: float


@dataclass(frozen=True)
class GpuModel:
    """Prices tasks on a GPU."""

    params: GpuParams

    def device_costs(self, name: str, work: Sequence[TaskWork]) -> DeviceCosts:
        """Return a price for every task: a GPU runs any operation."""
        return DeviceCosts(
            name=name,
            kind="gpu",
            static_power_w=self.params.static_power_w,
            capacity_crossbars=None,
            tasks={task.name: self._task(task) for task in work},
        )

    def figures(self) -> Mapping[str, float]:
        """Return the peak rate in the chosen precision and the memory bandwidth."""
        p = self.params
        return {
            "peak_tflops": p.peaks_tflops[p.precision] or 0.0,
            "memory_bandwidth_bytes_per_ns": p.memory_bandwidth_bytes_per_ns,
        }

    @property
    def launch(self) -> Launch:
        """How kernels are issued."""
        p = self.params
        return Launch(p.launch, p.launch_overhead_ns, p.graph_node_gap_ns)

    def kernels(self, task: TaskWork) -> tuple[Kernel, ...]:
        """Return the kernels that a task starts, in their order."""
        p = self.params
        found = groups(task, p.optimizer, fuse_elementwise=p.fuse_elementwise)
        return tuple(self._kernel(group, task) for group in found)

    def product_ns(self, product: Product) -> Ns:
        """Return the device time of a matrix product, without the kernel's floor."""
        return gemm_ns(product, self._batched_rates if product.batch > 1 else self._single_rates)

    @cached_property
    def chip(self) -> Chip:
        """Where rows in work live."""
        return self.params.chip

    def traffic_ns(self, traffic: Traffic) -> Ns:
        """Return the device time of kernels bound by memory, without their floors."""
        return traffic_ns(traffic, self._unit_costs)

    @cached_property
    def _unit_costs(self) -> Traffic:
        return unit_costs(self.params.stream_rates)

    @cached_property
    def _single_rates(self) -> GemmRates:
        return self._gemm_rates(batched=False)

    @cached_property
    def _batched_rates(self) -> GemmRates:
        return self._gemm_rates(batched=True)

    def _gemm_rates(self, *, batched: bool) -> GemmRates:
        p = self.params
        return p.gemm_rates(p.sm_count, p.memory_bandwidth_bytes_per_ns, batched=batched)

    @cached_property
    def _energies(self) -> _Energies:
        p = self.params
        busy_w = p.tdp_w - p.static_power_w
        fp32_flop_per_ns = p.fp32_peak_tflops * p.clock * FLOP_PER_NS_PER_TFLOPS
        peaks = (fp32_flop_per_ns, self._single_rates.peak_flop_per_ns)
        rates = (*peaks, p.memory_bandwidth_bytes_per_ns)
        plain, product, byte = (pj_from_power(busy_w, 1 / rate) for rate in rates)
        flop_pj = _given(p.flop_energy_pj, plain)
        return _Energies(
            flop_pj,
            flop_pj if p.precision == "fp32" else _given(p.tensor_flop_energy_pj, product),
            _given(p.memory_energy_pj_per_byte, byte),
        )

    def _task(self, task: TaskWork) -> Cost:
        kernels = self.kernels(task)
        return Cost(self.launch.task_ns(kernels), Pj(sum(kernel.energy_pj for kernel in kernels)))

    def _kernel(self, group: Group, task: TaskWork) -> Kernel:
        shared = task.role is Role.OPTIMIZER and self.params.optimizer != "per-tensor"
        share = 1 / self.params.optimizer_tensors_per_launch if shared else 1.0
        if group[0].gemm is not None:
            return self._product(group[0], group[0].gemm, share)
        traffic = traffic_of(group, task, self.chip)
        launches = share * traffic.kernels
        flops = sum(op.flops for op in group)
        return Kernel(
            launches,
            launches * self.params.kernel_floor_ns + self.traffic_ns(traffic),
            flops * self._energies.flop_pj + traffic.moved_bytes * self._energies.byte_pj,
        )

    def _product(self, op: OpWork, gemm: Contraction, share: float) -> Kernel:
        p = self.params
        item = _HALF_BYTES if p.precision in ("fp16", "bf16") else _FP32_BYTES
        device_ns = self.product_ns(Product(gemm.batch, gemm.m, gemm.k, gemm.n, item))
        energies = self._energies
        return Kernel(
            share,
            share * p.gemm_floor_ns + device_ns,
            op.flops * energies.product_flop_pj
            + (op.bytes_read + op.bytes_written) * energies.byte_pj,
        )


def _given(value: float | None, bound: float) -> float:
    return bound if value is None else value
