"""Cycles of values from step to step, and orders of the tasks that know of them."""

from collections.abc import Sequence
from functools import cached_property

import networkx as nx

from hptc.partition.instance import Instance


class Recurrences:
    """The cycles that values, carried ones among them, close.

    Args:
        instance: Whose values they are.
    """

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        graph: nx.DiGraph[int] = nx.DiGraph()
        graph.add_nodes_from(range(instance.tasks))
        for value in instance.problem.values:
            graph.add_edges_from((value.src, reader) for reader in value.readers)
        cycles = [sorted(part) for part in nx.strongly_connected_components(graph)]
        self.cycle_of = {
            task: number for number, part in enumerate(cycles) if len(part) > 1 for task in part
        }
        """Number of the strongly connected component of each task that is in a cycle of several."""

    @cached_property
    def values(self) -> tuple[int, ...]:
        """Values of which a reader is in a cycle with their source."""
        return tuple(
            v
            for v, value in enumerate(self._instance.problem.values)
            if any(self.has(value.src, reader) for reader in value.readers)
        )

    def has(self, src: int, reader: int) -> bool:
        """Return whether two different tasks are in one cycle."""
        return src != reader and self.cycle_of.get(src, -1) == self.cycle_of.get(reader, -2)

    def order(self, key: Sequence[float]) -> list[int]:
        """Return the tasks by `key`, bent so that sources come before readers.

        In a cycle, readers of carried values come before their sources.
        """
        rank = self._instance.rank
        graph: nx.DiGraph[int] = nx.DiGraph()
        graph.add_nodes_from(range(self._instance.tasks))
        for value in self._instance.problem.values:
            for reader in value.readers:
                if reader != value.src and not (value.carried and self.has(value.src, reader)):
                    graph.add_edge(value.src, reader)
        return list(nx.lexicographical_topological_sort(graph, key=lambda t: (key[t], rank[t])))
