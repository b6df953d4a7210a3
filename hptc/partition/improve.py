"""Improving a schedule by CP-SAT windows: free some tasks, keep what surrounds them."""

import random
from collections.abc import Callable, Sequence

from hptc.partition.cpsat import Run
from hptc.partition.decode import Schedule, decode, decode_by_rank, legal_order
from hptc.partition.repeats import Repeats, find_repeats
from hptc.partition.search import Incumbent
from hptc.partition.windows import Window

SMALLEST, FIRST_SIZE, LARGEST = 8, 10, 80
"""Sizes of windows, in tasks."""
GROWTH = 1.07
FIRST_S, LONGEST_S = 0.05, 2.0
"""Limits in s of the search of one window, as it should take on an idle machine."""
PROGRESS = 0.005
"""Relative gain of a sweep below which its windows had too little time."""
ROUND_PASSES = 6
"""Passes over the problem that windows take besides their search: later than that none begins."""


def improve(search: Incumbent, until_s: float, beside: Callable[[], int]) -> None:
    """Re-optimise windows of the incumbent until the time `until_s` of the clock (in s).

    Windows sweep over the schedule in steps of half their size; as many as there are workers are
    searched at the same time. The size follows what CP-SAT finishes: it grows with each window that
    is solved and shrinks with each that is not. A sweep without success doubles the time of a
    window.

    Args:
        search: Holds the incumbent.
        until_s: Where to end.
        beside: Called before windows are searched: takes in what is computed beside, and returns
            how many workers that still needs.
    """
    rng = random.Random(search.clock.limits.seed)
    repeats = find_repeats(search.instance)
    size, time_s = float(FIRST_SIZE), FIRST_S
    last_s = until_s - ROUND_PASSES * search.pass_s
    while not search.is_done and search.clock.elapsed_s < last_s:
        before = search.value
        firsts = _sweep(search.instance.tasks, int(size), rng)
        while firsts:
            if search.is_done or search.clock.elapsed_s >= last_s:
                return
            workers = _workers(search, beside())
            known, value = search.schedule, search.value
            chosen = _apart(firsts, int(size), workers)
            for is_solved in _improve_windows(search, chosen, int(size), time_s, until_s):
                size *= GROWTH if is_solved else 1 / GROWTH
                size = min(max(size, SMALLEST), LARGEST)
            if search.value < value and search.clock.limits.parts.echo:
                _echo(search, repeats, known)
        if search.value > before * (1 - PROGRESS):
            time_s = min(2 * time_s, LONGEST_S)


def _workers(search: Incumbent, busy: int) -> int:
    """Return how many windows to search at the same time; where work is limited, always as many."""
    count = search.clock.limits.workers
    return count if search.clock.counts_work else max(1, count - busy)


def _echo(search: Incumbent, repeats: Repeats, known: Schedule) -> None:
    """Where a window moved tasks for the better, move all that are alike, and see."""
    instance, found = search.instance, search.schedule
    modes = instance.settled(repeats.echoed(known.modes, found.modes))
    if modes != list(found.modes) and instance.admits(modes):
        search.offer(decode(instance, modes, legal_order(instance, found.start)), "echo")
        search.offer(decode_by_rank(instance, modes), "echo")


def _sweep(tasks: int, size: int, rng: random.Random) -> list[int]:
    """Return the first positions of windows that cover the schedule, in random order."""
    step = max(1, size // 2)
    firsts = list(range(-rng.randrange(step), max(1, tasks - step), step))
    rng.shuffle(firsts)
    return [max(0, first) for first in firsts]


def _apart(firsts: list[int], size: int, count: int) -> list[int]:
    """Take up to `count` positions of windows that share no task, the last of the list first."""
    chosen: list[int] = []
    for position in reversed(range(len(firsts))):
        if all(abs(firsts[position] - other) >= size for other in chosen):
            chosen.append(firsts.pop(position))
        if len(chosen) == count:
            break
    return chosen


def _improve_windows(
    search: Incumbent, firsts: Sequence[int], size: int, time_s: float, until_s: float
) -> list[bool]:
    """Search windows side by side; return whether CP-SAT finished, for each that can help."""
    before, windows, outcomes = search.schedule, list[Window](), list[Run]()
    try:
        for first in sorted(firsts, reverse=True):
            window = Window(search, first, size)
            if window.can_help:
                window.start(time_s, until_s - search.clock.elapsed_s)
                windows.append(window)
        for window in windows:
            outcomes.append(window.wait())
            if outcomes[-1].was_interrupted:
                break
    finally:
        for window in windows:
            window.stop()
    _merge(search, windows, before)
    if any(done.was_interrupted for done in outcomes):
        raise KeyboardInterrupt
    return [done.is_proven for done in outcomes]


def _merge(search: Incumbent, windows: Sequence[Window], found: Schedule) -> None:
    """Offer what windows of a schedule found: that of the last in time, then also the others'.

    Where they get into each other's way, each alone.
    """
    before = found
    for window in windows:
        merged = window.merged(found)
        search.offer(merged, "window", take_equal=True)
        if merged.makespan > found.makespan:
            search.offer(window.merged(before), "window")
        found = merged
    if found is not before:
        best = search.schedule
        order = legal_order(search.instance, best.start)
        search.offer(decode(search.instance, best.modes, order), "window")
