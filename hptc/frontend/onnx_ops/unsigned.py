"""Arithmetic of unsigned integers, which torch stores but does not compute with.

All are computed in int64 and cast back. It holds the values of the smaller types; those of uint64
are taken modulo 2^64, which is exact for sums, differences, products and bits, and else takes care.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

_UNSIGNED = frozenset({torch.uint16, torch.uint32, torch.uint64})
_LOWEST = -(2**63)


def widened(run: Callable[..., Any], *, ordered: bool = False) -> Callable[..., Any]:
    """Return `run` for unsigned operands too.

    Args:
        run: What to compute on int64.
        ordered: The result depends on the order of the operands alone, as a maximum does, so that
            uint64 has to be shifted below zero first.
    """

    def run_wide(*operands: Any, **attributes: Any) -> Any:
        unsigned = [x.dtype for x in operands if getattr(x, "dtype", None) in _UNSIGNED]
        if not unsigned:
            return run(*operands, **attributes)
        shifts = ordered and unsigned[0] == torch.uint64
        wide = [_wide(x, shifts) if isinstance(x, Tensor) else x for x in operands]
        result = run(*wide, **attributes)
        if result.dtype == torch.bool:
            return result
        return (result ^ _LOWEST if shifts else result).to(unsigned[0])

    return run_wide


def _wide(x: Tensor, shifts: bool) -> Tensor:
    wide = x.view(torch.int64) if x.dtype == torch.uint64 else x.long()
    return wide ^ _LOWEST if shifts else wide


def divided(run: Callable[..., Any], *, remainder: bool) -> Callable[..., Any]:
    """Return `run`, a quotient or remainder, for unsigned operands too."""
    smaller = widened(run)

    def run_wide(a: Any, b: Any, **attributes: Any) -> Any:
        if getattr(a, "dtype", None) == torch.uint64:
            b = torch.as_tensor(b, dtype=torch.uint64)
            quotient, rest = _divide(a.view(torch.int64), b.view(torch.int64))
            return (rest if remainder else quotient).view(torch.uint64)
        return smaller(a, b, **attributes)

    return run_wide


def _divide(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Return quotient and remainder of 64 bits each, read as unsigned.

    Half of `a` is no negative number and gives half of the quotient; the rest is at most twice `b`.
    A divisor of 2^63 and more fits once or not at all.
    """
    large = b < 0
    small = torch.where(large, 1, b)
    half = torch.div((a >> 1) & ~_LOWEST, small, rounding_mode="trunc") << 1
    quotient = torch.where(large, 0, half)
    rest = a - quotient * b
    once = (rest ^ _LOWEST) >= (b ^ _LOWEST)
    return quotient + once, torch.where(once, rest - b, rest)
