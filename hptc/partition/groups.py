"""Tasks that have to share a device."""

from collections import Counter
from collections.abc import Sequence

import networkx as nx

from hptc.errors import InfeasibleError
from hptc.partition.problem import Problem


def merged(problem: Problem) -> tuple[tuple[int, ...], ...]:
    """Return disjoint groups of several tasks: those that overlap are joined.

    Raises:
        InfeasibleError: the tasks of a group have no device in common.
    """
    graph: nx.Graph[int] = nx.Graph()
    for group in problem.together:
        nx.add_path(graph, group)
    groups = [tuple(sorted(found)) for found in nx.connected_components(graph)]
    for group in groups:
        if not shared(problem, group):
            names = ", ".join(repr(problem.tasks[task].name) for task in group)
            raise InfeasibleError(
                "colocation",
                expected="a device that can run every task of a group that is kept together",
                found=f"none for the tasks {names[:200]}",
                hint="Allow the tasks on one common device, or take the group apart.",
            )
    return tuple(sorted(group for group in groups if len(group) > 1))


def shared(problem: Problem, group: Sequence[int]) -> set[int]:
    """Return the devices that can run every task of a group."""
    return set.intersection(*({mode.device for mode in problem.tasks[t].modes} for t in group))


def common(
    devices: Sequence[tuple[int, ...]],
    options: Sequence[tuple[int, ...]],
    group: Sequence[int],
    modes: Sequence[int],
) -> int:
    """Return the device of a group's shared ones that most of its tasks use in `modes`.

    Args:
        devices: device of every mode of each task.
        options: modes that each task may take: those of a group are on the same devices.
        group: tasks that share a device.
        modes: of all tasks.
    """
    votes = Counter(devices[task][modes[task]] for task in group)
    first = group[0]
    return min((devices[first][m] for m in options[first]), key=lambda d: (-votes[d], d))
