"""A first schedule within the memory of devices, where no seed keeps it."""

from collections.abc import Iterator
from itertools import chain

from hptc.errors import InfeasibleError
from hptc.partition.decode import decode_by_rank
from hptc.partition.instance import Instance
from hptc.partition.memory.decode import fitted
from hptc.partition.objective import fits
from hptc.partition.sat.exact import any_schedule
from hptc.partition.sat.feasible import find_modes
from hptc.partition.search import Incumbent
from hptc.partition.seeds.cuts import cut_choices
from hptc.partition.seeds.heuristics import local_choices

MOVES = 64
"""Rounds in which tasks move to devices with room."""

SMALL = 80
"""Up to so many tasks CP-SAT is asked whether any schedule keeps the memory."""


def plant_within_memory(search: Incumbent) -> None:
    """Offer a schedule within the memory.

    Raises:
        InfeasibleError: none was found; says whether that is proven.
    """
    instance, clock = search.instance, search.clock
    modes = find_modes(instance, clock)
    for choice in chain([modes], _others(instance)):
        schedule = fitted(instance, decode_by_rank(instance, choice), moves=MOVES, clock=clock)
        if schedule is not None:
            search.offer(schedule, "seed")
            return
    is_proven = False
    if instance.tasks <= SMALL and fits(instance, search.objective):
        schedule, is_proven = any_schedule(instance, clock)
        if schedule is not None:
            search.offer(schedule, "exact")
            return
    raise crowded(instance, is_proven=is_proven)


def _others(instance: Instance) -> Iterator[list[int]]:
    for modes in chain(local_choices(instance), cut_choices(instance)):
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
        hint="Enlarge memory_bytes, or allow tasks on another device.",
    )
