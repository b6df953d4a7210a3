"""Seeds by minimum cuts: modes that minimise total time as if nothing ran at the same time.

Alpha expansion: for one device after the other, a minimum cut decides which tasks move there, at
the price of their times and of the transfers along the cut. On graphs that are mostly chains with
slow links this finds which long stretches are worth a move, in milliseconds.
"""

from collections.abc import Callable, Iterator, Sequence

from ortools.graph.python import max_flow

from hptc.partition.instance import NO_LINK, Instance

ROUNDS = 3
"""Passes over the devices; the choice rarely changes after the second."""

RESOLUTION = 10**6
"""Costs are rounded to this share of the largest, to stay within 64 bits."""

WEIGHTS = (1.0, 0.5, 0.2)
"""How much of a transfer counts: part of it hides behind work."""


def cut_choices(instance: Instance, stop: Callable[[], bool]) -> Iterator[list[int]]:
    """Yield modes of small total time for several weights of the transfers; `stop` is polled."""
    if instance.is_dense:
        return
    fastest = [
        min(usual, key=row.__getitem__)
        for usual, row in zip(instance.usual, instance.duration, strict=True)
    ]
    for weight in WEIGHTS:
        cutter = _Cutter(instance, weight)
        modes = fastest
        for _ in range(ROUNDS):
            before = modes
            for device in range(instance.devices):
                if stop():
                    return
                modes = cutter.expand(modes, device)
            if modes == before:
                break
        yield instance.settled(modes)


class _Cutter:
    """Costs of one instance in integers; `barrier` forbids."""

    def __init__(self, instance: Instance, weight: float) -> None:
        self.instance = instance
        largest = max(*map(max, instance.duration), *instance.longest_sends, 0, 0)
        self._unit = max(1, largest) / RESOLUTION
        self._work = [[round(n / self._unit) for n in row] for row in instance.duration]
        self._barrier = RESOLUTION * (4 * instance.tasks + 4)
        self._edges = [
            (v, value.src, reader, weight / len(value.readers))
            for v, value in enumerate(instance.problem.values)
            for reader in value.readers
            if reader != value.src
        ]

    def expand(self, modes: Sequence[int], device: int) -> list[int]:
        """Return the best modes in which each task stays or moves to `device`.

        With x = 1 for a move, an edge (a, b) that costs E(x_a, x_b), E(1, 1) = 0, splits into
        E00 + (E10 - E00) x_a - E10 x_b + (E01 + E10 - E00) (1 - x_a) x_b. The last factor has to be
        non-negative: E00 is cut down where the triangle inequality does not hold.
        """
        instance = self.instance
        at = [instance.device[task][mode] for task, mode in enumerate(modes)]
        gain = [0] * instance.tasks
        flow = max_flow.SimpleMaxFlow()
        for v, a, b, share in self._edges:
            first, second = (
                self._send(v, share, device, at[b]),
                self._send(v, share, at[a], device),
            )
            both = min(self._send(v, share, at[a], at[b]), first + second)
            gain[a] += both - first
            gain[b] += first
            if first + second > both:
                flow.add_arc_with_capacity(a, b, first + second - both)
        source, sink = instance.tasks, instance.tasks + 1
        for task, mode in enumerate(modes):
            target = instance.mode_on[task].get(device)
            there = self._barrier if target is None else self._work[task][target]
            gain[task] += self._work[task][mode] - there
            if gain[task] > 0:
                flow.add_arc_with_capacity(task, sink, gain[task])
            elif gain[task] < 0:
                flow.add_arc_with_capacity(source, task, -gain[task])
        flow.solve(source, sink)
        staying = set(flow.get_source_side_min_cut())
        return [
            mode if task in staying else instance.mode_on[task].get(device, mode)
            for task, mode in enumerate(modes)
        ]

    def _send(self, v: int, share: float, source: int, device: int) -> int:
        length = self.instance.send[v][source * self.instance.devices + device]
        return self._barrier if length == NO_LINK else round(length * share / self._unit)
