"""Improving a schedule by CP-SAT windows: free some tasks, keep what surrounds them."""

import random
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from hptc.partition.decode import Schedule, decode, decode_by_rank, legal_order
from hptc.partition.search import Incumbent
from hptc.partition.windows.splice import Found, splice
from hptc.partition.windows.surroundings import Surroundings
from hptc.partition.windows.window import Window

SMALLEST, FIRST_SIZE, LARGEST = 8, 10, 80
"""Sizes of windows, in tasks."""
GROWTH, MOST_STEPS = 1.07, 4
"""Factor by which the size changes for a window, and how many such steps at most at once."""
FIRST_S, LONGEST_S = 0.1, 2.0
"""Limits in s of the search of one window, as it should take on an idle machine."""
PROGRESS = 0.005
"""Relative gain of a sweep below which its windows had too little time."""
ROUND_PASSES = 6
"""Passes over the problem that a batch takes besides the search: later than that none begins."""
OFFER_PASSES = 3
"""Those of them that follow the search."""
WINDOWS_EACH = 2
"""Windows of a batch for each worker, so that none waits while another's are made.

Where energies count, it is one: what is left up to a limit is offered to every window."""
PASS_TASKS = 500
"""A pass over so many tasks is small beside the search of a window."""


def improve(search: Incumbent, until_s: float, beside: Callable[[], int]) -> None:
    """Re-optimise windows of the incumbent until the time `until_s` of the clock (in s).

    Windows sweep over the schedule in steps of half their size. Several that share no task start
    from the same schedule, and what they find is put into it at once. The size follows what CP-SAT
    finishes: it grows with windows that are solved and shrinks with those that are not. A sweep
    without success doubles the time of a window.

    Args:
        search: Holds the incumbent.
        until_s: Where to end.
        beside: Called before windows are searched: takes in what is computed beside, and returns
            how many workers that still needs.
    """
    rng = random.Random(search.clock.limits.seed)
    size, time_s = float(FIRST_SIZE), FIRST_S
    last_s = until_s - ROUND_PASSES * search.pass_s
    end_s = until_s - OFFER_PASSES * search.pass_s
    while not search.is_done and search.clock.elapsed_s < last_s:
        before = search.value
        firsts = _sweep(search.instance.tasks, int(size), rng)
        while firsts:
            if search.is_done or search.clock.elapsed_s >= last_s:
                return
            workers = _workers(search, beside())
            known, value = search.schedule, search.value
            batch = _Batch(search, workers, time_s, end_s)
            batch.run(_apart(firsts, int(size), _count(search, workers)), int(size))
            size *= GROWTH ** max(-MOST_STEPS, min(MOST_STEPS, batch.solved))
            size = min(max(size, SMALLEST), LARGEST)
            if search.value < value and search.clock.limits.parts.echo:
                _echo(search, known)
        if search.value > before * (1 - PROGRESS):
            time_s = min(2 * time_s, LONGEST_S)


def _workers(search: Incumbent, busy: int) -> int:
    """Return how many windows to search at the same time; where work is limited, always as many."""
    count = search.clock.limits.workers
    return count if search.clock.counts_work else max(1, count - busy)


def _count(search: Incumbent, workers: int) -> int:
    """Return how many windows to search from the same schedule."""
    each = WINDOWS_EACH if search.objective.is_makespan else 1
    return max(each * workers, search.instance.tasks // PASS_TASKS)


def _echo(search: Incumbent, known: Schedule) -> None:
    """Where a window moved tasks for the better, move all that are alike, and see."""
    instance, found = search.instance, search.schedule
    modes = instance.settled(search.repeats.echoed(known.modes, found.modes))
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


@dataclass
class _Batch:
    """Windows of one schedule, up to `workers` of them searched at the same time."""

    search: Incumbent
    workers: int
    time_s: float
    """Limit of each."""
    until_s: float
    solved: int = 0
    """Windows that CP-SAT finished, less those that it did not."""
    _running: deque[Window] = field(default_factory=deque)
    _found: list[Found] = field(default_factory=list)
    _was_interrupted: bool = False

    def run(self, firsts: Sequence[int], size: int) -> None:
        """Search windows of `size` tasks, offer what comes of all together; raise on Ctrl-C."""
        search = self.search
        search.charge()
        around = Surroundings(search.instance, search.schedule)
        try:
            for first in firsts:
                if search.clock.is_over() or self._was_interrupted:
                    break
                self._start(Window(search, around, first, size))
            while self._running:
                self._wait()
        finally:
            for window in self._running:
                window.stop()
        gains = [found for found in self._found if found.is_gain]
        if self._found:
            self._offer(around, gains or self._found[:1])
        if self._was_interrupted:
            raise KeyboardInterrupt

    def _start(self, window: Window) -> None:
        if not window.can_help:
            return
        if len(self._running) == self.workers:
            self._wait()
        window.start(self.time_s, self.until_s - self.search.clock.elapsed_s)
        self._running.append(window)

    def _wait(self) -> None:
        """Wait for the window that was started first."""
        done, found = self._running[0].wait()
        self._running.popleft()
        self.solved += 1 if done.is_proven else -1
        if found is not None:
            self._found.append(found)
        if done.was_interrupted:
            self._was_interrupted = True
            for window in self._running:
                window.stop()

    def _offer(self, around: Surroundings, found: Sequence[Found]) -> None:
        """Offer a schedule with what windows found; while there is time, halves that do no harm."""
        search, merged = self.search, splice(around, found)
        if merged is not None:
            search.offer(merged, "window", take_equal=True)
            order = legal_order(search.instance, merged.start)
            search.offer(decode(search.instance, merged.modes, order), "window")
        is_harm = merged is None or merged.makespan > around.schedule.makespan
        half = len(found) // 2
        if half and is_harm and search.clock.elapsed_s < self.until_s:
            self._offer(around, found[:half])
            self._offer(around, found[half:])
