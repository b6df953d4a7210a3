"""The one decoder: from modes and an order of tasks to a timed schedule.

Links, matrices and the units of devices are exclusive timelines; a task or transfer takes the first
gap that holds it. A value is sent to a device once. Nothing here knows an objective.
"""

import heapq
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from hptc.partition.instance import Instance
from hptc.partition.problem import Assignment, Placement, Transfer
from hptc.partition.timeline import Line, book, deal, take


@dataclass(frozen=True, slots=True)
class Schedule:
    """A timed answer in the solvers' form; times in ns.

    `sends` maps (value, destination device) to the start of the transfer.
    """

    modes: tuple[int, ...]
    start: tuple[int, ...]
    end: tuple[int, ...]
    sends: dict[tuple[int, int], int]

    @property
    def makespan(self) -> int:
        """End of the last task in ns."""
        return max(self.end, default=0)


def decode(instance: Instance, modes: Sequence[int], order: Sequence[int]) -> Schedule:
    """Place the tasks in a topological `order`, each as early as its device and links allow."""
    values = instance.problem.values
    rows: list[list[Line]] = [[Line() for _ in range(units)] for units in instance.units]
    wires = {ends: Line() for ends in instance.link_of}
    at = instance.places(modes)
    start, end = [0] * len(at), [0] * len(at)
    sends: dict[tuple[int, int], int] = {}
    arrival: dict[tuple[int, int], int] = {}
    for task in order:
        device, ready = at[task], 0
        for v in instance.inputs[task]:
            value = values[v]
            source = at[value.src]
            made = 0 if value.carried else end[value.src]
            if source != device:
                known = arrival.get((v, device))
                if known is None:
                    length = instance.send[v][source][device]
                    sends[v, device] = begin = wires[source, device].book(made, length)
                    known = arrival[v, device] = begin + length
                made = known
            ready = max(ready, made)
        mode = modes[task]
        length = instance.duration[task][mode]
        start[task] = begin = book(rows[instance.resource[task][mode]], ready, length)
        end[task] = begin + length
    return Schedule(tuple(modes), tuple(start), tuple(end), sends)


def by_start(instance: Instance, schedule: Schedule) -> list[int]:
    """Return the tasks as they start; of several at once, those that end first come first."""
    return sorted(
        range(instance.tasks),
        key=lambda t: (schedule.start[t], schedule.end[t], instance.rank[t]),
    )


def legal_order(instance: Instance, key: Sequence[float], latest_first: bool = False) -> list[int]:
    """Return the tasks by `key` (small first unless `latest_first`), bent to be topological."""
    sign = -1 if latest_first else 1
    waiting, rank = list(instance.waits), instance.rank
    heap = [(sign * key[t], rank[t], t) for t in range(instance.tasks) if not waiting[t]]
    heapq.heapify(heap)
    order: list[int] = []
    while heap:
        task = heapq.heappop(heap)[2]
        order.append(task)
        for _, reader in instance.successors[task]:
            waiting[reader] -= 1
            if not waiting[reader]:
                heapq.heappush(heap, (sign * key[reader], rank[reader], reader))
    return order


def upward_ranks(
    instance: Instance,
    work: Sequence[float],
    delay: Callable[[int, int, int], float],
) -> list[float]:
    """Return for each task the longest path to the end.

    Args:
        instance: the tasks.
        work: time of each task in ns.
        delay: time in ns from a task to a reader of its value, given (value, src, reader).
    """
    rank = [0.0] * instance.tasks
    for task in reversed(instance.order):
        tail = max(
            (rank[r] + delay(v, task, r) for v, r in instance.successors[task]),
            default=0.0,
        )
        rank[task] = work[task] + tail
    return rank


def decode_by_rank(instance: Instance, modes: Sequence[int]) -> Schedule:
    """Decode with the longest remaining path first, for the times of the chosen modes."""
    at, send = instance.places(modes), instance.send
    work = [float(instance.duration[task][mode]) for task, mode in enumerate(modes)]
    rank = upward_ranks(instance, work, lambda v, a, b: send[v][at[a]][at[b]])
    return decode(instance, modes, legal_order(instance, rank, latest_first=True))


