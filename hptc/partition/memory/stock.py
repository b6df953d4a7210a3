"""What lies where while tasks and transfers happen one after the other, times aside.

A sequence that keeps the memory in this way also fits in time (`decode.follow_within`): who lacks
room waits until what comes before has ended. Every schedule gives such a sequence, that of its
starts. So where schedules are hard to find, it is enough to look for a sequence.
"""

from collections import Counter
from collections.abc import Iterator, Sequence

from hptc.partition.instance import NO_LINK, Instance
from hptc.partition.memory.lasting import lasting_bytes, residents_read

Item = tuple[int, int, int]
"""As `decode.sequence` has them: (task, -1, -1), or (source, value, device) for a transfer."""


class Stock:
    """The copies of values between the items so far and those to come.

    All tasks have modes from the start; those that have not run may still change them.
    """

    def __init__(self, instance: Instance, modes: Sequence[int]) -> None:
        self.instance = instance
        self.modes = list(modes)
        self.at = instance.places(modes)
        self.items: list[Item] = []
        self.has_run = [False] * instance.tasks
        lasting = lasting_bytes(instance.problem, self.at)
        self.free = {d: memory - lasting[d] for d, memory in instance.memories.items()}
        """Bytes free on each device of limited memory."""
        self._least = dict(self.free)
        """The least that was free so far."""
        self._read = residents_read(instance.problem)
        self._residing = Counter(
            (r, self.at[task]) for task, read in enumerate(self._read) for r in read
        )
        values = instance.problem.values
        self.copies = [{self.at[value.src]} if value.carried else set[int]() for value in values]
        """Devices where each value lies."""
        self._made: dict[int, dict[int, None]] = {device: {} for device in self.free}
        """Values that lie where they were made, by device."""
        self._waiting = [Counter(self.at[reader] for reader in set(v.readers)) for v in values]
        """Of each value, readers by device that have not run."""
        self._sent: set[tuple[int, int]] = set()

    def lacking(self, task: int, device: int) -> int:
        """Return how many bytes too few are free to run a task on a device; none if negative."""
        if device not in self.free:
            return -1
        instance, values = self.instance, self.instance.problem.values
        need = sum(values[v].bytes for v in instance.inputs[task] if device not in self.copies[v])
        need += sum(values[v].bytes for v in instance.outputs[task] if not values[v].carried)
        return need - self.free[device]

    def growth(self, task: int) -> Iterator[tuple[int, int]]:
        """Yield (device, bytes) of what lies there longer than a task, or no longer, if it runs."""
        values, device = self.instance.problem.values, self.at[task]
        for v in self.instance.outputs[task]:
            if not values[v].carried and values[v].readers:
                yield device, values[v].bytes
        for v in self.instance.inputs[task]:
            home, waiting, copies = self.at[values[v].src], self._waiting[v], self.copies[v]
            is_last = waiting[device] == 1
            if device != home and is_last == (device in copies):
                yield device, -values[v].bytes if is_last else values[v].bytes
            others = {d for d, count in waiting.items() if count and d != device}
            is_over = is_last or device != home
            if is_over and home in copies and not values[v].carried and others <= copies - {home}:
                yield home, -values[v].bytes

    def run(self, task: int) -> None:
        """Send what a task lacks, and run it."""
        device, values = self.at[task], self.instance.problem.values
        for v in self.instance.inputs[task]:
            if device not in self.copies[v]:
                self.send(v, device)
        self.items.append((task, -1, -1))
        self.has_run[task] = True
        for v in self.instance.outputs[task]:
            if not values[v].carried:
                self._lay(v, device)
        for v in self.instance.inputs[task]:
            self._waiting[v][device] -= 1
        for v in {*self.instance.inputs[task], *self.instance.outputs[task]}:
            self._release(v)

    def send(self, v: int, device: int) -> None:
        """Send a value from where it is made."""
        self.items.append((self.instance.problem.values[v].src, v, device))
        self._sent.add((v, device))
        self._lay(v, device)
        self._release(v)

    def made_on(self, device: int) -> list[int]:
        """Return the values that were made on a device of limited memory and still lie there."""
        return list(self._made.get(device, ()))

    def targets(self, v: int) -> list[int]:
        """Return devices that a value has still to be sent to."""
        home = self.at[self.instance.problem.values[v].src]
        found = (d for d, count in self._waiting[v].items() if count and d != home)
        return sorted(d for d in found if d not in self.copies[v])

    def readers_on(self, v: int, device: int) -> list[int]:
        """Return the readers of a value on a device that have not run."""
        readers = dict.fromkeys(self.instance.problem.values[v].readers)
        return [r for r in readers if self.at[r] == device and not self.has_run[r]]

    def move(self, task: int, mode: int) -> bool:
        """Change the mode of a task, and the device of its group, if that can still be done."""
        instance, device = self.instance, self.instance.device[task][mode]
        group = instance.mates.get(task, (task,))
        modes = [mode if t == task else instance.mode_on[t].get(device, -1) for t in group]
        if device == self.at[task] or not all(map(self._may_move, group, modes)):
            return False
        before = [self.modes[t] for t in group]
        self._change(group, modes)
        if self._is_sound(device):
            for v in {v for t in group for v in instance.inputs[t]}:
                self._release(v)
            return True
        self._change(group, before)
        return False

    def _may_move(self, task: int, mode: int) -> bool:
        """Whether nothing that has happened stands against a mode, nor a missing link."""
        instance, values, old = self.instance, self.instance.problem.values, self.at[task]
        if self.has_run[task] or mode not in instance.options[task]:
            return False
        new = instance.device[task][mode]
        if any(
            (v, old) in self._sent or ((v, new) in self._sent and new not in self.copies[v])
            for v in instance.inputs[task]
        ):
            return False
        if any(
            values[v].carried and any(self.has_run[reader] for reader in values[v].readers)
            for v in instance.outputs[task]
        ):
            return False
        return instance.is_complete or self._is_linked(task, new)

    def _is_linked(self, task: int, device: int) -> bool:
        instance, values = self.instance, self.instance.problem.values
        mates = instance.mates.get(task, (task,))
        sources = (
            (v, self.at[values[v].src], device)
            for v in instance.inputs[task]
            if values[v].src not in mates
        )
        sinks = (
            (v, device, self.at[reader])
            for v in instance.outputs[task]
            for reader in values[v].readers
            if reader not in mates
        )
        return all(instance.send[v][a][b] != NO_LINK for v, a, b in (*sources, *sinks) if a != b)

    def _change(self, group: Sequence[int], modes: Sequence[int]) -> None:
        instance, values = self.instance, self.instance.problem.values
        for task, mode in zip(group, modes, strict=True):
            old, new = self.at[task], instance.device[task][mode]
            self.modes[task], self.at[task] = mode, new
            for r in self._read[task]:
                size = instance.problem.residents[r].bytes
                self._residing[r, old] -= 1
                if not self._residing[r, old]:
                    self._last(old, -size)
                if not self._residing[r, new]:
                    self._last(new, size)
                self._residing[r, new] += 1
            for v in instance.outputs[task]:
                if values[v].carried:
                    self._last(old, -values[v].bytes)
                    self._last(new, values[v].bytes)
                    self.copies[v] = self.copies[v] - {old} | {new}
            for v in instance.inputs[task]:
                self._waiting[v][old] -= 1
                self._waiting[v][new] += 1

    def _is_sound(self, device: int) -> bool:
        """Whether a device still holds what lies there throughout, and its matrices."""
        if self._least.get(device, 0) < 0:
            return False
        capacity = self.instance.capacities.get(device)
        return capacity is None or self.instance.crossbars_used(self.modes, device) <= capacity

    def _last(self, device: int, size: int) -> None:
        """Have more bytes lie on a device throughout."""
        if device in self.free:
            self.free[device] -= size
            self._least[device] -= size

    def _lay(self, v: int, device: int) -> None:
        self.copies[v].add(device)
        if device in self.free:
            self.free[device] -= self.instance.problem.values[v].bytes
            self._least[device] = min(self._least[device], self.free[device])
            if device == self.at[self.instance.problem.values[v].src]:
                self._made[device][v] = None

    def _release(self, v: int) -> None:
        """Drop the copies of a value that nobody needs any more."""
        value = self.instance.problem.values[v]
        home = self.at[value.src]
        wanted = {d for d, count in self._waiting[v].items() if count}
        if value.carried or not wanted <= self.copies[v]:
            wanted.add(home)
        for device in self.copies[v] - wanted:
            self.copies[v].discard(device)
            if device in self.free:
                self.free[device] += value.bytes
                self._made[device].pop(v, None)
