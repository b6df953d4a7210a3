"""A longest path of the task graph, and where everything beside it comes together.

A task v of the path is a waist if, near v, every other task is its ancestor or its descendant: what
lies between two waists then fills the time between them. Steps of deep models are rows of blocks,
and their waists are the values that one block hands to the next, forward and backward.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hptc.partition.instance import NO_LINK, Instance

REACH = 10
"""Steps along the path, to both sides, within which a waist has no task beside it."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Two tasks of a path, and the least time in ns from the end of one to the start of the other.

    The time is by the devices of both; pairs on which they cannot be are left out.
    """

    first: int
    last: int
    least_ns: Mapping[tuple[int, int], int]


def longest_chain(instance: Instance) -> list[int]:
    """Return the tasks of a path of greatest length, every task and transfer at its fastest."""
    work = [min(row) for row in instance.duration]
    length, before = list(work), [-1] * instance.tasks
    for task in instance.order:
        for v, reader in instance.successors[task]:
            delay = min(
                (
                    send
                    for a in instance.device[task]
                    for b in instance.device[reader]
                    if (send := instance.send[v][a][b]) != NO_LINK
                ),
                default=0,
            )
            through = length[task] + delay + work[reader]
            if through > length[reader] or before[reader] < 0:
                length[reader], before[reader] = max(length[reader], through), task
    if not length:
        return []
    task = max(range(instance.tasks), key=length.__getitem__)
    chain = []
    while task >= 0:
        chain.append(task)
        task = before[task]
    return chain[::-1]


def waists(instance: Instance, chain: Sequence[int]) -> list[int]:
    """Return the positions of the waists in a path; its ends are always among them."""
    last = len(chain) - 1
    return [
        step
        for step, task in enumerate(chain)
        if step in (0, last)
        or _is_waist(instance, chain[max(0, step - REACH)], task, chain[min(last, step + REACH)])
    ]


def neighbours(instance: Instance, chain: Sequence[int]) -> tuple[list[int], list[int]]:
    """Return for each task the last of a path's tasks before it, and the first after it.

    The path's tasks count from 1; 0 and one more than there are stand for begin and end. Not every
    step of the path has to be among them.
    """
    step = {task: position for position, task in enumerate(chain, 1)}
    after, before = [0] * instance.tasks, [len(chain) + 1] * instance.tasks
    for task in instance.order:
        own = step.get(task, after[task])
        for _, reader in instance.successors[task]:
            after[reader] = max(after[reader], own)
    for task in reversed(instance.order):
        for _, reader in instance.successors[task]:
            before[task] = min(before[task], step.get(reader, before[reader]))
    return after, before


def between(instance: Instance, first: int, last: int) -> list[int]:
    """Return the tasks on any path from `first` to `last`, both included, in topological order."""
    low, high = instance.rank[first], instance.rank[last]
    after, stack = {first}, [first]
    while stack:
        for _, reader in instance.successors[stack.pop()]:
            if reader not in after and instance.rank[reader] <= high:
                after.add(reader)
                stack.append(reader)
    if last not in after:
        return []
    before, stack = {last}, [last]
    while stack:
        for source in _sources(instance, stack.pop()):
            if source not in before and instance.rank[source] >= low and source in after:
                before.add(source)
                stack.append(source)
    return sorted(before, key=instance.rank.__getitem__)


def _is_waist(instance: Instance, first: int, task: int, last: int) -> bool:
    around = between(instance, first, last)
    beside = len(between(instance, first, task)) + len(between(instance, task, last)) - 1
    return len(around) == beside


def _sources(instance: Instance, task: int) -> list[int]:
    values = instance.problem.values
    return [values[v].src for v in instance.inputs[task] if not values[v].carried]
