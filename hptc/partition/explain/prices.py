"""What it costs to force one task elsewhere while everything else stays as it is.

The task and its transfers take the first gaps that they find before any of its readers; what reads
it then, and what follows on the same device or link, moves back as far as it must. Such a schedule
exists, so the price is enough; a new search may find a cheaper answer. Of the memory of devices,
only what the task alone needs is looked at.
"""

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from hptc.partition.explain.timed import Key, Line, Timed
from hptc.partition.instance import NO_LINK


@dataclass(frozen=True, slots=True)
class Price:
    """Of one task in one mode that is not its own."""

    mode: int
    lost_ns: int | None
    """What the step takes longer; None where the task cannot be moved alone."""
    lost_pj: float | None
    """What the step takes more, the longer static power included; below 0 where it takes less."""
    barrier: str = ""
    """What forbids the move."""


@dataclass(slots=True)
class _Move:
    """A task on its way to another mode: what it frees, and what it books."""

    task: int
    mode: int
    device: int
    first: int
    """Position of the first reader: nothing new stands behind it."""
    gone: set[int]
    """Positions of the task and of the transfers that nobody needs any more."""
    sent: list[tuple[int, int, int]] = field(default_factory=list)
    """New transfers: value, source device, device."""
    wire_free: dict[Key, int] = field(default_factory=dict)
    """Ends in ns of the new transfers."""
    end_ns: int = 0
    """Of the longest path through anything new."""
    shift_ns: int = 0
    """By which all that follows a late carried value moves."""


