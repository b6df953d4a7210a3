"""Where trained matrices are written in every step: with the value that they hold.

The price of a task on crossbars is that of its reads. A value that fills a matrix is written on the
device where it arrives, once, however many tasks read it there. Some matrices are filled otherwise:
one of several that a value fills (its windows, or a transposed copy), or one whose value may be
made on the device itself. Then each reader pays for a write, too much where several are there.
"""

from collections.abc import Sequence
from dataclasses import replace

from hptc.cost import Cost, CostTable, CrossbarUse, DeviceCosts
from hptc.ir.graph import Graph
from hptc.ir.layout import layout_of
from hptc.ir.tasks import Task
from hptc.partition import problem as pb
from hptc.units import Ns, Pj, whole_ns

Named = tuple[str, pb.Value]
Reader = tuple[int, int]
"""A task and a device."""


def with_writes(
    graph: Graph, tasks: Sequence[Task], costs: CostTable, named: Sequence[Named]
) -> list[Named]:
    """Return values by name with what writing them takes where they arrive."""
    found: list[Named] = []
    filled: set[tuple[int, str]] = set()
    for name, value in named:
        writes = []
        for index, device in enumerate(costs.devices):
            use = _filled(layout_of(graph, name).root, tasks, device, value)
            if use is not None and (index, use.matrix) not in filled:
                filled.add((index, use.matrix))
                writes.append(pb.Write(index, whole_ns(use.program_ns), round(use.program_pj)))
        found.append((name, replace(value, writes=tuple(writes))))
    return found


def readers_served(values: Sequence[pb.Value]) -> frozenset[Reader]:
    """Return the tasks that need not pay for a write, each with the device."""
    return frozenset(
        (reader, write.device)
        for value in values
        for write in value.writes
        for reader in value.readers
    )


def with_own_write(cost: Cost) -> Cost:
    """Return the price of a task that writes its matrix in every step, if it is to be written."""
    use = cost.crossbars
    if use is None:
        return cost
    return replace(
        cost,
        latency_ns=Ns(cost.latency_ns + use.writes_per_step * use.program_ns),
        energy_pj=Pj(cost.energy_pj + use.writes_per_step * use.program_pj),
    )


def _filled(
    root: str, tasks: Sequence[Task], device: DeviceCosts, value: pb.Value
) -> CrossbarUse | None:
    """Return the one matrix that a value fills on a device, if it always comes by a transfer."""
    if device.capacity_crossbars is None or device.prices(tasks[value.src].name):
        return None
    prices = [cost for reader in value.readers for cost in device.prices(tasks[reader].name)]
    uses = [cost.crossbars for cost in prices if cost.crossbars is not None]
    if not uses or len(uses) < len(prices) or len({use.held for use in uses}) > 1:
        return None
    largest = max(uses, key=lambda use: use.program_ns)
    return largest if largest.writes_per_step and largest.matrix == root else None
