"""Stages of a problem: what takes place between waits that follow one another.

A wait is a pair of tasks of which one starts after all of the other has ended, whatever else runs.
"""

from collections.abc import Iterator, Sequence

from hptc.partition.instance import Instance

BITS = 4096
"""Of the sets that tell how much work a stage holds."""
MOST_WAITS = 300
"""Waits among which the chain is chosen."""
LEAST_STAGE = 0.01
"""A stage that holds less of the work is worth nothing."""
PARTED = 0.03
"""What a stage is worth beside its share of the work, for being parted from the next."""


def stages(instance: Instance, waits: Sequence[tuple[int, int]]) -> Iterator[tuple[int, ...]]:
    """Yield the stages of the chain of waits that parts most of the work; without waits, one.

    Args:
        instance: The tasks.
        waits: (task, reader) pairs, the tasks in topological order.
    """
    order = _Order(instance)
    chain = _chain(order, waits)
    firsts = [None, *(reader for _, reader in chain)]
    lasts = [*(maker for maker, _ in chain), None]
    for first, last in zip(firsts, lasts, strict=True):
        yield tuple(order.tasks_between(first, last))


class _Order:
    """What leads to each task and what follows it, itself included, as sets of bits.

    Every task has a bit, and more the more work it is.
    """

    def __init__(self, instance: Instance) -> None:
        work = [min(row) for row in instance.duration]
        total = max(1, sum(work))
        self._own, offset = list[int](), 0
        for amount in work:
            width = 1 + BITS * amount // total
            self._own.append(((1 << width) - 1) << offset)
            offset += width
        self.total = offset
        self.before, self.after = list(self._own), list(self._own)
        for task in instance.order:
            for _, reader in instance.successors[task]:
                self.before[reader] |= self.before[task]
        for task in reversed(instance.order):
            for _, reader in instance.successors[task]:
                self.after[task] |= self.after[reader]

    def between(self, first: int | None, last: int | None) -> int:
        """Return what follows the first task and leads to the last; None: no such condition."""
        found = self.after[first] if first is not None else -1
        return found & self.before[last] if last is not None else found

    def tasks_between(self, first: int | None, last: int | None) -> Iterator[int]:
        """Yield the tasks of `between`."""
        found = self.between(first, last)
        return (task for task, own in enumerate(self._own) if found & own == own)

    def leads(self, first: int, last: int) -> bool:
        """Return whether a task is another one or leads to it."""
        own = self._own[first]
        return self.before[last] & own == own


def _chain(order: _Order, waits: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return waits that follow one another, with most work in stages that are worth it."""
    least = LEAST_STAGE * order.total

    def worth(first: int | None, last: int | None) -> float:
        held = order.between(first, last).bit_count()
        return held + PARTED * order.total if held >= least else 0.0

    def apart(wait: tuple[int, int]) -> int:
        return order.before[wait[0]].bit_count() + order.after[wait[1]].bit_count()

    known = sorted(sorted(waits, key=apart, reverse=True)[:MOST_WAITS], key=waits.index)
    best: list[tuple[float, int]] = []
    for position, (maker, _) in enumerate(known):
        so_far = (worth(None, maker), -1)
        for earlier in range(position):
            reader = known[earlier][1]
            if order.leads(reader, maker):
                so_far = max(so_far, (best[earlier][0] + worth(reader, maker), earlier))
        best.append(so_far)
    ends = [
        value + worth(reader, None) for (value, _), (_, reader) in zip(best, known, strict=True)
    ]
    chain: list[tuple[int, int]] = []
    position = max(range(len(known)), key=ends.__getitem__, default=-1)
    while position >= 0:
        chain.append(known[position])
        position = best[position][1]
    return chain[::-1]