def retime(instance: Instance, schedule: Schedule) -> Schedule:
    """Start everything as early as the sequence on each timeline allows; nothing gets later.

    The starts of `schedule` are read only as the sequence of tasks and transfers.
    """
    return follow(instance, schedule.modes, sequence(instance, schedule))


def follow(
    instance: Instance, modes: tuple[int, ...], items: Sequence[tuple[int, int, int]]
) -> Schedule:
    """Start everything as early as a sequence, as `sequence` returns it, allows."""
    values = instance.problem.values
    at = instance.places(modes)
    free_row = [[0] * units for units in instance.units]
    free_wire = dict.fromkeys(instance.link_of, 0)
    start, end = [0] * len(at), [0] * len(at)
    sends: dict[tuple[int, int], int] = {}
    for task, v, device in items:
        if v < 0:
            mode, ready = modes[task], inputs_ready(instance, task, at, end, sends)
            row, length = instance.resource[task][mode], instance.duration[task][mode]
            start[task] = take(free_row[row], ready, length)
            end[task] = start[task] + length
        else:
            source = at[task]
            ready = max(free_wire[source, device], 0 if values[v].carried else end[task])
            sends[v, device] = ready
            free_wire[source, device] = ready + instance.send[v][source][device]
    return Schedule(modes, tuple(start), tuple(end), sends)


def inputs_ready(
    instance: Instance,
    task: int,
    at: Sequence[int],
    end: Sequence[int],
    sends: Mapping[tuple[int, int], int],
) -> int:
    """Return when all inputs of a task are on its device, in ns.

    Args:
        instance: The tasks.
        task: Whose inputs are all made and sent.
        at: Device of each task.
        end: Of each task, in ns.
        sends: (value, device) to the start of its transfer in ns.
    """
    device, ready = at[task], 0
    for v in instance.inputs[task]:
        value = instance.problem.values[v]
        source = at[value.src]
        if source != device:
            ready = max(ready, sends[v, device] + instance.send[v][source][device])
        elif not value.carried:
            ready = max(ready, end[value.src])
    return ready


def sequence(instance: Instance, schedule: Schedule) -> list[tuple[int, int, int]]:
    """Return (task, -1, -1) for tasks and (src, value, device) for transfers, in sequence."""
    values, rank = instance.problem.values, instance.rank
    at = instance.places(schedule.modes)
    items = [
        (schedule.start[t], schedule.end[t], 2 * rank[t], (t, -1, -1))
        for t in range(instance.tasks)
    ]
    for (v, device), begin in schedule.sends.items():
        src = values[v].src
        done = begin + instance.send[v][at[src]][device]
        place = -1 if values[v].carried else 2 * rank[src] + 1
        items.append((begin, done, place, (src, v, device)))
    return [item[-1] for item in sorted(items)]


def dealt(instance: Instance, schedule: Schedule) -> dict[int, int]:
    """Return the unit of each task that takes time on a row of several units."""
    spans = {
        task: (instance.resource[task][mode], schedule.start[task], schedule.end[task])
        for task, mode in enumerate(schedule.modes)
        if instance.duration[task][mode]
    }
    return deal(spans, instance.units)


def to_assignment(instance: Instance, schedule: Schedule) -> Assignment:
    """Return the schedule as an answer to the problem, transfers in order of start."""
    values = instance.problem.values
    placements = tuple(
        Placement(mode, begin, done)
        for mode, begin, done in zip(schedule.modes, schedule.start, schedule.end, strict=True)
    )
    transfers = []
    for (v, device), begin in schedule.sends.items():
        source = instance.device[values[v].src][schedule.modes[values[v].src]]
        done = begin + instance.send[v][source][device]
        transfers.append(Transfer(v, instance.link_of[source, device], begin, done))
    transfers.sort(key=lambda t: (t.start_ns, t.end_ns, t.link, t.value))
    return Assignment(placements, tuple(transfers))
