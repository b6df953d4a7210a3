"""A bound on the makespan of a pool of identical machines.

What is both a descendant of a and an ancestor of b runs between the end of a and the start of b, on
all machines at best. Along a longest path, with everything before and after it, such times add up:
`start(b) = max over a of end(a) + work between / machines`, over all pairs of tasks of the path.
"""

import numpy as np

from hptc.partition.bounds.chain import longest_chain, neighbours
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
    after, before = neighbours(instance, chain)
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
