"""Parameters of systolic arrays."""

from functools import cached_property
from typing import Literal, Self

from pydantic import model_validator

from cost_models.model import Count, MemoryParams, NonNegative, Positive
from cost_models.systolic.folding import Array
from cost_models.systolic.traffic import Buffers

_BYTES_PER_KIB = 1024
_LEAST_WORDS = 2
"""One for each half of a double buffer."""
_W_PER_UW = 1e-6
_MM2_PER_UM2 = 1e-6
_GOPS_PER_TOPS = 1000


class SystolicParams(MemoryParams):
    """Identical systolic arrays over one memory, each with buffers and a vector unit."""

    count: Count
    """Arrays, which work on one task as a gang."""
    rows: Count
    cols: Count
    clock_ghz: Positive
    dataflow: Literal["os", "ws", "is", "best"]
    """Stationary operand; `best` takes the fastest for each product, of those the most frugal."""
    fold_overlap: Literal["scale-sim", "serial", "overlapped"]
    word_bytes: Count
    """Size of one operand word."""
    ifmap_buffer_kib: Positive
    """Buffer of the m x k operand in each array; half of it holds what is computed on."""
    filter_buffer_kib: Positive
    """Buffer of the k x n operand in each array, likewise."""
    ofmap_buffer_kib: Positive
    """Buffer of the results in each array, likewise."""
    memory_bandwidth_bytes_per_ns: Positive
    dispatch_ns: NonNegative
    """To start a task: fetch its descriptor, set up address generators, wait for all arrays."""
    vector_lanes: Count
    """Lanes of the vector unit of one array; one addition or multiplication a lane and cycle."""
    special_function_lane_cycles: Positive
    """For one reciprocal, root, exponential, logarithm or trigonometric function."""
    mac_energy_pj: NonNegative
    register_energy_pj_per_byte: NonNegative
    """To write a register between processing elements."""
    idle_pe_energy_pj_per_cycle: NonNegative
    """Clock of a processing element that has no product to do while its array computes."""
    vector_energy_pj_per_flop: NonNegative
    special_function_energy_pj: NonNegative
    buffer_energy_pj_per_byte: NonNegative
    memory_energy_pj_per_byte: NonNegative
    pe_area_um2: NonNegative
    pe_leakage_uw: NonNegative
    buffer_area_um2_per_kib: NonNegative
    buffer_leakage_uw_per_kib: NonNegative
    vector_lane_area_um2: NonNegative
    vector_lane_leakage_uw: NonNegative

    @model_validator(mode="after")
    def _buffers_hold_words(self) -> Self:
        for name in ("ifmap", "filter", "ofmap"):
            if getattr(self.buffers, name) < _LEAST_WORDS:
                raise ValueError(
                    f"{name}_buffer_kib to hold {_LEAST_WORDS} words of {self.word_bytes} bytes"
                )
        return self

    @cached_property
    def array(self) -> Array:
        """The shape of one array."""
        return Array(self.rows, self.cols)

    @cached_property
    def buffers(self) -> Buffers:
        """The buffers of one array, in words."""
        kib = (self.ifmap_buffer_kib, self.filter_buffer_kib, self.ofmap_buffer_kib)
        return Buffers(*(int(size * _BYTES_PER_KIB) // self.word_bytes for size in kib))

    @property
    def memory_words_per_cycle(self) -> float:
        """Bandwidth that all arrays share."""
        return self.memory_bandwidth_bytes_per_ns / (self.clock_ghz * self.word_bytes)

    @property
    def lanes(self) -> int:
        """Lanes of all vector units."""
        return self.vector_lanes * self.count

    @property
    def area_mm2(self) -> float:
        """Processing elements, buffers and lanes of all arrays; no wires, no memory interface."""
        parts = (self.pe_area_um2, self.buffer_area_um2_per_kib, self.vector_lane_area_um2)
        return self._of_all(*parts) * _MM2_PER_UM2

    @property
    def leakage_w(self) -> float:
        """Leakage of the same parts."""
        parts = (self.pe_leakage_uw, self.buffer_leakage_uw_per_kib, self.vector_lane_leakage_uw)
        return self._of_all(*parts) * _W_PER_UW

    @property
    def peak_tops(self) -> float:
        """A multiplication and an addition for each processing element and cycle."""
        return 2 * self.count * self.rows * self.cols * self.clock_ghz / _GOPS_PER_TOPS

    def _of_all(self, of_pe: float, of_kib: float, of_lane: float) -> float:
        kib = self.ifmap_buffer_kib + self.filter_buffer_kib + self.ofmap_buffer_kib
        of_array = self.rows * self.cols * of_pe + kib * of_kib + self.vector_lanes * of_lane
        return self.count * of_array
