"""Schedules within the memory of devices: a decoder that waits for room, moves that make some."""

import heapq
import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from hptc.partition.decode import Schedule, by_start
from hptc.partition.instance import Instance
from hptc.partition.limits import Clock
from hptc.partition.memory import is_overfull
from hptc.partition.room import lasting_bytes
from hptc.partition.timeline import take

LOOK = 16
"""Tasks that the frugal order chooses among: those that became ready last."""

MOVED = 16
"""Of the tasks on a device that lacks room, one in so many moves at a time."""


@dataclass(frozen=True, slots=True)
class Stuck:
    """The task that finds no room, whatever ends, and the device that lacks it."""

    task: int
    device: int


def fitted(
    instance: Instance, schedule: Schedule, *, moves: int = 0, clock: Clock | None = None
) -> Schedule | None:
    """Return the schedule if it keeps the memory, else one like it that does.

    The sequence stays, or gives way to one that ends values early; if neither fits, tasks move to
    devices with room, at most `moves` times and until the clock is over. None if nothing helps.
    """
    if not is_overfull(instance, schedule):
        return schedule
    modes = list(schedule.modes)
    moved: set[int] = set()
    order = by_start(instance, schedule)
    while True:
        for sequence in (order, frugal_order(instance, modes)):
            found = decode_within(instance, modes, sequence)
            if isinstance(found, Schedule):
                return found
            stuck = found
        is_over = clock is not None and clock.is_over()
        if not moves or is_over or not _relieve(instance, modes, stuck, moved):
            return None
        moves -= 1


def decode_within(
    instance: Instance, modes: Sequence[int], order: Sequence[int]
) -> Schedule | Stuck:
    """Place the tasks in a topological `order`, each as soon as its inputs, unit and room allow.

    On every device of limited memory room is taken in the order of time, so that what is free at
    one moment stays free until it is taken.
    """
    count, values = instance.devices, instance.problem.values
    at = [instance.device[task][mode] for task, mode in enumerate(modes)]
    crowded = _crowded(instance, at)
    if crowded is not None:
        return crowded
    room = _Room(instance, at)
    rows = [[0] * units for units in instance.units]
    wires = dict.fromkeys(instance.link_of, 0)
    start, end = [0] * len(at), [0] * len(at)
    sends: dict[tuple[int, int], int] = {}
    for task in order:
        device, mode, ready = at[task], modes[task], 0
        for v in instance.inputs[task]:
            src = values[v].src
            made = 0 if values[v].carried else end[src]
            if at[src] != device:
                pair = at[src] * count + device
                length = instance.send[v][pair]
                if (v, device) not in sends:
                    begin = room.take(device, values[v].bytes, max(made, wires[pair]))
                    if begin is None:
                        return Stuck(task, device)
                    sends[v, device] = begin
                    wires[pair] = begin + length
                    room.use(at[src], v, begin + length)
                made = sends[v, device] + length
            ready = max(ready, made)
        row, length = rows[instance.resource[task][mode]], instance.duration[task][mode]
        size = sum(values[v].bytes for v in instance.outputs[task] if not values[v].carried)
        idle = row[0] if length or len(row) == 1 else 0
        begin = room.take(device, size, max(ready, idle))
        if begin is None:
            return Stuck(task, device)
        start[task] = take(row, begin, length)
        end[task] = start[task] + length
        for v in {*instance.inputs[task], *instance.outputs[task]}:
            room.use(device, v, end[task])
    return Schedule(tuple(modes), tuple(start), tuple(end), sends)


def _crowded(instance: Instance, at: Sequence[int]) -> Stuck | None:
    """Return a task of a device that cannot even hold what lies there throughout."""
    held = lasting_bytes(instance.problem, at)
    for device, memory in instance.memories.items():
        if held[device] > memory:
            there = (task for task, place in enumerate(at) if place == device)
            return Stuck(max(there, key=instance.least_bytes.__getitem__), device)
    return None


