"""What takes memory for the whole step: the part of it that the values of the problem leave out.

Parameters that nothing trains, folded results, constants and the batch lie on each device that
reads them; views share the storage of their root. What the step returns has room reserved where it
is made. A trained parameter, a moment or a buffer lies on its home alone (a carried value of the
problem): its update is counted in place. What a task makes and reads itself is not counted, nor
what only the folding at phase entry reads.
"""

from collections.abc import Mapping, Sequence

from hptc.ir.graph import Graph
from hptc.ir.layout import layouts
from hptc.ir.tasks import Task
from hptc.partition.problem import Resident
from hptc.target import Target


def binding_memories(graph: Graph, target: Target) -> dict[str, int]:
    """Return the bytes of each device whose memory could not hold all values of a step at once."""
    total = sum(value.bytes for value in graph.values)
    sizes = {device.name: device.memory_bytes for device in target.devices}
    return {name: size for name, size in sizes.items() if size is not None and size < total}


def residents_in_memory(
    graph: Graph, tasks: Sequence[Task], homes: Mapping[str, int]
) -> tuple[Resident, ...]:
    """Return what lies wherever one of some tasks runs, that of the same tasks added up.

    Args:
        graph: The fused graph.
        tasks: Its tasks.
        homes: States that a task updates, with its position.
    """
    made = {name: index for index, task in enumerate(tasks) for name in task.outputs}
    readers: dict[str, list[int]] = {}
    layout = layouts(graph)
    for index, task in enumerate(tasks):
        for root in {layout[name].root for name in task.inputs if name not in made}:
            if root not in homes:
                readers.setdefault(root, []).append(index)
    added: dict[tuple[int, ...], int] = {}
    for root, found in readers.items():
        added[tuple(found)] = added.get(tuple(found), 0) + graph.by_name[root].bytes
    for name in {named.value for named in graph.outputs} & made.keys():
        added[made[name],] = added.get((made[name],), 0) + graph.by_name[name].bytes
    return tuple(Resident(found, size) for found, size in sorted(added.items()))
