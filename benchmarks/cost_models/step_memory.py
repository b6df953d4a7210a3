"""What a step takes from the driver when torch has no memory in store.

NeuSight's script empties torch's cache before every step (`torch.cuda.empty_cache`), so its forward
times hold the calls of cudaMalloc for all that a training step keeps for its backward pass. CUDA
runs no kernel meanwhile (CUDA C++ programming guide, implicit synchronization). These times belong
to the measurement, not to the GPU.
"""

from collections.abc import Sequence

_MIB = 1 << 20
_SMALL, _SMALL_SEGMENT = _MIB, 2 * _MIB
_LARGE, _LARGE_SEGMENT = 10 * _MIB, 20 * _MIB
"""Tensors of up to a size share segments of another; larger ones have their own (sizes of torch's
CUDACachingAllocator)."""

CALL_NS = 30_000.0
"""A call of cudaMalloc, from how far the H100's forward passes of training are above their kernels,
those of inference not."""
BYTE_NS = {"gpu-a100": 0.0095}
"""What a byte adds on one machine, by the target of its GPU: there forward passes take up to twice
their kernels, backward passes and inference do not."""


def allocation_ns(target: str, sizes: Sequence[int]) -> float:
    """Return the time to allocate tensors.

    Args:
        target: Of the GPU.
        sizes: Of the tensors, in bytes.
    """
    return segments(sizes) * CALL_NS + sum(sizes) * BYTE_NS.get(target, 0.0)


def segments(sizes: Sequence[int]) -> float:
    """Return how many segments torch asks of the driver; parts of shared ones count as such."""
    small = sum(size for size in sizes if size <= _SMALL)
    medium = sum(size for size in sizes if _SMALL < size < _LARGE)
    own = sum(size >= _LARGE for size in sizes)
    return small / _SMALL_SEGMENT + medium / _LARGE_SEGMENT + own
