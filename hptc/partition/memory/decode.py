"""Schedules within the memory of devices: a decoder that waits for room, moves that make some."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from hptc.partition.decode import Schedule, by_start, inputs_ready, sequence
from hptc.partition.instance import Instance
from hptc.partition.limits import Clock
from hptc.partition.memory.held import is_overfull
from hptc.partition.memory.lasting import lasting_bytes
from hptc.partition.memory.room import Room
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
    found = follow_within(instance, modes, sequence(instance, schedule))
    if isinstance(found, Schedule):
        return found
    while True:
        for trial in (order, frugal_order(instance, modes)):
            found = decode_within(instance, modes, trial)
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

    A value is sent when its first reader on a device is placed.
    """
    at = instance.places(modes)
    items, sent = [], set[tuple[int, int]]()
    for task in order:
        for v in instance.inputs[task]:
            src = instance.problem.values[v].src
            if at[src] != at[task] and (v, at[task]) not in sent:
                sent.add((v, at[task]))
                items.append((src, v, at[task]))
        items.append((task, -1, -1))
    return follow_within(instance, modes, items)


def follow_within(
    instance: Instance, modes: Sequence[int], items: Sequence[tuple[int, int, int]]
) -> Schedule | Stuck:
    """Place tasks and transfers in a sequence (as `decode.sequence` returns one), within memory.

    On every device of limited memory room is taken in the order of time, so that what is free at
    one moment stays free until it is taken.
    """
    values = instance.problem.values
    at = instance.places(modes)
    crowded = _crowded(instance, at)
    if crowded is not None:
        return crowded
    room = Room(instance, at)
    rows = [[0] * units for units in instance.units]
    wires = dict.fromkeys(instance.link_of, 0)
    start, end = [0] * len(at), [0] * len(at)
    sends: dict[tuple[int, int], int] = {}
    for task, v, target in items:
        if v >= 0:
            source = at[task]
            ready = max(0 if values[v].carried else end[task], wires[source, target])
            begin = room.take(target, values[v].bytes, ready)
            if begin is None:
                return Stuck(task, target)
            sends[v, target] = begin
            wires[source, target] = done = begin + instance.send[v][source][target]
            room.use(source, v, done)
            continue
        device, mode, ready = at[task], modes[task], inputs_ready(instance, task, at, end, sends)
        row, length = rows[instance.resource[task][mode]], instance.duration[task][mode]
        size = sum(values[u].bytes for u in instance.outputs[task] if not values[u].carried)
        idle = row[0] if length or len(row) == 1 else 0
        begin = room.take(device, size, max(ready, idle))
        if begin is None:
            return Stuck(task, device)
        start[task] = take(row, begin, length)
        end[task] = start[task] + length
        for u in {*instance.inputs[task], *instance.outputs[task]}:
            room.use(device, u, end[task])
    return Schedule(tuple(modes), tuple(start), tuple(end), sends)


def _crowded(instance: Instance, at: Sequence[int]) -> Stuck | None:
    """Return a task of a device that cannot even hold what lies there throughout."""
    held = lasting_bytes(instance.problem, at)
    for device, memory in instance.memories.items():
        if held[device] > memory:
            there = (task for task, place in enumerate(at) if place == device)
            return Stuck(max(there, key=instance.least_bytes.__getitem__), device)
    return None


def frugal_order(instance: Instance, modes: Sequence[int]) -> list[int]:
    """Return a topological order that ends values early: of what is ready, what frees most."""
    values = instance.problem.values
    at = instance.places(modes)
    waiting = list(instance.waits)
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
