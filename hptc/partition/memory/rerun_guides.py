"""What reruns are planned from: modes and orders of good schedules, and changes to the plans."""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from random import Random

from hptc.partition.decode import Schedule, by_start, decode_by_rank
from hptc.partition.instance import Instance
from hptc.partition.limits import Clock
from hptc.partition.memory.decode import frugal_order
from hptc.partition.memory.rerun_plan import lightened
from hptc.partition.memory.rerun_tape import Tape
from hptc.partition.seeds.heuristics import local_choices

PLAN_SHARE = 0.4
"""Share of the time left for plans."""
ROUNDS = 16
"""Times that plans are made anew, partly at random."""
MOST_GUIDES = 2
"""Guides that this is done for, the best ones."""


def plan_reruns(
    instance: Instance,
    known: Iterable[Schedule],
    offer: Callable[[Tape], float],
    clock: Clock,
    *,
    must: bool,
) -> None:
    """Offer sequences with reruns that fit the memories one task after another.

    Args:
        instance: The problem.
        known: Schedules that would be good, whether they fit or not.
        offer: Takes a sequence and returns its value.
        clock: When to stop.
        must: Whether to go on until something is found, however long that takes.
    """
    share = clock.part(PLAN_SHARE * clock.left_s)
    values: list[float] = []

    def patience() -> Clock:
        return clock if must and all(map(math.isinf, values)) else share

    def plan(modes: Sequence[int], order: Sequence[int], random: Random | None = None) -> None:
        tape = lightened(instance, modes, order, patience(), random)
        values.append(math.inf if tape is None else offer(tape))

    guides = []
    for guide in _guides(instance, known):
        if patience().is_over():
            return
        guides.append(guide)
        plan(*guide)
    best = sorted(range(len(guides)), key=values.__getitem__)[:MOST_GUIDES]
    for seed in range(ROUNDS):
        for index in best:
            if patience().is_over():
                return
            plan(*guides[index], Random(seed))


def _guides(
    instance: Instance, known: Iterable[Schedule]
) -> Iterator[tuple[Sequence[int], Sequence[int]]]:
    """Yield modes and orders: those of good schedules, and orders that end values early."""
    local = (decode_by_rank(instance, m) for m in local_choices(instance) if instance.admits(m))
    for schedule in chain(known, local):
        modes = instance.settled(schedule.modes)
        if instance.admits(modes):
            yield modes, by_start(instance, schedule)
            yield modes, frugal_order(instance, modes)
            yield modes, instance.order
