"""Room while tasks are placed one after another, times aside.

An order of tasks whose values fit in this way also fits in time: who lacks room waits until enough
of what was placed before has ended.
"""

from collections import defaultdict
from collections.abc import Sequence

from hptc.partition.instance import Instance
from hptc.partition.memory.lasting import residents_read


class Ledger:
    """What lies on the devices of limited memory between the tasks placed and those to come.

    A value lies on its devices until all of its readers are placed, since any might need it there.
    """

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        self._held = dict.fromkeys(instance.memories, 0)
        self._peak = dict.fromkeys(instance.memories, 0)
        self._copies: dict[int, set[int]] = defaultdict(set)
        self._read = residents_read(instance.problem)
        self._residing: set[tuple[int, int]] = set()
        """Residents, with the devices where they lie."""
        self._unread = [len(set(value.readers)) for value in instance.problem.values]
        self._kept = self._captives()

    def fits(self, task: int, mode: int, at: Sequence[int], *, is_generous: bool) -> bool:
        """Return whether there is room for a task.

        Args:
            task: the next one.
            mode: its mode.
            at: device of each task placed before, -1 for the others.
            is_generous: leave room for tasks that can run nowhere else.
        """
        instance, device = self._instance, self._instance.device[task][mode]
        passing, lasting = self._demand(task, device, at)
        spare = self._kept if is_generous and len(instance.options[task]) > 1 else {}
        return all(
            max(self._peak[d], self._held[d] + passing.get(d, 0)) + lasting.get(d, 0)
            <= instance.memories[d] - spare.get(d, 0)
            for d in passing.keys() | lasting.keys()
        )

    def place(self, task: int, mode: int, at: Sequence[int]) -> None:
        """Book a task, before its place is noted in `at`."""
        instance, device = self._instance, self._instance.device[task][mode]
        values = instance.problem.values
        passing, lasting = self._demand(task, device, at)
        for d in passing.keys() | lasting.keys():
            self._held[d] += passing.get(d, 0) + lasting.get(d, 0)
            self._peak[d] = max(self._peak[d] + lasting.get(d, 0), self._held[d])
        self._residing.update((r, device) for r in self._read[task])
        for v in instance.inputs[task]:
            if device in instance.memories and at[values[v].src] not in (-1, device):
                self._copies[v].add(device)
            self._unread[v] -= 1
        for v in instance.outputs[task]:
            if device in instance.memories and not values[v].carried:
                self._copies[v].add(device)
        for v in {*instance.inputs[task], *instance.outputs[task]}:
            if not self._unread[v]:
                for d in self._copies.pop(v, ()):
                    self._held[d] -= values[v].bytes

    def _demand(
        self, task: int, device: int, at: Sequence[int]
    ) -> tuple[dict[int, int], dict[int, int]]:
        """Return the bytes that a task adds by device: until they are read, and for ever.

        The latter are residents, and carried values at home and where readers placed earlier need
        them.
        """
        instance, values = self._instance, self._instance.problem.values
        passing: dict[int, int] = defaultdict(int)
        lasting: dict[int, int] = defaultdict(int)
        for v in instance.inputs[task]:
            if at[values[v].src] not in (-1, device) and device not in self._copies[v]:
                passing[device] += values[v].bytes
        for r in self._read[task]:
            if (r, device) not in self._residing:
                lasting[device] += instance.problem.residents[r].bytes
        for v in instance.outputs[task]:
            if not values[v].carried:
                passing[device] += values[v].bytes
                continue
            for place in {device, *(at[reader] for reader in values[v].readers)} - {-1}:
                lasting[place] += values[v].bytes
        limited = instance.memories.keys()
        return (
            {d: size for d, size in passing.items() if d in limited},
            {d: size for d, size in lasting.items() if d in limited},
        )

    def _captives(self) -> dict[int, int]:
        """Return for each device the most that a task needs which can run nowhere else."""
        instance, found = self._instance, defaultdict[int, int](int)
        for task, options in enumerate(instance.options):
            devices = {instance.device[task][mode] for mode in options}
            if len(devices) == 1:
                (device,) = devices
                found[device] = max(found[device], instance.least_bytes[task])
        return found
