"""The schedulers of SAGA (`anrg-saga`) on problems whose devices are not related by a speed.

SAGA divides the cost of a task by the speed of a node, and the size of an edge by the speed of a
link. Numbers of our own give our times for exactly these quotients, and act as their means in every
other sum; none of SAGA's code is changed. What a scheduler makes of averages is its own affair: its
answer is a device for each task and a sequence, timed and judged as every other.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from statistics import fmean
from typing import Any
from unittest.mock import patch

import saga
from saga import schedulers

from hptc.partition.instance import Instance
from hptc.partition.problem import Link

EXCLUDED = ("BruteForceScheduler", "SMTScheduler", "HybridScheduler")
"""Two that never end, and one that is made of others."""
NEVER_NS = 1e15
PENALTY = 20.0
"""What takes no device takes so many times the longest task there, where it cannot be barred."""
SOURCE, SINK = "source", "sink"
Choice = tuple[list[int], list[float]]
"""Device and start of each task."""


class _Speed(float):
    """The speed of a node: 1, and which device it is."""

    device: int

    def __new__(cls, device: int) -> "_Speed":
        made = super().__new__(cls, 1.0)
        made.device = device
        return made


class _Cost(float):
    """The times of a task: their mean, and over the speed of a device the time there."""

    times: Sequence[float]

    def __new__(cls, times: Sequence[float]) -> "_Cost":
        made = super().__new__(cls, fmean(times))
        made.times = times
        return made

    def __truediv__(self, other: float) -> float:
        return self.times[other.device] if isinstance(other, _Speed) else float(self) / other


class _Bandwidth(float):
    """The bandwidth of a link; a size over it is the time of a transfer, latency included."""

    latency_ns: int

    def __new__(cls, link: Link) -> "_Bandwidth":
        made = super().__new__(cls, link.bandwidth_bytes_per_ns)
        made.latency_ns = link.latency_ns
        return made

    def __rtruediv__(self, size: float) -> float:
        return math.ceil(self.latency_ns + size / float(self)) if size else 0.0


def names() -> list[str]:
    """Return the names of the schedulers, without the ending they share."""
    known = (name for name in schedulers.__all__ if name not in EXCLUDED)
    return [name.removesuffix("Scheduler") for name in known]


def choose(instance: Instance, name: str, *, is_barred: bool) -> Choice:
    """Return what a scheduler makes of a problem, forbidden devices barred or else very slow."""
    return _Posed(instance, is_barred).run(getattr(schedulers, f"{name}Scheduler")())


class _Posed:
    """One problem in SAGA's terms; a node for each unit of a device."""

    def __init__(self, instance: Instance, is_barred: bool) -> None:
        devices = instance.problem.devices
        self._instance = instance
        self._is_barred = is_barred
        self._device_of = {
            f"{device.name} {unit}": d
            for d, device in enumerate(devices)
            for unit in range(min(device.count, instance.tasks))
        }
        self._times = [
            {device: times[mode] for device, mode in on.items()}
            for on, times in zip(instance.mode_on, instance.duration, strict=True)
        ]
        """Of each task on every device that can run it, in ns."""

    def run(self, scheduler: Any) -> Choice:
        """Return the device and the start of each task."""
        with self._barred():
            found = scheduler.schedule(self._network(), self._graph())
        devices, starts = [-1] * self._instance.tasks, [0.0] * self._instance.tasks
        for node, row in found.items():
            for item in row:
                if item.name not in (SOURCE, SINK):
                    devices[int(item.name)] = self._device_of[node]
                    starts[int(item.name)] = float(item.start)
        return devices, starts

    @contextmanager
    def _barred(self) -> Iterator[None]:
        """Let no task start where it cannot run, for the schedulers that ask SAGA's timeline."""
        usual = saga.Schedule.get_earliest_start_time

        def later(timeline: Any, task: Any, node: Any, append_only: bool = False) -> float:
            start = float(usual(timeline, task, node, append_only))
            name = _name(task)
            device = self._device_of[_name(node)]
            can_run = name in (SOURCE, SINK) or device in self._times[int(name)]
            return start if can_run else start + NEVER_NS

        if self._is_barred:
            with patch.object(saga.Schedule, "get_earliest_start_time", later):
                yield
        else:
            yield

    def _costs(self) -> list[_Cost]:
        """Return the cost of each task; barred devices take what the others do on average."""
        longest = max(time_ns for row in self._times for time_ns in row.values())
        count = len(self._instance.problem.devices)
        costs = []
        for row in self._times:
            missing = fmean(row.values()) if self._is_barred else PENALTY * longest
            costs.append(_Cost([float(row.get(device, missing)) for device in range(count)]))
        return costs

    def _network(self) -> Any:
        nodes = {
            name: saga.NetworkNode.model_construct(name=name, speed=_Speed(device))
            for name, device in self._device_of.items()
        }
        links = {(link.src, link.dst): _Bandwidth(link) for link in self._instance.problem.links}
        edges = {}
        for a, d in self._device_of.items():
            for b, e in self._device_of.items():
                speed = math.inf if d == e else links.get((d, e), 1 / NEVER_NS)
                edges[a, b] = saga.NetworkEdge.model_construct(source=a, target=b, speed=speed)
        once = frozenset(edge for (a, b), edge in edges.items() if a <= b)
        made = saga.Network.model_construct(nodes=frozenset(nodes.values()), edges=once)
        return _looked_up(
            made,
            get_node=lambda node: nodes[_name(node)],
            get_edge=lambda a, b: edges[_name(a), _name(b)],
        )

    def _graph(self) -> Any:
        costs, nothing = self._costs(), _Cost([0.0] * len(self._instance.problem.devices))
        tasks = {str(task): cost for task, cost in enumerate(costs)}
        sizes = self._sizes()
        read, written = {b for _, b in sizes}, {a for a, _ in sizes}
        sizes |= {(SOURCE, name): 0.0 for name in tasks if name not in read}
        sizes |= {(name, SINK): 0.0 for name in tasks if name not in written}
        nodes = {
            name: saga.TaskGraphNode.model_construct(name=name, cost=cost)
            for name, cost in (*tasks.items(), (SOURCE, nothing), (SINK, nothing))
        }
        edges = frozenset(
            saga.TaskGraphEdge.model_construct(source=a, target=b, size=size)
            for (a, b), size in sizes.items()
        )
        made = saga.TaskGraph.model_construct(tasks=frozenset(nodes.values()), dependencies=edges)
        return _looked_up(made, get_task=lambda task: nodes[_name(task)])

    def _sizes(self) -> dict[tuple[str, str], float]:
        """Return the bytes from task to task, carried values left out."""
        found: dict[tuple[str, str], float] = {}
        for value in self._instance.problem.values:
            for reader in () if value.carried else value.readers:
                pair = str(value.src), str(reader)
                found[pair] = found.get(pair, 0.0) + value.bytes
        return found


def _name(item: Any) -> str:
    """Return the name of a node or task, which SAGA also passes by name."""
    return str(getattr(item, "name", item))


def _looked_up(made: Any, **tables: Callable[..., Any]) -> Any:
    """Give an object of SAGA methods that look up what its own search for, or make anew.

    Its own would lose the latency and the direction of a link.
    """
    vars(made).update(tables)
    return made
