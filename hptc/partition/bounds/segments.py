"""A bound from the segments of a long path, each solved exactly on its own.

What is both a descendant of a and an ancestor of b runs between the end of a and the end of b. So
the least makespan of these tasks alone, with given modes of a and b, bounds the time from the one
end to the other; along a path such times add up, for the best choice of modes where they meet.
Everything else (other tasks, their load, values from outside) is left out, which only lowers it.
Repeated blocks are solved once.
"""

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from hptc.partition.bounds.chain import Stretch, between, longest_chain, waists
from hptc.partition.bounds.paths import path_bound, path_heads, path_tails
from hptc.partition.goal import Objective
from hptc.partition.instance import Instance
from hptc.partition.limits import Clock
from hptc.partition.memory.lasting import without_memory
from hptc.partition.prepare import prepare
from hptc.partition.problem import Matrix, Mode, Problem, Task
from hptc.partition.sat.exact import prove
from hptc.partition.search import Incumbent
from hptc.partition.seeds.heuristics import seeds

JOINED = 12
"""Tasks up to which neighbouring segments are joined."""
LARGEST = 40
"""Most tasks of a segment that CP-SAT is asked to solve."""
LONGEST_S = 5.0
"""Limit in s for one segment; the bound that CP-SAT has by then holds."""


@dataclass(frozen=True, slots=True)
class Segments:
    """What segments prove."""

    bound_ns: int = 0
    """On the makespan."""
    stretches: tuple[Stretch, ...] = ()
    """Their ends."""


class SegmentBound:
    """`segment_bound` computed in a thread beside the search; before it where work is limited."""

    def __init__(self, instance: Instance, clock: Clock, time_s: float) -> None:
        self._ended = threading.Event()
        self._found: list[Segments] = []
        self._thread: threading.Thread | None = None
        if clock.counts_work:
            self._found.append(segment_bound(instance, clock, time_s))
            return
        own = replace(clock, stop=lambda: self._ended.is_set() or clock.is_over())
        self._thread = threading.Thread(
            target=lambda: self._found.append(segment_bound(instance, own, time_s))
        )
        self._thread.start()

    @property
    def found(self) -> Segments:
        """The bound, 0 until it is there."""
        return self._found[0] if self._found else Segments()

    @property
    def is_running(self) -> bool:
        """Whether the bound is still to come."""
        return self._thread is not None and self._thread.is_alive()

    def wait(self) -> None:
        """Wait for the bound."""
        if self._thread is not None:
            self._thread.join()

    def end(self) -> None:
        """Stop the search of the segment at hand and wait for what is proven by then."""
        self._ended.set()
        self.wait()


def segment_bound(instance: Instance, clock: Clock, time_s: float) -> Segments:
    """Return a bound on the makespan; weaker where `time_s` s do not suffice."""
    chain = [] if instance.is_dense else longest_chain(instance)
    if not chain:
        return Segments()
    heads, tails = path_heads(instance), path_tails(instance)
    solver = _Segments(instance, clock, clock.elapsed_s + time_s)
    last = chain[0]
    reached = list(heads[last])
    stretches = []
    for tasks in segments(instance, chain):
        first, last, begun_on = tasks[0], tasks[-1], dict[int, int]()
        for start, begun in zip(instance.device[first], reached, strict=True):
            begun_on[start] = min(begun, begun_on.get(start, begun))
        ends = dict.fromkeys(instance.device[last])
        least = {
            (start, end): solver.least_ns(tasks, start, end) for start in begun_on for end in ends
        }
        stretches.append(Stretch(first, last, least))
        done = {
            end: min(begun + least[start, end] for start, begun in begun_on.items()) for end in ends
        }
        modes = zip(instance.device[last], instance.duration[last], strict=True)
        reached = [
            max(heads[last][mode], done[end] + length) for mode, (end, length) in enumerate(modes)
        ]
        if clock.is_over():
            break
    least_ns = min(map(sum, zip(reached, tails[last], strict=True)))
    return Segments(least_ns, tuple(stretches))


