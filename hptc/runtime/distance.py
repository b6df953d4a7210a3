"""Measures of how far two sets of tensors lie apart."""

from collections.abc import Iterable, Mapping
from math import inf, isnan

from torch import Tensor


def relative_error(found: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> float:
    """Return the largest difference, relative to the largest expected number of them all."""
    scale = max((_peak(tensor) for tensor in expected.values()), default=0.0)
    error = worst(distance(found[name], tensor) for name, tensor in expected.items())
    return error / scale if scale > 0 else error


def distance(found: Tensor, expected: Tensor) -> float:
    """Return the largest difference; tensors of different shapes are infinitely far apart."""
    if tuple(found.shape) != tuple(expected.shape):
        return inf
    return _peak(found.double() - expected.double())


def worst(errors: Iterable[float]) -> float:
    """Return the largest error; one that is not a number counts as infinite."""
    return max((inf if isnan(error) else error for error in errors), default=0.0)


def _peak(tensor: Tensor) -> float:
    return float(tensor.abs().max()) if tensor.numel() else 0.0
