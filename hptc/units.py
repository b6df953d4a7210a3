"""Unit types and the few conversions between them.

1 W is 1 J/s = 1e12 pJ / 1e9 ns = 1,000 pJ/ns.
"""

from typing import NewType

Ns = NewType("Ns", float)
Pj = NewType("Pj", float)

BITS_PER_BYTE = 8
FLOP_PER_NS_PER_TFLOPS = 1_000.0
PJ_PER_NJ = 1_000.0
NS_PER_US = 1_000.0
NS_PER_MS = 1e6


def pj_from_power(power_w: float, time_ns: float) -> Pj:
    """Return the energy in pJ of a power in W held for a time in ns."""
    return Pj(power_w * 1_000.0 * time_ns)