class Prices:
    """The prices of a schedule."""

    def __init__(self, timed: Timed) -> None:
        self._timed = timed
        self._instance = timed.instance
        self._tasks_at = Counter(timed.at)
        self._users = Counter(
            rows[mode]
            for rows, mode in zip(timed.instance.resource, timed.schedule.modes, strict=True)
        )
        """How many tasks use each row."""
        self._crossbars_on = [
            timed.instance.crossbars_used(timed.schedule.modes, device)
            for device in range(timed.instance.devices)
        ]

    def of(self, task: int) -> list[Price]:
        """Return the price of every other mode of a task."""
        own = self._timed.schedule.modes[task]
        return [self._price(task, m) for m in range(len(self._instance.device[task])) if m != own]

    def _price(self, task: int, mode: int) -> Price:
        barrier = self._barrier(task, mode)
        if barrier:
            return Price(mode, None, None, barrier)
        move = self._start(task, mode)
        self._book_task(move, self._fetch(move))
        self._carry(move)
        lost_ns = max(0, move.end_ns - self._timed.makespan) + move.shift_ns
        return Price(mode, lost_ns, self._lost_pj(move, lost_ns))

    def _barrier(self, task: int, mode: int) -> str:
        instance, timed = self._instance, self._timed
        device, names = instance.device[task][mode], instance.problem.devices
        others = [mate for mate in instance.mates.get(task, ()) if mate != task]
        if any(timed.at[mate] != device for mate in others):
            return f"kept together with {instance.problem.tasks[others[0]].name}"
        if mode not in instance.options[task]:
            return f"no memory for it on {names[device].name}"
        for v, a, b in self._ways(task, device):
            if instance.send[v][a][b] == NO_LINK:
                return f"no link from {names[a].name} to {names[b].name}"
        if self._crossbars(task, mode) > instance.capacities.get(device, math.inf):
            return f"no crossbars left on {names[device].name}"
        return ""

    def _crossbars(self, task: int, mode: int) -> int:
        """Return the crossbars in use on the device of a mode if a task is in that mode."""
        instance, device = self._instance, self._instance.device[task][mode]
        row, own = (instance.resource[task][m] for m in (mode, self._timed.schedule.modes[task]))
        used = self._crossbars_on[device]
        if not self._users[row]:
            used += instance.crossbars_of(row)
        if self._users[own] == 1 and own != row and instance.resources[own][0] == device:
            used -= instance.crossbars_of(own)
        return used

    def _ways(self, task: int, device: int) -> Iterator[tuple[int, int, int]]:
        """Yield what a task on a device gets and gives: value, from where, to where."""
        values, at = self._instance.problem.values, self._timed.at
        for v in self._instance.inputs[task]:
            if values[v].src != task:
                yield v, at[values[v].src], device
        for v in self._instance.outputs[task]:
            yield from ((v, device, at[reader]) for reader in values[v].readers if reader != task)

    def _start(self, task: int, mode: int) -> _Move:
        timed, values = self._timed, self._instance.problem.values
        here = timed.at[task]
        gone = {timed.of_task[task]}
        for v in self._instance.inputs[task]:
            shared = any(timed.at[r] == here for r in values[v].readers if r != task)
            if not shared and (v, here) in timed.of_send:
                gone.add(timed.of_send[v, here])
        for v in self._instance.outputs[task]:
            there = {timed.at[reader] for reader in values[v].readers}
            gone |= {timed.of_send[v, d] for d in there if (v, d) in timed.of_send}
        readers = (timed.of_task[reader] for _, reader in self._instance.successors[task])
        first = min(readers, default=len(timed.items))
        return _Move(task, mode, self._instance.device[task][mode], first, gone)

    def _fetch(self, move: _Move) -> int:
        """Book the transfers that the task needs; return when everything is there, in ns."""
        timed, values, ready = self._timed, self._instance.problem.values, 0
        for v in self._instance.inputs[move.task]:
            src = values[v].src
            source, made = timed.at[src], 0 if values[v].carried else timed.schedule.end[src]
            if src == move.task:
                continue
            if source != move.device:
                known = timed.of_send.get((v, move.device), move.first)
                is_there = known < move.first and known not in move.gone
                made = timed.end(known) if is_there else self._send(move, v, source, made)
            ready = max(ready, made)
        return ready

    def _send(self, move: _Move, v: int, source: int, made: int, device: int | None = None) -> int:
        """Book a transfer before the first reader; return its arrival in ns."""
        there = move.device if device is None else device
        key: Key = ("wire", source, there)
        ready = max(made, move.wire_free.get(key, 0))
        length = self._instance.send[v][source][there]
        begin, pushed = self._line(key).seek(ready, length, move.first, move.gone)
        move.sent.append((v, source, there))
        move.wire_free[key] = arrival = begin + length
        self._push(move, arrival, pushed)
        return arrival

    def _push(self, move: _Move, end_ns: int, position: int | None) -> None:
        """Let an item start at `end_ns` at the earliest."""
        tail = 0 if position is None else self._timed.tails[position]
        move.end_ns = max(move.end_ns, end_ns + tail)

    def _line(self, key: Key) -> Line:
        return self._timed.lines.get(key, Line())

    def _book_task(self, move: _Move, ready: int) -> None:
        """Book the task on the unit that is free first, and send what it makes."""
        instance, timed, values = self._instance, self._timed, self._instance.problem.values
        row = instance.resource[move.task][move.mode]
        length, units = instance.duration[move.task][move.mode], instance.units[row]
        begin, pushed = ready, None
        if length or units == 1:
            lines = [self._line(("row", row, unit)) for unit in range(units)]
            found = (line.seek(ready, length, move.first, move.gone) for line in lines)
            begin, pushed = min(found, key=lambda gap: gap[0])
        self._push(move, begin + length, pushed)
        for v in instance.outputs[move.task]:
            if not values[v].carried:
                for there in sorted({timed.at[reader] for reader in values[v].readers}):
                    done = begin + length
                    if there != move.device:
                        done = self._send(move, v, move.device, done, there)
                    for reader in values[v].readers:
                        if timed.at[reader] == there:
                            self._push(move, done, timed.of_task[reader])

    def _carry(self, move: _Move) -> None:
        """Send what the task hands to the next step, and wait for it where it comes late."""
        timed, values = self._timed, self._instance.problem.values
        before = move.first
        for v in self._instance.outputs[move.task]:
            readers = [r for r in values[v].readers if r != move.task] if values[v].carried else []
            for there in sorted({timed.at[reader] for reader in readers} - {move.device}):
                waiting = [timed.of_task[r] for r in readers if timed.at[r] == there]
                move.first, end_ns = min(before, *waiting), move.end_ns
                arrival = self._send(move, v, move.device, 0, there)
                _, pushed = self._line(("wire", move.device, there)).seek(
                    0, 0, move.first, move.gone
                )
                waiting += [] if pushed is None else [pushed]
                late = max(arrival - timed.start(position) for position in waiting)
                move.shift_ns += max(0, late)
                move.first, move.end_ns = before, end_ns

    def _lost_pj(self, move: _Move, lost_ns: int) -> float:
        instance, timed, own = self._instance, self._timed, self._timed.schedule.modes[move.task]
        modes, devices = instance.problem.tasks[move.task].modes, instance.problem.devices
        dynamic = float(modes[move.mode].energy_pj - modes[own].energy_pj)
        dynamic += sum(self._sent_pj(*sent) for sent in move.sent)
        for position in move.gone - {timed.of_task[move.task]}:
            src, v, device = timed.items[position]
            dynamic -= self._sent_pj(v, timed.at[src], device)
        after = self._tasks_at - Counter([timed.at[move.task]]) + Counter([move.device])
        before_power, after_power = (
            sum(devices[device].static_power_pj_per_ns for device in sorted(used))
            for used in (self._tasks_at, after)
        )
        makespan = timed.makespan
        return dynamic + after_power * (makespan + lost_ns) - before_power * makespan

    def _sent_pj(self, v: int, source: int, device: int) -> float:
        link = self._instance.link_of[source, device]
        problem = self._instance.problem
        value = problem.values[v]
        sent_pj = value.bytes * problem.links[link].energy_pj_per_byte
        return sent_pj + value.written(device).energy_pj
