"""Random numbers as pure functions of a state: `hptc.uniform` and `hptc.normal`.

The bits are those of Philox 4x64 (Salmon et al. 2011) keyed by state and salt, whose stream numpy
guarantees from version to version. So a step draws the same numbers wherever and however often its
operations run, and equal seeds give equal runs.
"""

from collections.abc import Sequence
from math import prod

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

_SINGLE_BITS = 24
_DOUBLE_BITS = 53
_WORD = 2**64


@torch.library.custom_op("hptc::uniform", mutates_args=())
def uniform(state: Tensor, salt: int, shape: Sequence[int]) -> Tensor:
    """Return float32 numbers in [0, 1), multiples of 2^-24.

    Args:
        state: int64 scalar, another one in every step.
        salt: Tells apart the draws of a step, from 0.
        shape: Of the result.
    """
    count = prod(shape)
    halves = _words(state, salt, (count + 1) // 2).view(np.uint32)[:count]
    numbers = (halves >> (32 - _SINGLE_BITS)).astype(np.float32) * np.float32(2**-_SINGLE_BITS)
    return torch.from_numpy(numbers.reshape(tuple(shape)))


@torch.library.custom_op("hptc::normal", mutates_args=())
def normal(state: Tensor, salt: int, shape: Sequence[int]) -> Tensor:
    """Return float32 numbers of mean 0 and variance 1 (Box and Muller 1958).

    Args:
        state: int64 scalar, another one in every step.
        salt: Tells apart the draws of a step, from 0.
        shape: Of the result.
    """
    count = prod(shape)
    words = _words(state, salt, 2 * count) >> (64 - _DOUBLE_BITS)
    radius, angle = (words.astype(np.float64) * 2.0**-_DOUBLE_BITS).reshape(2, count)
    numbers = np.sqrt(-2 * np.log1p(-radius)) * np.cos(2 * np.pi * angle)
    return torch.from_numpy(numbers.astype(np.float32).reshape(tuple(shape)))


def _words(state: Tensor, salt: int, count: int) -> NDArray[np.uint64]:
    key = np.array([int(state) % _WORD, salt], dtype=np.uint64)
    words: NDArray[np.uint64] = np.random.Philox(key=key).random_raw(count)
    return words


@uniform.register_fake
@normal.register_fake
def _shaped(state: Tensor, salt: int, shape: Sequence[int]) -> Tensor:
    del salt
    return state.new_empty(tuple(shape), dtype=torch.float32)
