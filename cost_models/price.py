"""Fill in the cost table: every task of a phase on every device of a target."""

from collections.abc import Sequence

from cost_models.registry import KINDS
from cost_models.work import TaskWork, count_work
from hptc.cost import CostTable, DeviceCosts
from hptc.ir.graph import Graph
from hptc.ir.tasks import Task
from hptc.target import DeviceSpec, Target


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
    return CostTable(tuple(price_device(spec, work) for spec in target.devices))


def price_device(spec: DeviceSpec, work: Sequence[TaskWork]) -> DeviceCosts:
    """Return what one device charges for tasks as `count_work` counts them."""
    return KINDS[spec.kind].build(spec.table).device_costs(spec.name, work)
