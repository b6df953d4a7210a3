"""Fill in the cost table: every task of a phase on every device of a target."""

from collections.abc import Sequence

from cost_models.registry import KINDS
from cost_models.work import count_work
from hptc.cost import CostTable
from hptc.ir.graph import Graph
from hptc.ir.tasks import Task
from hptc.target import Target


def price(graph: Graph, tasks: Sequence[Task], target: Target) -> CostTable:
    """Return what each task costs on each device of `target`.

    Args:
        graph: The phase, with residencies (pass `tag-residency`).
        tasks: The groups of operations to price (`hptc.ir.tasks.tasks_of`).
        target: Devices, as loaded by `cost_models.load`.

    Returns:
        Latencies in ns and energies in pJ; None where a device cannot run a task.
    """
    work = count_work(graph, tasks)
    return CostTable(
        tuple(
            KINDS[spec.kind].build(spec.table).device_costs(spec.name, work)
            for spec in target.devices
        )
    )
