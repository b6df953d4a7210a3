"""What is unknown of a front: where a schedule may be that is better than those known."""

import bisect
import math
from collections.abc import Collection, Iterator, Sequence
from itertools import pairwise

from hptc.partition.fronts.archive import Archive
from hptc.partition.fronts.caps import Caps
from hptc.partition.fronts.front import Point, thinned
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


def next_cap(archive: Archive, most: int, caps: Caps, barren: Collection[int]) -> int | None:
    """Return a cap in ns amid the largest unknown part, None without any.

    What begins far behind the best schedule known before it is asked about as a whole.

    Args:
        archive: The schedules known.
        most: How many points are wanted.
        caps: What was tried.
        barren: Ends of parts that are left out.
    """
    known = [
        part for part in unknown_parts(thinned(archive.points, most), caps) if part[2] not in barren
    ]
    _, first, end = max(known, default=(0.0, 0, 0))
    if not end:
        return None
    is_far = first - archive.best_within(first).latency_ns >= end - first
    return end - 1 if is_far else (first + end - 1) // 2
