"""Unit types and the few conversions between them.

1 W is 1 J/s = 1e12 pJ / 1e9 ns = 1,000 pJ/ns.
"""

import math
from typing import NewType

Ns = NewType("Ns", float)
Pj = NewType("Pj", float)

BITS_PER_BYTE = 8
FLOP_PER_NS_PER_TFLOPS = 1_000.0
PJ_PER_NJ = 1_000.0
NS_PER_US = 1_000.0
NS_PER_MS = 1e6
_NOISE_DIGITS = 6  # float noise below 1e-6 ns must not cost a whole nanosecond


def pj_from_power(power_w: float, time_ns: float) -> Pj:
    """Return the energy in pJ of a power in W held for a time in ns."""
    return Pj(power_w * 1_000.0 * time_ns)


def whole_ns(time_ns: float) -> int:
    """Round up to integer ns; what takes time at all takes at least 1 ns."""
    if time_ns <= 0:
        return 0
    return max(1, math.ceil(round(time_ns, _NOISE_DIGITS)))
