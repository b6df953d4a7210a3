"""Memory of devices: when values are alive, and whether a schedule keeps within it.

A value lies on the device that makes it from the start of its task until its last reader there and
its last transfer from there have ended; on a device it is sent to, from the start of the transfer
until its last reader there has ended. A carried value always lies on its home, a resident always
where it is read.
"""

from collections import defaultdict
from collections.abc import Iterator

from hptc.partition.decode import Schedule
from hptc.partition.instance import Instance
from hptc.partition.memory.lasting import lasting_bytes

Span = tuple[int, int, int]
"""Start, end and bytes."""


def is_overfull(instance: Instance, schedule: Schedule) -> bool:
    """Return whether any device holds more than its memory at any time."""
    if not instance.memories:
        return False
    spans: dict[int, list[Span]] = defaultdict(list)
    at = instance.places(schedule.modes)
    for device, size in lasting_bytes(instance.problem, at).items():
        spans[device].append((0, max(1, schedule.makespan), size))
    for _, device, span in alive(instance, schedule):
        spans[device].append(span)
    return any(_peak(spans[device]) > memory for device, memory in instance.memories.items())


def alive(instance: Instance, schedule: Schedule) -> Iterator[tuple[int, int, Span]]:
    """Yield value, device and span of what lies on a device of limited memory for a time."""
    at = instance.places(schedule.modes)
    sent: dict[int, list[tuple[int, int, int]]] = defaultdict(list)
    for (v, device), begin in schedule.sends.items():
        source = at[instance.problem.values[v].src]
        sent[v].append((device, begin, begin + instance.send[v][source][device]))
    for v, value in enumerate(instance.problem.values):
        last: dict[int, int] = defaultdict(int)
        for reader in value.readers:
            last[at[reader]] = max(last[at[reader]], schedule.end[reader])
        home = at[value.src]
        if home in instance.memories and not value.carried:
            ends = [done for _, _, done in sent[v]]
            end = max(schedule.end[value.src], last[home], *ends)
            yield v, home, (schedule.start[value.src], end, value.bytes)
        for device, begin, _ in sent[v]:
            if device in instance.memories:
                yield v, device, (begin, last[device], value.bytes)


def _peak(spans: list[Span]) -> int:
    events = [(start, size) for start, _, size in spans] + [(end, -size) for _, end, size in spans]
    held = peak = 0
    for _, size in sorted(events):
        held += size
        peak = max(peak, held)
    return peak