class _Room:
    """What lies on the devices of limited memory, as of the last time that something was added."""

    def __init__(self, instance: Instance, at: Sequence[int]) -> None:
        self._values = instance.problem.values
        self._memory = instance.memories
        self._held = lasting_bytes(instance.problem, at)
        self._now = dict.fromkeys(self._memory, 0)
        self._ends: dict[int, list[tuple[int, int]]] = {device: [] for device in self._memory}
        self._users: dict[tuple[int, int], int] = {}
        self._until: dict[tuple[int, int], int] = defaultdict(int)
        for v, value in enumerate(self._values):
            home = at[value.src]
            places = [at[reader] for reader in set(value.readers) - {value.src}]
            for device in set(places) & self._memory.keys():
                self._users[v, device] = places.count(device)
            if value.carried:
                self._users.pop((v, home), None)
            elif home in self._memory:
                others = len(set(places) - {home})
                self._users[v, home] = self._users.get((v, home), 0) + 1 + others

    def take(self, device: int, size: int, ready: int) -> int | None:
        """Take room for `size` bytes, at `ready` or when there is enough; None if never."""
        if device not in self._memory or not size:
            return ready
        now, ends = max(ready, self._now[device]), self._ends[device]
        while True:
            while ends and ends[0][0] <= now:
                self._held[device] -= heapq.heappop(ends)[1]
            if self._held[device] + size <= self._memory[device]:
                break
            if not ends:
                return None
            now = ends[0][0]
        self._held[device] += size
        self._now[device] = now
        return now

    def use(self, device: int, v: int, end: int) -> None:
        """Note a use of a value until `end`: its maker, a reader or a transfer away."""
        key = (v, device)
        if key not in self._users:
            return
        self._until[key] = max(self._until[key], end)
        self._users[key] -= 1
        if not self._users[key]:
            heapq.heappush(self._ends[device], (self._until[key], self._values[v].bytes))


def frugal_order(instance: Instance, modes: Sequence[int]) -> list[int]:
    """Return a topological order that ends values early: of what is ready, what frees most."""
    values = instance.problem.values
    at = [instance.device[task][mode] for task, mode in enumerate(modes)]
    waiting = [0] * instance.tasks
    for follows in instance.successors:
        for _, reader in follows:
            waiting[reader] += 1
    readers = [len(set(value.readers)) for value in values]

    def growth(task: int) -> int:
        made = sum(values[v].bytes for v in instance.outputs[task])
        sent = sum(values[v].bytes for v in instance.inputs[task] if at[values[v].src] != at[task])
        freed = sum(values[v].bytes for v in instance.inputs[task] if readers[v] == 1)
        return made + sent - freed

    ready = [task for task in reversed(instance.order) if not waiting[task]]
    order = []
    while ready:
        first = max(0, len(ready) - LOOK)
        place = min(range(len(ready) - 1, first - 1, -1), key=lambda i: growth(ready[i]))
        task = ready.pop(place)
        order.append(task)
        for v in instance.inputs[task]:
            readers[v] -= 1
        for _, reader in instance.successors[task]:
            waiting[reader] -= 1
            if not waiting[reader]:
                ready.append(reader)
    return order


def _relieve(instance: Instance, modes: list[int], stuck: Stuck, moved: set[int]) -> bool:
    """Move tasks away from the device that lacks room, the stuck one and what is large first.

    No task moves twice. Returns whether any did.
    """
    there = [
        task
        for task, mode in enumerate(modes)
        if instance.device[task][mode] == stuck.device and task not in moved
    ]
    there.sort(key=lambda task: (task != stuck.task, -instance.least_bytes[task], task))
    spare = _spare(instance, modes)
    wanted = most = 1 + len(there) // MOVED
    for task in there:
        moved.add(task)
        if wanted and _move(instance, modes, task, spare):
            wanted -= 1
        if not wanted:
            break
    return wanted < most


def _move(instance: Instance, modes: list[int], task: int, spare: dict[int, float]) -> bool:
    """Move a task, with its group, to the device with most room that can run it."""
    row = instance.device[task]
    others = [mode for mode in instance.options[task] if row[mode] != row[modes[task]]]
    others.sort(key=lambda mode: (-spare[row[mode]], instance.duration[task][mode]))
    for mode in others:
        trial = list(modes)
        for mate in instance.mates.get(task, ()):
            trial[mate] = instance.mode_on[mate][row[mode]]
        trial[task] = mode
        if instance.admits(trial):
            modes[:] = trial
            spare[row[mode]] -= instance.least_bytes[task]
            return True
    return False


def _spare(instance: Instance, modes: Sequence[int]) -> dict[int, float]:
    """Return the memory of each device less all that is ever made there, in bytes."""
    memories = instance.memories
    found = {device: float(memories.get(device, math.inf)) for device in range(instance.devices)}
    for value in instance.problem.values:
        found[instance.device[value.src][modes[value.src]]] -= value.bytes
    return found
