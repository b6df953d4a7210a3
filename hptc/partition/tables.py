"""Lookup tables of a problem: links by their ends, times of transfers, an order of the tasks."""

import math
from collections import defaultdict
from collections.abc import Iterator

import networkx as nx
import numpy as np
from numpy.typing import NDArray

from hptc.errors import ProblemError
from hptc.partition.problem import Link, Problem, Value, Write
from hptc.partition.validate import invalid

FEW_PAIRS = 256
"""Pairs of devices up to which the times of all are kept."""
LONGEST_CYCLE = 8
"""Tasks of a cycle that an error names."""

Numbers = NDArray[np.int64]
Reals = NDArray[np.float64]

Pair = tuple[int, int]
"""Two devices: from the one to the other."""


def link_positions(problem: Problem) -> dict[Pair, int]:
    """Return the position of each link by its ends.

    Raises ProblemError for a second link of a pair.
    """
    found: dict[Pair, int] = {}
    for position, link in enumerate(problem.links):
        ends = link.src, link.dst
        if found.setdefault(ends, position) != position:
            raise invalid("links", "one link per ordered pair of devices", ends)
    return found


def transfer_ns(link: Link, size: int) -> int:
    """Return the time in ns that a link is held to send `size` bytes."""
    return math.ceil(link.latency_ns + size / link.bandwidth_bytes_per_ns)


def bringing_ns(link: Link, value: Value) -> int:
    """Return the time in ns that a link is held to send a value and have it written."""
    return transfer_ns(link, value.bytes) + value.written(link.dst).duration_ns


class SendMatrix:
    """Times to bring values, by position, between devices at once, in floating point.

    0 on the same device, infinite where there is no link.
    """

    def __init__(self, problem: Problem) -> None:
        count = len(problem.devices)
        self._bytes = np.array([value.bytes for value in problem.values], dtype=np.float64)
        self._write_ns = np.zeros((len(problem.values), count), dtype=np.int64)
        for v, value in enumerate(problem.values):
            for write in value.writes:
                self._write_ns[v, write.device] = write.duration_ns
        self._latency_ns = np.where(np.eye(count, dtype=bool), 0.0, np.inf)
        self._bandwidth = np.full((count, count), np.inf)
        for link in problem.links:
            if link.src != link.dst:
                self._latency_ns[link.src, link.dst] = link.latency_ns
                self._bandwidth[link.src, link.dst] = link.bandwidth_bytes_per_ns

    def sent_ns(self, values: Numbers, source: Numbers, device: Numbers) -> Reals:
        """Return what `bringing_ns` says, for each value between two devices of its own."""
        written = self._written_ns(values, source, device)
        return self._link_ns(values, source, device) + written

    def row_ns(self, value: int, source: int, missing: int) -> tuple[int, ...]:
        """Return whole times of a value from one device to each, `missing` without a link."""
        ends = np.array(source), np.arange(len(self._bandwidth))
        return tuple(self._whole_ns(np.array(value), *ends, missing).tolist())

    def tables_ns(self, values: Numbers, missing: int) -> Iterator[tuple[tuple[int, ...], ...]]:
        """Yield the rows of each value, from all devices."""
        found = self._whole_ns(values[:, None, None], *self._pairs(), missing)
        return (tuple(map(tuple, rows)) for rows in found.tolist())

    def units(
        self, values: Numbers, source: Numbers, device: Numbers, shift: int, missing: int
    ) -> Numbers:
        """Return no more than the same times in 2^shift ns, `missing` where there is no link."""
        sent = np.floor(np.ldexp(self._link_ns(values, source, device), -shift))
        is_linked = np.isfinite(sent)
        written = self._written_ns(values, source, device) >> shift
        return np.where(
            is_linked, np.where(is_linked, sent, 0.0).astype(np.int64) + written, missing
        )

    def pair_units(self, values: Numbers, shift: int, missing: int) -> Numbers:
        """Return `units` between all pairs of devices."""
        return self.units(values[:, None, None], *self._pairs(), shift, missing)

    def _pairs(self) -> tuple[Numbers, Numbers]:
        source, device = np.indices(self._bandwidth.shape, sparse=True)
        return source, device

    def _whole_ns(
        self, values: Numbers, source: Numbers, device: Numbers, missing: int
    ) -> NDArray[np.object_]:
        """Return times as Python's integers: they may have more than 64 bits."""
        sent = self._link_ns(values, source, device)
        is_linked = np.isfinite(sent)
        whole = _whole(np.where(is_linked, sent, 0.0)) + self._written_ns(values, source, device)
        return np.where(is_linked, whole, missing)

    def _link_ns(self, values: Numbers, source: Numbers, device: Numbers) -> Reals:
        latency_ns, bandwidth = self._latency_ns[source, device], self._bandwidth[source, device]
        return np.asarray(np.ceil(latency_ns + self._bytes[values] / bandwidth), dtype=np.float64)

    def _written_ns(self, values: Numbers, source: Numbers, device: Numbers) -> Numbers:
        return np.where(source == device, 0, self._write_ns[values, device])


_whole = np.frompyfunc(int, 1, 1)


class SendRows(dict[int, tuple[int, ...]]):
    """Rows of times to bring a value, by the device that it comes from, found when asked for."""

    def __init__(self, matrix: SendMatrix, value: int, missing: int) -> None:
        super().__init__()
        self._matrix, self._value, self._no_link = matrix, value, missing

    def __missing__(self, source: int) -> tuple[int, ...]:
        """Find the times from one device."""
        self[source] = row = self._matrix.row_ns(self._value, source, self._no_link)
        return row


Sending = SendRows | tuple[tuple[int, ...], ...]
Sent = tuple[int, tuple[Write, ...]]
"""What is sent of a value, and what is written."""


def send_times(problem: Problem, missing: int) -> tuple[Sending, ...]:
    """Return for each value the time in ns to bring it from each device to each other.

    0 on the same device, `missing` where there is no link. Of few devices all times are there at
    once, else the row of a device when it is asked for.
    """
    alike: dict[Sent, int] = {}
    for v, value in enumerate(problem.values):
        alike.setdefault((value.bytes, value.writes), v)
    matrix = SendMatrix(problem)
    known: dict[Sent, Sending]
    if len(problem.devices) ** 2 > FEW_PAIRS:
        known = {sent: SendRows(matrix, v, missing) for sent, v in alike.items()}
    else:
        first = np.array([*alike.values()], dtype=np.int64)
        known = dict(zip(alike, matrix.tables_ns(first, missing), strict=True))
    return tuple(known[value.bytes, value.writes] for value in problem.values)


def longest_sends(problem: Problem) -> tuple[int, ...]:
    """Return for each value the longest time in ns that any link takes for it; 0 without links."""
    slowest: list[Link] = []
    """Without those that another one is slower than at any size."""
    for link in sorted(problem.links, key=lambda link: -link.latency_ns):
        before = (other.bandwidth_bytes_per_ns for other in slowest)
        if link.bandwidth_bytes_per_ns < min(before, default=math.inf):
            slowest.append(link)
    leading: dict[int, list[Link]] = defaultdict(list)
    for link in problem.links:
        leading[link.dst].append(link)

    def candidates(value: Value) -> Iterator[int]:
        yield from (transfer_ns(link, value.bytes) for link in slowest)
        for write in value.writes:
            yield from (bringing_ns(link, value) for link in leading[write.device])

    return tuple(max(candidates(value), default=0) for value in problem.values)


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
