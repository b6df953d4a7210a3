"""Modes of less period by local search: tasks move as long as that evens out the loads."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence

from hptc.partition.instance import Instance
from hptc.partition.period.fold import Key, loads, units_of

POWER = 8
"""Loads count by this power of their share of the largest one, so that large ones decide."""
LEAST_GAIN = 1e-9
"""Gain below which a move is not worth it."""


def balanced(instance: Instance, modes: Sequence[int], is_over: Callable[[], bool]) -> list[int]:
    """Return modes near given ones whose loads are more even.

    Tasks, and groups as a whole, take the modes that lower the loads most, one after the other
    until none helps or the time is over.
    """
    board = _Board(instance, modes)
    movers = [*instance.groups, *((t,) for t in range(instance.tasks) if t not in instance.mates)]
    moved = True
    while moved:
        board.rescale()
        moved = False
        for mover in movers:
            if is_over():
                return board.modes
            moved |= board.improve(mover)
    return board.modes


class _Board:
    """Modes and the loads that they make, in ns."""

    def __init__(self, instance: Instance, modes: Sequence[int]) -> None:
        self._instance = instance
        self.modes = list(modes)
        self._at = instance.places(modes)
        self._load: dict[Key, int] = defaultdict(int)
        self._load |= {key: load for key, (_, load) in loads(instance, modes).items()}
        self._readers = [
            Counter(self._at[reader] for reader in {*value.readers} - {value.src})
            for value in instance.problem.values
        ]
        """How many readers each value has on each device, its source aside."""
        self._largest = 1.0

    def rescale(self) -> None:
        """Measure loads by the largest one there is now."""
        loads = (load / units_of(self._instance, key) for key, load in self._load.items())
        self._largest = max(loads, default=0.0) or 1.0

    def improve(self, tasks: Sequence[int]) -> bool:
        """Give tasks that share a device the modes that lower the loads most, if any does."""
        before = [self.modes[t] for t in tasks]
        best, least = before, -LEAST_GAIN
        for choice in self._choices(tasks):
            cost = self._move(tasks, choice)
            if cost < least and self._instance.admits(self.modes):
                best, least = choice, cost
            self._move(tasks, before)
        self._move(tasks, best)
        return best is not before

    def _choices(self, tasks: Sequence[int]) -> Iterator[list[int]]:
        instance = self._instance
        if len(tasks) == 1:
            yield from ([mode] for mode in instance.options[tasks[0]])
            return
        for device in {instance.device[tasks[0]][mode] for mode in instance.options[tasks[0]]}:
            yield [instance.mode_on[t][device] for t in tasks]

    def _move(self, tasks: Sequence[int], choice: Sequence[int]) -> float:
        """Give tasks modes and return what the loads cost more then."""
        change: dict[Key, int] = defaultdict(int)
        for task, mode in zip(tasks, choice, strict=True):
            if mode != self.modes[task]:
                self._switch(task, mode, change)
        cost = 0.0
        for key, load in change.items():
            whole = self._largest * units_of(self._instance, key)
            cost -= (self._load[key] / whole) ** POWER
            self._load[key] += load
            cost += (self._load[key] / whole) ** POWER
        return cost

    def _switch(self, task: int, mode: int, change: dict[Key, int]) -> None:
        instance, old = self._instance, self.modes[task]
        change[instance.resource[task][old]] -= instance.duration[task][old]
        change[instance.resource[task][mode]] += instance.duration[task][mode]
        self.modes[task] = mode
        device = instance.device[task][mode]
        if device != self._at[task]:
            self._sends(task, -1, change)
            self._at[task] = device
            self._sends(task, 1, change)

    def _sends(self, task: int, sign: int, change: dict[Key, int]) -> None:
        """Take away (-1) or add (1) a task on its device: what it is sent, and what it sends."""
        instance, here = self._instance, self._at[task]
        for v in instance.inputs[task]:
            source = instance.problem.values[v].src
            if source == task:
                continue
            readers = self._readers[v]
            was_alone = readers[here] == (sign < 0)
            readers[here] += sign
            if was_alone and self._at[source] != here:
                home = self._at[source]
                change[home, here] += sign * instance.send[v][home][here]
        for v in instance.outputs[task]:
            for device, count in self._readers[v].items():
                if count and device != here:
                    change[here, device] += sign * instance.send[v][here][device]
