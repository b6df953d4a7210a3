"""First schedules for a search: the constructive ones, and those that repeat their blocks."""

import math
from collections.abc import Callable
from dataclasses import replace
from itertools import chain

from hptc.partition.decode import decode_by_rank
from hptc.partition.limits import LEAST_S
from hptc.partition.memory.seed import plant_within_memory
from hptc.partition.objective import fits
from hptc.partition.prepare import prepare
from hptc.partition.sat.feasible import find_modes
from hptc.partition.search import Incumbent
from hptc.partition.seeds.cuts import cut_choices
from hptc.partition.seeds.heuristics import local_choices, seeds
from hptc.partition.seeds.repeats import shrink
from hptc.partition.windows.improve import improve

SEED_SHARE = 0.25
"""Share of the time limit after which no further constructive seed is tried."""
REPEATS_SHARE = 0.2
"""Share of the time left for the problem with few of its repeated blocks."""
REPEATS_TASKS = 150
"""Tasks for each s left up to which windows alone come further."""
REPEATS_PART = 0.5
"""Where it is larger than this part of the whole, it is not worth solving."""


def plant(search: Incumbent) -> None:
    """Offer the constructive seeds; fall back to a search for any admissible modes.

    Raises InfeasibleError or TimeLimitError where there is no schedule, or none is found.
    """
    instance, clock = search.instance, search.clock
    is_quick = search.objective.is_makespan and search.seen is None
    longest_ns = (lambda: search.value) if is_quick else (lambda: math.inf)
    for schedule in seeds(instance, longest_ns, lambda: search.is_late):
        search.offer(schedule, "seed")
        if clock.elapsed_s > SEED_SHARE * clock.limits.span_s or search.is_late:
            break
    if search.best is None and instance.memories:
        plant_within_memory(search)
        return
    cuts = cut_choices(instance, lambda: search.is_late) if clock.limits.parts.cuts else ()
    for modes in chain(local_choices(instance), cuts):
        if search.is_late:
            return
        if instance.admits(modes):
            search.offer(decode_by_rank(instance, modes), "seed")
    if search.best is None:
        modes = find_modes(instance, clock)
        search.offer(decode_by_rank(instance, modes), "seed")


def plant_repeats(search: Incumbent, beside: Callable[[], int]) -> None:
    """Solve the problem with few of its repeated blocks, and do the same in all of them.

    Args:
        search: Gains the schedules.
        beside: As `hptc.partition.windows.improve.improve` takes it.
    """
    instance, clock = search.instance, search.clock
    is_wanted = clock.limits.parts.repeats and instance.tasks > REPEATS_TASKS * clock.left_s
    if not is_wanted or search.is_late:
        return
    smaller = shrink(instance, search.repeats)
    if len(smaller.position) > REPEATS_PART * instance.tasks:
        return
    part = prepare(smaller.problem)
    span_s = max(REPEATS_SHARE * clock.left_s, LEAST_S)
    free = replace(search.objective, latency_limit_ns=None, energy_limit_pj=None)
    few = Incumbent(part, free, clock.part(span_s), None)
    if fits(part, free):
        plant(few)
        improve(few, span_s, beside=beside)
        for modes in map(instance.settled, smaller.spread(few.schedule.modes)):
            if instance.admits(modes):
                search.offer(decode_by_rank(instance, modes), "repeats")
