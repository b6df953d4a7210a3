"""Lookup tables of a problem: links by their ends, times of transfers, an order of the tasks."""

import math

import networkx as nx

from hptc.errors import ProblemError
from hptc.partition.problem import Link, Problem
from hptc.partition.validate import invalid

LONGEST_CYCLE = 8
"""Tasks of a cycle that an error names."""


def link_positions(problem: Problem) -> dict[int, int]:
    """Return the position of each link by its pair of devices, a * devices + b.

    Raises ProblemError for a second link of a pair.
    """
    found: dict[int, int] = {}
    for position, link in enumerate(problem.links):
        pair = link.src * len(problem.devices) + link.dst
        if found.setdefault(pair, position) != position:
            raise invalid("links", "one link per ordered pair of devices", (link.src, link.dst))
    return found


def transfer_ns(link: Link, size: int) -> int:
    """Return the time in ns that a link is held to send `size` bytes."""
    return math.ceil(link.latency_ns + size / link.bandwidth_bytes_per_ns)


def send_times(
    problem: Problem, link_of: dict[int, int], missing: int
) -> tuple[tuple[int, ...], ...]:
    """Return the time in ns to send each value by pair of devices, `missing` without a link."""
    count = len(problem.devices)
    known: dict[int, tuple[int, ...]] = {}
    for size in {value.bytes for value in problem.values}:
        row = [missing] * (count * count)
        for pair, position in link_of.items():
            row[pair] = transfer_ns(problem.links[position], size)
        for device in range(count):
            row[device * count + device] = 0
        known[size] = tuple(row)
    return tuple(known[value.bytes] for value in problem.values)


def topological(problem: Problem) -> tuple[int, ...]:
    """Return the tasks in an order in which values that are not carried come before their readers.

    Raises ProblemError for a cycle.
    """
    graph: nx.DiGraph[int] = nx.DiGraph()
    graph.add_nodes_from(range(len(problem.tasks)))
    for value in problem.values:
        if not value.carried:
            graph.add_edges_from((value.src, reader) for reader in value.readers)
    try:
        return tuple(nx.lexicographical_topological_sort(graph))
    except nx.NetworkXUnfeasible:
        loop = [problem.tasks[a].name for a, _ in nx.find_cycle(graph)]
        named = loop if len(loop) <= LONGEST_CYCLE else [*loop[:LONGEST_CYCLE], "…"]
        raise ProblemError(
            "task graph",
            expected="a graph without cycles",
            found=f"the cycle {' -> '.join([*named, loop[0]])}, of {len(loop)} tasks",
            hint="Mark values that cross from one step to the next as carried.",
        ) from None
