"""What is unknown of a front: where a schedule may be that is better than those known."""

import bisect
import math
from collections.abc import Iterator, Sequence
from itertools import pairwise

from hptc.partition.fronts.caps import Caps
from hptc.partition.fronts.front import Point
from hptc.partition.outcome import TOLERANCE


def unknown_parts(
    found: Sequence[Point], caps: Caps, *, past_caps: bool = True
) -> Iterator[tuple[float, int, int]]:
    """Yield the parts of which nothing is known: size, first latency, and that of their end.

    Between neighbouring points (and caps, with `past_caps`) these begin where the bound on the
    energy leaves room for a better schedule. Sizes are in pJ ns, latencies in ns.
    """
    marks = {point.latency_ns for point in found}
    if past_caps:
        marks |= {int(cap_ns) for cap_ns in caps.latencies_ns if cap_ns < math.inf}
    for start, end in pairwise(sorted(marks)):
        known_pj = min((p.energy_pj for p in found if p.latency_ns <= start), default=0.0)
        room = known_pj * (1 - TOLERANCE)
        saving_pj = room - caps.bound_pj(end - 1)
        if end - start <= 1 or saving_pj <= 0:
            continue
        later = range(start + 1, end - 1)
        first = start + 1 + bisect.bisect_right(later, -room, key=lambda t: -caps.bound_pj(t))
        yield saving_pj * (end - first), first, end
