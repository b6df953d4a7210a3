"""A sequence of runs under construction, and what lies in memory at each of its positions."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from hptc.partition.instance import Instance
from hptc.partition.memory.lasting import lasting_bytes
from hptc.partition.problem import Rerun

SPACING = 1 << 64
"""Between the positions of the tasks at first, so that reruns fit in between."""


@dataclass(frozen=True, slots=True)
class Copy:
    """A value that lies on a device from one position of the sequence to another, both included."""

    run: int
    """That made it."""
    value: int
    device: int
    begin: int
    end: int


@dataclass(frozen=True, slots=True)
class Overflow:
    """The first position that needs more memory than a device has."""

    position: int
    device: int
    excess: int
    """In bytes."""


class Tape:
    """Runs of tasks in sequence: each task once, and some again.

    Args:
        instance: The problem.
        modes: Of its tasks; a rerun is in the mode of the first run.
        order: Its tasks, topological.
    """

    def __init__(self, instance: Instance, modes: Sequence[int], order: Sequence[int]) -> None:
        self.instance = instance
        self.task_of = list(range(instance.tasks))
        """Of each run."""
        self.modes = list(modes)
        """Of each run."""
        self.at = instance.places(modes)
        """Device of each run."""
        self.takers: list[set[int]] = [set() for _ in self.task_of]
        """Runs that take the results of each run."""
        for task, follows in enumerate(instance.successors):
            self.takers[task].update(reader for _, reader in follows)
        self.position = [0] * instance.tasks
        """Of each run; those that follow one another need not be neighbours."""
        for index, task in enumerate(order):
            self.position[task] = SPACING * (index + 1)
        self._run_at = {position: run for run, position in enumerate(self.position)}
        self._positions = sorted(self.position)
        self._source: dict[tuple[int, int], int] = {}
        self._carried = {
            v: list(value.readers)
            for v, value in enumerate(instance.problem.values)
            if value.carried
        }
        self._lasting = lasting_bytes(instance.problem, self.at)
        self._copies: dict[tuple[int, int], dict[int, Copy]] = {}
        self._recount(set(self.task_of))

    def source(self, run: int, v: int) -> int:
        """Return the run from which a run takes a value that it reads."""
        src = self.instance.problem.values[v].src
        return self._source.get((run, src), src)

    def run_at(self, position: int) -> int:
        """Return the run at a position."""
        return self._run_at[position]

    def tasks_before(self, position: int) -> int:
        """Return how many tasks have had their first run before a position."""
        return sum(there < position for there in self.position[: self.instance.tasks])

    def copy(self, run: int, v: int, device: int) -> Copy | None:
        """Return when a value of a run lies on a device of limited memory, if it does."""
        return self._copies[run, v].get(device)

    def readers(self, run: int, v: int) -> Sequence[int]:
        """Return the runs that take a value from a run."""
        if v in self._carried:
            return self._carried[v]
        inputs = self.instance.inputs
        return [taker for taker in self.takers[run] if v in inputs[self.task_of[taker]]]

    def copies_on(self, device: int) -> Iterator[Copy]:
        """Yield what lies on a device at any time but throughout."""
        for places in self._copies.values():
            if device in places:
                yield places[device]

    def overflow(self) -> Overflow | None:
        """Return the first position where a device holds too much; None if all fits."""
        values, found = self.instance.problem.values, None
        for device, memory in self.instance.memories.items():
            change: dict[int, int] = defaultdict(int)
            for copy in self.copies_on(device):
                change[copy.begin] += values[copy.value].bytes
                change[copy.end + 1] -= values[copy.value].bytes
            held = self._lasting[device]
            for position in sorted(change):
                held += change[position]
                if held > memory:
                    if found is None or position < found.position:
                        found = Overflow(position, device, held - memory)
                    break
        return found

    def rerun(self, runs: Sequence[int], takers: Sequence[int], before: int) -> None:
        """Run the tasks of some runs again, the last of them for `takers`.

        Args:
            runs: In sequence; each takes what earlier ones make from them.
            takers: Runs that took the results of the last.
            before: The run that the new ones come right before.
        """
        made: dict[int, int] = {}
        changed: set[int] = set()
        for run, position in zip(runs, self._room(len(runs), before), strict=True):
            task, new = self.task_of[run], len(self.task_of)
            self._add(run, position)
            for v in self.instance.inputs[task]:
                if v in self._carried:
                    self._carried[v].append(new)
                    changed.add(self.instance.problem.values[v].src)
                else:
                    src = self.instance.problem.values[v].src
                    changed.add(self._take(new, src, made.get(src, self.source(run, v))))
            made[task] = new
        task = self.task_of[-1]
        for taker in takers:
            source = self._source.get((taker, task), task)
            self.takers[source].discard(taker)
            changed |= {source, self._take(taker, task, made[task])}
        self._recount(changed | set(made.values()))

    def sequence(self) -> list[int]:
        """Return the runs in sequence."""
        return [self._run_at[position] for position in self._positions]

    def reruns(self) -> tuple[Rerun, ...]:
        """Return the reruns as they belong to an answer."""
        return tuple(
            Rerun(self.task_of[run], tuple(sorted(self.takers[run])))
            for run in range(self.instance.tasks, len(self.task_of))
        )

    def _room(self, count: int, before: int) -> list[int]:
        """Return so many positions right before a run, all others moved apart if need be."""
        index = bisect_left(self._positions, self.position[before])
        last = self._positions[index - 1] if index else 0
        step = (self.position[before] - last) // (count + 1)
        if step:
            return [last + step * (i + 1) for i in range(count)]
        self.position = [SPACING * position for position in self.position]
        self._run_at = {position: run for run, position in enumerate(self.position)}
        self._positions = sorted(self.position)
        self._recount(set(range(len(self.task_of))))
        return self._room(count, before)

    def _add(self, run: int, position: int) -> None:
        """Add a run of the same task at a position."""
        self._run_at[position] = len(self.task_of)
        self._positions.insert(bisect_left(self._positions, position), position)
        self.position.append(position)
        self.task_of.append(self.task_of[run])
        self.at.append(self.at[run])
        self.modes.append(self.modes[run])
        self.takers.append(set())

    def _take(self, run: int, task: int, source: int) -> int:
        self._source[run, task] = source
        self.takers[source].add(run)
        return source

    def _recount(self, runs: set[int]) -> None:
        """Work out anew what lies where of the values of some runs."""
        for run in runs:
            for v in self.instance.outputs[self.task_of[run]]:
                self._copies[run, v] = dict(self._spread(run, v, self.readers(run, v)))

    def _spread(self, run: int, v: int, readers: Sequence[int]) -> Iterator[tuple[int, Copy]]:
        """Yield the copy at home, until it is read and sent, and those where it is sent to."""
        home, memories = self.at[run], self.instance.memories
        spans: dict[int, tuple[int, int]] = {}
        for reader in readers:
            there = self.position[reader]
            begin, end = spans.get(self.at[reader], (there, there))
            spans[self.at[reader]] = min(begin, there), max(end, there)
        if home in memories and v not in self._carried:
            ends = [end if device == home else begin for device, (begin, end) in spans.items()]
            begin = self.position[run]
            yield home, Copy(run, v, home, begin, max([begin, *ends]))
        for device, (begin, end) in spans.items():
            if device != home and device in memories:
                yield device, Copy(run, v, device, begin, end)
