"""A phase with its tasks, their prices, and the problem they pose."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from cost_models.load import load_target
from cost_models.price import price
from hptc.cost import CostTable
from hptc.ir.graph import Graph
from hptc.ir.tasks import Task, tasks_of
from hptc.schedule.pose import Posed, pose
from hptc.target import Target


@dataclass(frozen=True, slots=True)
class Priced:
    """What the partitioner gets of a phase, and what it comes from."""

    graph: Graph
    target: Target
    tasks: Sequence[Task]
    costs: CostTable
    posed: Posed

    @classmethod
    def of(cls, graph: Graph, target: Target, steps: int) -> Self:
        """Price and pose a graph with tasks; raises as `hptc.schedule.pose.pose` does."""
        tasks = tasks_of(graph)
        costs = price(graph, tasks, target)
        return cls(graph, target, tasks, costs, pose(graph, tasks, costs, target, steps=steps))


def with_gpu(whole: Priced, steps: int) -> tuple[str, Priced]:
    """Return the name of a GPU and the phase on a target with it: its own, or the default one."""
    own = next((device.name for device in whole.target.devices if device.kind == "gpu"), None)
    if own is not None:
        return own, whole
    target = load_target("gpu")
    return target.devices[0].name, Priced.of(whole.graph, target, steps)
