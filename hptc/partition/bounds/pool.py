"""A bound on the makespan of a pool of identical machines.

What is both a descendant of a and an ancestor of b runs between the end of a and the start of b, on
all machines at best. Along a longest path, with everything before and after it, such times add up:
`start(b) = max over a of end(a) + work between / machines`, over all pairs of tasks of the path.
"""

import numpy as np

from hptc.partition.bounds.chain import longest_chain
from hptc.partition.instance import Instance

MOST_NS = 1 << 62
"""Work beyond it could leave 64-bit integers."""


def pool_bound(instance: Instance) -> int:
    """Return a bound in ns: never below the work divided by the machines, rounded up."""
    work = [row[0] for row in instance.duration]
    total = sum(work)
    if not total or total > MOST_NS:
        return -(-total // instance.devices)
    chain = longest_chain(instance)
    after, before = _neighbours(instance, chain)
    released: list[list[int]] = [[] for _ in range(len(chain) + 2)]
    for task, step in enumerate(before):
        released[step].append(task)
    between = np.zeros(len(chain) + 2, dtype=np.int64)
    """Work of what follows each step of the path and precedes the step at hand."""
    end = np.zeros(len(chain) + 2, dtype=np.int64)
    lengths = [0, *(work[task] for task in chain), 0]
    for step in range(1, len(lengths)):
        for task in released[step]:
            between[: after[task] + 1] += work[task]
        waits = -(-between[:step] // instance.devices)
        end[step] = int((end[:step] + waits).max()) + lengths[step]
    return int(end[-1])


def _neighbours(instance: Instance, chain: list[int]) -> tuple[list[int], list[int]]:
    """Return for each task the last step of a path before it, and the first after it.

    Steps count from 1; 0 and one more than there are stand for begin and end.
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
