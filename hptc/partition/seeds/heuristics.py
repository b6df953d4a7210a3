"""Constructive seeds: single devices, HEFT, PEFT and their restrictions to sets of devices."""

import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import combinations

from hptc.partition.bounds.paths import path_tails
from hptc.partition.decode import (
    Schedule,
    decode,
    decode_by_rank,
    legal_order,
    upward_ranks,
)
from hptc.partition.instance import Instance
from hptc.partition.limits import never
from hptc.partition.memory.decode import decode_within, frugal_order
from hptc.partition.seeds.greedy import Table, earliest_finish

MAX_SUBSET_DEVICES = 4
"""Up to here seeds are built for every set of devices, beyond for single ones and all."""


def seeds(
    instance: Instance,
    longest_ns: Callable[[], float] = lambda: math.inf,
    stop: Callable[[], bool] = never,
) -> Iterator[Schedule]:
    """Yield feasible schedules, the cheapest to find first.

    Single devices come first, so that no answer is ever worse than one of them.

    Args:
        instance: The problem.
        longest_ns: Asked before each single device: one whose tasks take longer is left out.
        stop: Polled; what is under way when it says so is dropped.
    """
    for devices, least_ns in device_sets(instance):
        if least_ns > longest_ns():
            continue
        allowed = [
            [mode for mode in row if instance.device[task][mode] in devices]
            for task, row in enumerate(instance.usual)
        ]
        if not all(allowed):
            continue
        if len(devices) == 1:
            yield from decoded(instance, [row[0] for row in allowed])
            continue
        for modes, order in _greedy_choices(instance, allowed, stop):
            yield from decoded(instance, modes, order)


def device_sets(instance: Instance) -> Iterator[tuple[frozenset[int], int]]:
    """Yield sets of devices, and of single ones the least time in ns that all tasks take there.

    Single ones come first, the fastest before others, but of many only some before the whole. Then
    come those between, small ones first.
    """
    work, units = Counter[int](), Counter[int]()
    for task, row in enumerate(instance.usual):
        for mode in row:
            work[instance.device[task][mode]] += instance.duration[task][mode]
    for (device, _), count in zip(instance.resources, instance.units, strict=True):
        units[device] += count
    least_ns = sorted((-(-work[device] // units[device]), device) for device in work)
    singles = [(frozenset({device}), time_ns) for time_ns, device in least_ns]
    yield from singles[:MAX_SUBSET_DEVICES]
    if len(singles) > 1:
        yield frozenset(work), 0
    yield from singles[MAX_SUBSET_DEVICES:]
    if len(work) <= MAX_SUBSET_DEVICES:
        for size in range(2, len(work)):
            for devices in combinations(sorted(work), size):
                yield frozenset(devices), 0


def heft(instance: Instance) -> Schedule | None:
    """Return what HEFT (Topcuoglu et al. 2002) makes of all devices, links taken in turn.

    None where it comes to an end without a link, or its devices break a rule of the problem.
    """
    order = legal_order(instance, _heft_rank(instance, instance.usual), latest_first=True)
    flat = [[0.0] * len(row) for row in instance.device]
    modes = earliest_finish(instance, instance.usual, order, flat)
    return decode(instance, modes, order) if modes is not None and instance.admits(modes) else None


def local_choices(instance: Instance) -> Iterator[list[int]]:
    """Yield modes picked task by task: the fastest, and the one least in energy."""
    for key in ("duration_ns", "energy_pj"):
        yield instance.settled(
            [
                min(row, key=lambda mode: getattr(task.modes[mode], key))
                for row, task in zip(instance.usual, instance.problem.tasks, strict=True)
            ]
        )


def decoded(
    instance: Instance, modes: Sequence[int], order: Sequence[int] | None = None
) -> Iterator[Schedule]:
    """Yield schedules of modes, if they are admissible: in `order`, and by longest paths."""
    if instance.admits(modes):
        if order is not None:
            within = decode_within(instance, modes, order) if instance.memories else None
            if isinstance(within, Schedule):
                yield within
            yield decode(instance, modes, order)
        yield decode_by_rank(instance, modes)


def _greedy_choices(
    instance: Instance, allowed: Sequence[Sequence[int]], stop: Callable[[], bool]
) -> Iterator[tuple[list[int], list[int]]]:
    """Yield (modes, order) of PEFT, of HEFT by mean times, of both, and of HEFT by best times.

    Last comes HEFT as it was published: its links carry any number of transfers at a time.
    """
    duration = instance.duration
    best = [float(min(duration[t][m] for m in row)) for t, row in enumerate(allowed)]
    flat = [[0.0] * len(row) for row in instance.device]
    rank = _heft_rank(instance, allowed)
    table = path_tails(instance, allowed)
    average = [sum(table[t][m] for m in row) / len(row) for t, row in enumerate(allowed)]
    ranked: list[tuple[list[float], Table]] = [
        (average, table),
        (rank, flat),
        (rank, table),
        (upward_ranks(instance, best, lambda *_: 0.0), flat),
    ]
    tries = [(legal_order(instance, rank, latest_first=True), bias) for rank, bias in ranked]
    if instance.memories:
        fastest = [min(row, key=duration[t].__getitem__) for t, row in enumerate(allowed)]
        tries.append((frugal_order(instance, fastest), flat))
    for order, bias in tries:
        modes = earliest_finish(instance, allowed, order, bias, stop=stop)
        if modes is not None:
            yield modes, order
    order = tries[1][0]
    modes = earliest_finish(instance, allowed, order, flat, is_plain=True, stop=stop)
    if modes is not None:
        yield modes, order


def _heft_rank(instance: Instance, allowed: Sequence[Sequence[int]]) -> list[float]:
    duration = instance.duration
    mean = [sum(duration[t][m] for m in row) / len(row) for t, row in enumerate(allowed)]
    return upward_ranks(instance, mean, _mean_delay(instance, allowed))


def _mean_delay(
    instance: Instance, allowed: Sequence[Sequence[int]]
) -> Callable[[int, int, int], float]:
    used = sorted({instance.device[t][m] for t, row in enumerate(allowed) for m in row})
    pairs = [(a, b) for a in used for b in used]
    found = (instance.link_of.get(pair) for pair in pairs)
    links = [instance.problem.links[position] for position in found if position is not None]
    latency = sum(link.latency_ns for link in links) / len(pairs)
    per_byte = sum(1 / link.bandwidth_bytes_per_ns for link in links) / len(pairs)
    values = instance.problem.values
    return lambda v, _src, _reader: latency + values[v].bytes * per_byte