def segments(instance: Instance, chain: Sequence[int]) -> Iterator[list[int]]:
    """Yield the tasks from waist to waist of a chain, neighbours joined as far as they stay small.

    Where two waists lie too far apart, the steps of the chain stand for what is between them.
    """
    cuts = waists(instance, chain)
    first = 0
    while first < len(cuts) - 1:
        last = first + 1
        tasks = between(instance, chain[cuts[first]], chain[cuts[last]])
        while last + 1 < len(cuts) and len(tasks) < JOINED:
            wider = between(instance, chain[cuts[first]], chain[cuts[last + 1]])
            if len(wider) > JOINED:
                break
            last, tasks = last + 1, wider
        if len(tasks) > LARGEST:
            yield from map(list, pairwise(chain[cuts[first] : cuts[last] + 1]))
        else:
            yield tasks
        first = last


class _Segments:
    """Solves segments, each structure once."""

    def __init__(self, instance: Instance, clock: Clock, until_s: float) -> None:
        self._instance = instance
        self._clock = clock
        self._until_s = until_s
        self._known: dict[Problem, int] = {}

    def least_ns(self, tasks: Sequence[int], start: int, end: int) -> int:
        """Return a bound on the time from the end of the first task to the start of the last.

        Args:
            tasks: the segment, in topological order.
            start: device of the first task.
            end: device of the last task, which waits for all others.

        Returns:
            A time in ns.
        """
        problem = _part(self._instance, tasks, start, end)
        if problem not in self._known:
            self._known[problem] = self._bound(prepare(problem))
        return self._known[problem]

    def _bound(self, part: Instance) -> int:
        paths = path_bound(part)
        left_s = min(self._until_s - self._clock.elapsed_s, LONGEST_S)
        is_chain = all(len(row) <= 1 for row in (*part.inputs, *part.successors))
        if is_chain or left_s <= 0 or self._clock.is_over():
            return paths
        search = Incumbent(part, Objective.LATENCY, self._clock, None)
        for schedule in seeds(part):
            search.offer(schedule, "seed")
        if search.best is None:
            return paths
        search.raise_bound(0, paths)
        if search.is_good_enough:
            return paths
        proof = prove(search, left_s, 1)
        if proof.was_interrupted:
            raise KeyboardInterrupt
        search.raise_bound(proof.bound)
        return search.bound_ns


def _part(instance: Instance, tasks: Sequence[int], start: int, end: int) -> Problem:
    """Return the segment as a problem of its own, named by positions: equal blocks are equal."""
    position = {task: index for index, task in enumerate(tasks)}
    kept: dict[tuple[int, int], int] = {}
    parts = []
    for task, index in position.items():
        modes = tuple(_quickest(instance.problem.tasks[task].modes, task, kept))
        if index in (0, len(tasks) - 1):
            modes = (Mode(end if index else start, 0),)
        parts.append(Task(str(index), modes))
    values = []
    for v in (v for task in tasks for v in instance.outputs[task]):
        value = instance.problem.values[v]
        readers = sorted({position[reader] for reader in value.readers if reader in position})
        if readers and not value.carried:
            values.append(replace(value, src=position[value.src], readers=tuple(readers)))
    matrices = tuple(Matrix(str(index), device, 0) for (device, _), index in kept.items())
    devices = without_memory(instance.problem).devices
    return Problem(devices, instance.problem.links, tuple(parts), tuple(values), matrices)


def _quickest(modes: Sequence[Mode], task: int, kept: dict[tuple[int, int], int]) -> Iterator[Mode]:
    """Yield one mode for each device, without energy, its matrix numbered by first use.

    Of several matrices there, the one read in least time stands for all, as if nobody else read it.
    """
    for device in dict.fromkeys(mode.device for mode in modes):
        here = [mode for mode in modes if mode.device == device]
        matrix = here[0].matrix if len(here) == 1 else ~task
        if matrix is not None:
            matrix = kept.setdefault((device, matrix), len(kept))
        yield Mode(device, min(mode.duration_ns for mode in here), matrix=matrix)
