"""A first schedule within the memory of devices, where no seed keeps it."""

from collections.abc import Iterator, Sequence
from itertools import chain, count

from hptc.errors import InfeasibleError
from hptc.partition.decode import Schedule, decode_by_rank
from hptc.partition.instance import Instance
from hptc.partition.limits import Clock
from hptc.partition.memory.decode import fitted, follow_within
from hptc.partition.memory.pack import packed
from hptc.partition.objective import fits
from hptc.partition.sat.exact import any_schedule
from hptc.partition.sat.feasible import find_modes
from hptc.partition.search import Incumbent
from hptc.partition.seeds.cuts import cut_choices
from hptc.partition.seeds.heuristics import local_choices

MOVES = 64
"""Rounds in which tasks move to devices with room."""

GUIDES_SHARE = 0.2
"""Share of the time left after which no further choice of modes is tried."""

TRIES_SHARE = 0.5
"""Share of the time left for sequences that are partly random."""

SMALL_TRIES_SHARE = 0.1
"""The same where CP-SAT is asked after them."""

NOISE = 1.0
"""How much the gain of a task is changed at random, as a share."""

PACK_S = 1e-4
"""Work of a sequence in s, per task and value (measured)."""

SMALL = 80
"""Up to so many tasks CP-SAT is asked whether any schedule keeps the memory."""


def plant_within_memory(search: Incumbent) -> None:
    """Offer schedules within the memory.

    Raises:
        InfeasibleError: none was found; says whether that is proven.
    """
    instance, clock = search.instance, search.clock
    guides = _follow_guides(search, clock.part(GUIDES_SHARE * clock.left_s))
    if search.best is None:
        guides.append(find_modes(instance, clock))
        _follow(search, guides[-1], clock)
    is_small = instance.tasks <= SMALL and fits(instance, search.objective)
    tries = clock.part((SMALL_TRIES_SHARE if is_small else TRIES_SHARE) * clock.left_s)
    for number in count():
        if search.best is not None:
            return
        if tries.is_over():
            break
        _pack(search, guides[number % len(guides)], tries, NOISE, number)
    is_proven = False
    if is_small:
        schedule, is_proven = any_schedule(instance, clock)
        if schedule is not None:
            search.offer(schedule, "exact")
            return
    raise crowded(instance, is_proven=is_proven)


def _follow_guides(search: Incumbent, clock: Clock) -> list[list[int]]:
    """Offer what choices of modes lead to, and return those that were tried."""
    guides: list[list[int]] = []
    for modes in _choices(search):
        if clock.is_over():
            break
        if modes not in guides:
            guides.append(modes)
            _follow(search, modes, clock)
    return guides


def _follow(search: Incumbent, modes: Sequence[int], clock: Clock) -> None:
    """Offer schedules within the memory of some modes, or of modes like them."""
    _pack(search, modes, clock)
    loose = decode_by_rank(search.instance, modes)
    schedule = fitted(search.instance, loose, moves=MOVES, clock=clock)
    if schedule is not None:
        search.offer(schedule, "seed")


def _pack(
    search: Incumbent, modes: Sequence[int], clock: Clock, noise: float = 0.0, seed: int = 0
) -> None:
    """Offer the schedule of a sequence that keeps the memory, if one comes of some modes."""
    instance = search.instance
    clock.work.add(PACK_S * (instance.tasks + len(instance.problem.values)))
    stock = packed(instance, modes, clock, noise=noise, seed=seed)
    if stock is not None:
        schedule = follow_within(instance, stock.modes, stock.items)
        if isinstance(schedule, Schedule):
            search.offer(schedule, "seed")


def _choices(search: Incumbent) -> Iterator[list[int]]:
    instance = search.instance
    cuts = cut_choices(instance, lambda: search.is_late) if search.clock.limits.parts.cuts else ()
    for modes in chain(local_choices(instance), cuts):
        if instance.admits(modes):
            yield modes


def crowded(instance: Instance, *, is_proven: bool) -> InfeasibleError:
    """Return the error for memories that no schedule found keeps."""
    limits = ", ".join(
        f"{instance.problem.devices[device].name}: {size} bytes"
        for device, size in instance.memories.items()
    )
    found = "a proof that there is none" if is_proven else "none, and no proof that there is none"
    return InfeasibleError(
        "memory of the devices",
        expected=f"a schedule that keeps it ({limits})",
        found=found,
        hint="Enlarge memory_bytes, or allow tasks on another device."
        + ("" if is_proven else " A longer time limit may help."),
    )
