"""The keys of a GPU that decide about kernels bound by memory."""

from cost_models.gpu_streams import Chip, StreamRates
from cost_models.model import Count, DeviceParams, Fraction, NonNegative, Positive


class StreamParams(DeviceParams):
    """Caches, and the rates that `benchmarks/cost_models/fit_streams.py` fits."""

    sm_count: Count
    memory_bandwidth_bytes_per_ns: Positive
    threads_per_sm: Count
    """Threads that a multiprocessor keeps at work."""
    l1_bytes: Count
    """First-level cache of one multiprocessor."""
    l2_bytes: Count
    """Second-level cache that a multiprocessor sees as one: half, where it has two partitions."""
    l1_row_share: Positive
    """Rows in work, over the cache, at which half of what kernels read again misses it."""
    l2_row_share: Positive
    l2_speedup: Positive
    """Rate of the second-level cache over that of the memory."""
    elementwise_efficiency: Fraction
    """Share of the memory bandwidth; also of reductions, scatters and copies."""
    gather_efficiency: Fraction
    softmax_efficiency: Fraction
    softmax_tail_cost: NonNegative
    """Cost of a byte moved one element at a time, over one moved in vectors: of rows of more than
    1,024 elements, those that fill no whole round of a block."""
    norm_efficiency: Fraction
    norm_row_ns: NonNegative
    """Time that one multiprocessor takes for a row, beside moving it."""
    embedding_index_ns: NonNegative
    """Time to add the gradient of one index; kernels add one after another."""
    embedding_sort_ns: NonNegative
    """Time to add the gradients of more indices, which are sorted first."""

    @property
    def chip(self) -> Chip:
        """Where the rows in work live."""
        return Chip(
            sm_count=self.sm_count,
            threads_per_sm=self.threads_per_sm,
            l1_bytes=self.l1_bytes,
            l2_bytes=self.l2_bytes,
            l1_row_share=self.l1_row_share,
            l2_row_share=self.l2_row_share,
            l2_speedup=self.l2_speedup,
        )

    @property
    def stream_rates(self) -> StreamRates:
        """How fast bytes and rows move."""
        return StreamRates(
            sm_count=self.sm_count,
            memory_bytes_per_ns=self.memory_bandwidth_bytes_per_ns,
            elementwise_efficiency=self.elementwise_efficiency,
            gather_efficiency=self.gather_efficiency,
            softmax_efficiency=self.softmax_efficiency,
            softmax_tail_cost=self.softmax_tail_cost,
            norm_efficiency=self.norm_efficiency,
            norm_row_ns=self.norm_row_ns,
            embedding_index_ns=self.embedding_index_ns,
            embedding_sort_ns=self.embedding_sort_ns,
        )
