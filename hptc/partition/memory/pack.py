"""A sequence of tasks and transfers that keeps the memory of devices, whatever time it takes.

Tasks run one after the other, of those that are ready the one that frees most, by the share of the
memory. Where none has room, room is made: values are sent early to where they are read next, tasks
change their device, and readers of what lies there move to a device that can keep it for them.
"""

import random
from collections.abc import Sequence

from hptc.partition.instance import Instance
from hptc.partition.limits import Clock
from hptc.partition.memory.stock import Stock

LOOK = 32
"""Tasks that are chosen among at first: those that became ready last."""
URGED = 8
"""Tasks for which room is made, in turn, where none has any."""


def packed(
    instance: Instance, modes: Sequence[int], clock: Clock, *, noise: float = 0.0, seed: int = 0
) -> Stock | None:
    """Return all items in a sequence that keeps the memory; None if none is found.

    Args:
        instance: The problem.
        modes: Admissible ones to begin with.
        clock: When to give up.
        noise: Share by which the gain of a task is changed at random.
        seed: Of that.
    """
    packer = _Packer(instance, modes, noise, seed)
    return packer.stock if packer.run(clock) else None


class _Packer:
    def __init__(self, instance: Instance, modes: Sequence[int], noise: float, seed: int) -> None:
        self._instance, self._noise = instance, noise
        self._random = random.Random(seed)
        self.stock = Stock(instance, modes)
        self._waiting = list(instance.waits)
        self._ready = [task for task in reversed(instance.order) if not self._waiting[task]]

    def run(self, clock: Clock) -> bool:
        """Run tasks while there is room; return whether all have run."""
        while self._ready:
            task = self._roomy()
            if task is None:
                task = self._relieved()
            if task is None or clock.is_over():
                return False
            self._ready.remove(task)
            self.stock.run(task)
            for _, reader in self._instance.successors[task]:
                self._waiting[reader] -= 1
                if not self._waiting[reader]:
                    self._ready.append(reader)
        return True

    def _roomy(self) -> int | None:
        """Return the task of least growth that has room where it is to run."""
        last, others = self._ready[-LOOK:], self._ready[:-LOOK]
        for tasks in (last, others):
            fitting = [t for t in reversed(tasks) if self.stock.lacking(t, self.stock.at[t]) <= 0]
            if fitting:
                return min(fitting, key=self._growth)
        return None

    def _growth(self, task: int) -> float:
        memories = self._instance.memories
        grown = sum(
            size / max(1, memories[d]) for d, size in self.stock.growth(task) if d in memories
        )
        return grown * (1 + self._noise * self._random.random())

    def _relieved(self) -> int | None:
        """Make room for one of the ready tasks and return it."""
        urged = sorted(self._ready, key=self._growth)[:URGED]
        for relieve in (self._send_early, self._move, self._park):
            for task in urged:
                if relieve(task) and self._has_room(task):
                    return task
        return None

    def _has_room(self, task: int) -> bool:
        return self.stock.lacking(task, self.stock.at[task]) <= 0

    def _send_early(self, task: int) -> bool:
        """Send values from the device of a task whose readers are all elsewhere."""
        stock, device = self.stock, self.stock.at[task]
        for v in stock.made_on(device):
            if not stock.readers_on(v, device):
                self._send(v)
                if self._has_room(task):
                    return True
        return False

    def _move(self, task: int) -> bool:
        """Move a task to another device where it has room."""
        stock, device = self.stock, self._instance.device[task]
        modes = [
            mode for mode in self._instance.options[task] if stock.lacking(task, device[mode]) <= 0
        ]
        modes.sort(
            key=lambda mode: (
                -stock.free.get(device[mode], 1 << 62),
                self._instance.duration[task][mode],
            )
        )
        return any(stock.move(task, mode) and self._has_room(task) for mode in modes)

    def _park(self, task: int) -> bool:
        """Send values on the device of a task to others that keep them and run the readers."""
        stock, device = self.stock, self.stock.at[task]
        own = set(self._instance.inputs[task])
        sizes = self._instance.problem.values
        lying = [v for v in stock.made_on(device) if v not in own]
        lying.sort(key=lambda v: -sizes[v].bytes)
        for v in lying:
            for place in self._keepers(v, device):
                if all(
                    stock.move(reader, self._instance.mode_on[reader][place])
                    for reader in stock.readers_on(v, device)
                ):
                    self._send(v)
                    break
            if self._has_room(task):
                return True
        return False

    def _keepers(self, v: int, device: int) -> list[int]:
        """Return devices that can run the readers of a value and have room for it, most first."""
        instance, stock = self._instance, self.stock
        size, readers = instance.problem.values[v].bytes, stock.readers_on(v, device)
        found = [
            d
            for d in range(instance.devices)
            if d != device
            and (d in stock.copies[v] or d not in stock.free or stock.free[d] >= size)
            and all(d in instance.mode_on[reader] for reader in readers)
        ]
        return sorted(found, key=lambda d: -stock.free.get(d, 1 << 62))

    def _send(self, v: int) -> None:
        """Send a value to all who wait for it elsewhere, where there is room."""
        stock, size = self.stock, self._instance.problem.values[v].bytes
        for place in stock.targets(v):
            if place not in stock.free or stock.free[place] >= size:
                stock.send(v, place)
