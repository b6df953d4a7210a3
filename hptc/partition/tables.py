"""Lookup tables of a problem: links by their ends, times of transfers, an order of the tasks."""

import math

import networkx as nx
import numpy as np
from numpy.typing import NDArray

from hptc.errors import ProblemError
from hptc.partition.problem import Link, Problem
from hptc.partition.validate import invalid

FEW_PAIRS = 256
"""Pairs of devices up to which the times of all are kept."""
LONGEST_CYCLE = 8
"""Tasks of a cycle that an error names."""

Positions = NDArray[np.int64]
Reals = NDArray[np.float64]


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


class SendMatrix:
    """Times in ns to send sizes between all pairs of devices at once, in floating point.

    0 on the same device, infinite where there is no link.
    """

    def __init__(self, problem: Problem) -> None:
        count = len(problem.devices)
        self._latency_ns = np.where(np.eye(count, dtype=bool), 0.0, np.inf)
        self._bandwidth = np.full((count, count), np.inf)
        for link in problem.links:
            if link.src != link.dst:
                self._latency_ns[link.src, link.dst] = link.latency_ns
                self._bandwidth[link.src, link.dst] = link.bandwidth_bytes_per_ns

    def times_ns(self, sizes: Reals) -> Reals:
        """Return what `transfer_ns` says, for each size in bytes and pair of devices."""
        source, device = np.indices(self._bandwidth.shape, sparse=True)
        return self.sent_ns(sizes[:, None, None], source, device)

    def sent_ns(self, sizes: Reals, source: Positions, device: Positions) -> Reals:
        """Return what `transfer_ns` says, for each size in bytes between two devices of its own."""
        latency_ns, bandwidth = self._latency_ns[source, device], self._bandwidth[source, device]
        found = np.ceil(latency_ns + sizes / bandwidth)
        return np.asarray(found, dtype=np.float64)


class SendTimes(dict[int, int]):
    """Times in ns to send a size, by pair of devices a * devices + b, found when asked for.

    0 on the same device, `missing` where there is no link.
    """

    def __init__(self, problem: Problem, link_of: dict[int, int], size: int, missing: int) -> None:
        super().__init__()
        self._problem, self._link_of = problem, link_of
        self._size, self._no_link = size, missing

    def __missing__(self, pair: int) -> int:
        """Find the time of one pair."""
        source, device = divmod(pair, len(self._problem.devices))
        position = self._link_of.get(pair)
        if source == device:
            self[pair] = 0
        elif position is None:
            self[pair] = self._no_link
        else:
            self[pair] = transfer_ns(self._problem.links[position], self._size)
        return self[pair]


Sending = SendTimes | tuple[int, ...]


def send_times(problem: Problem, link_of: dict[int, int], missing: int) -> tuple[Sending, ...]:
    """Return for each value the time in ns to send it, by pair of devices as in `SendTimes`.

    Of few devices all times are there at once.
    """
    known: dict[int, Sending] = {value.bytes: () for value in problem.values}
    if len(problem.devices) ** 2 > FEW_PAIRS:
        known = {size: SendTimes(problem, link_of, size, missing) for size in known}
    else:
        times_ns = SendMatrix(problem).times_ns(np.array([*known], dtype=np.float64))
        rows = np.where(np.isinf(times_ns), missing, times_ns)
        for size, row in zip(known, rows, strict=True):
            known[size] = tuple(map(int, row.ravel().tolist()))
    return tuple(known[value.bytes] for value in problem.values)


def longest_sends(problem: Problem) -> tuple[int, ...]:
    """Return for each value the longest time in ns that any link takes for it; 0 without links."""
    slowest: list[Link] = []
    for link in sorted(problem.links, key=lambda link: -link.latency_ns):
        before = (other.bandwidth_bytes_per_ns for other in slowest)
        if link.bandwidth_bytes_per_ns < min(before, default=math.inf):
            slowest.append(link)
    known = {
        size: max((transfer_ns(link, size) for link in slowest), default=0)
        for size in {value.bytes for value in problem.values}
    }
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
