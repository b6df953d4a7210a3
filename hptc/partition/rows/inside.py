"""What runs before and after some tasks of a stage, whatever the tiling.

Each chunk of a task reads at least one of every task that it reads of, and is read by at least one
of every reader. So before any chunk of a task, others of its stage have run one after the other, at
least one chunk of each task that leads to it; likewise after it. What a device does for tasks that
all have so much before and after them lies between the two.
"""

from collections.abc import Iterator, Sequence
from itertools import product

from hptc.partition.instance import Instance

ENDS = 4
"""Tasks of a stage, the longest first, that work is taken to begin or end with."""


def spans_inside(
    instance: Instance, stage: Sequence[int], least_ns: Sequence[int]
) -> Iterator[tuple[Sequence[int], int]]:
    """Yield tasks of a stage with the time in ns of the stage that none of them runs in.

    Args:
        instance: The tasks.
        stage: Some of them.
        least_ns: The least that one chunk of each task takes.
    """
    before, after = dict.fromkeys(stage, 0), dict.fromkeys(stage, 0)
    order = sorted(stage, key=instance.rank.__getitem__)
    edges = [(t, r) for t in order for _, r in instance.successors[t] if r in before and r != t]
    for task, reader in edges:
        before[reader] = max(before[reader], before[task] + least_ns[task])
    for task, reader in reversed(edges):
        after[task] = max(after[task], after[reader] + least_ns[reader])
    longest = sorted(stage, key=lambda task: -min(instance.duration[task]))[:ENDS]
    for head, tail in sorted({(before[a], after[b]) for a, b in product(longest, longest)}):
        inside = [task for task in order if before[task] >= head and after[task] >= tail]
        if inside and head + tail:
            yield inside, head + tail
