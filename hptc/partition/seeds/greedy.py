"""Choosing modes one task after the other, each where it would end first."""

import math
from collections.abc import Callable, Iterator, Sequence

from hptc.partition.instance import NO_LINK, Instance
from hptc.partition.limits import never
from hptc.partition.memory.ledger import Ledger
from hptc.partition.timeline import Line, book, seek

Table = Sequence[Sequence[float]]

POLLED = 64
"""Tasks from one question whether to stop to the next: asking takes as long as placing some."""


def earliest_finish(
    instance: Instance,
    allowed: Sequence[Sequence[int]],
    order: Sequence[int],
    bias: Table,
    *,
    is_plain: bool = False,
    stop: Callable[[], bool] = never,
) -> list[int] | None:
    """Choose modes in `order` by earliest finish plus `bias`.

    Where that is plain, as HEFT was published, links carry any number of transfers at a time, and
    nobody asks where carried values go.
    Returns None where capacity, memory or a missing link leaves a task without a choice, or once
    `stop` says so.
    """
    state = _Greedy(instance, is_plain)
    for position, task in enumerate(order):
        modes = state.choices(task, allowed[task])
        if not modes or (position % POLLED == 0 and stop()):
            return None
        state.place(task, _soonest(state, task, modes, bias[task]))
    return state.modes


def _soonest(state: "_Greedy", task: int, modes: Sequence[int], bias: Sequence[float]) -> int:
    """Return the mode of the earliest finish plus `bias`: none that cannot be it is looked at."""
    duration, made = state.instance.duration[task], state.made(task)
    best = (math.inf, -1)
    for least, mode in sorted((duration[mode] + bias[mode], mode) for mode in modes):
        if made + least > best[0]:
            break
        best = min(best, (state.finish(task, mode) + bias[mode], mode))
    return best[1]


class _Greedy:
    """A schedule under construction whose next task may still choose its device."""

    def __init__(self, instance: Instance, is_plain: bool) -> None:
        self.instance = instance
        self._is_plain = is_plain
        self.modes = [-1] * instance.tasks
        self._at = [-1] * instance.tasks
        self._end = [0] * instance.tasks
        self._arrival: dict[tuple[int, int], int] = {}
        self._rows: list[list[Line]] = [[Line() for _ in range(n)] for n in instance.units]
        self._wires = {ends: Line() for ends in instance.link_of}
        self._used: set[int] = set()
        """Rows that placed tasks use."""
        self._left = dict(instance.capacities)
        self._ledger = Ledger(instance) if instance.memories else None

    def choices(self, task: int, allowed: Sequence[int]) -> list[int]:
        """Return the modes that fit; if there are any, those that leave room for others."""
        fitting = [mode for mode in allowed if self.fits(task, mode)]
        if self._ledger is None:
            return fitting
        roomy: list[int] = []
        for is_generous in (True, False):
            roomy = roomy or [
                mode
                for mode in fitting
                if self._ledger.fits(task, mode, self._at, is_generous=is_generous)
            ]
        return roomy

    def fits(self, task: int, mode: int) -> bool:
        """Return whether the group agrees, links to placed neighbours exist and the matrix fits."""
        device = self.instance.device[task][mode]
        if task in self.instance.mates and not self._suits_group(task, mode):
            return False
        if device in self._left and self._new_crossbars(task, mode) > self._left[device]:
            return False
        return self.instance.is_complete or all(
            self.instance.send[v][a][b] != NO_LINK for v, a, b in self._ways(task, device)
        )

    def _suits_group(self, task: int, mode: int) -> bool:
        device = self.instance.device[task][mode]
        places = {self._at[mate] for mate in self.instance.mates[task]} - {-1, device}
        return not places and mode in self.instance.options[task]

    def made(self, task: int) -> int:
        """Return when all that the task reads is made, in ns."""
        values = self.instance.problem.values
        ends = (
            self._end[values[v].src] for v in self.instance.inputs[task] if not values[v].carried
        )
        return max(ends, default=0)

    def finish(self, task: int, mode: int) -> int:
        """Return when the task would end in this mode, in ns.

        Carried values that placed readers would have to fetch count in full.
        """
        instance, device, extra = self.instance, self.instance.device[task][mode], 0
        values = instance.problem.values
        for v in instance.outputs[task]:
            if values[v].carried and not self._is_plain:
                places = {self._at[reader] for reader in values[v].readers} - {-1}
                extra += sum(instance.send[v][device][place] for place in places)
        length = instance.duration[task][mode]
        row = self._rows[instance.resource[task][mode]]
        return seek(row, self._ready(task, device), length) + length + extra

    def place(self, task: int, mode: int) -> None:
        """Book the task and the transfers it waits for."""
        instance, device = self.instance, self.instance.device[task][mode]
        values = instance.problem.values
        for v in instance.inputs[task]:
            source = self._at[values[v].src]
            if source not in (-1, device) and (v, device) not in self._arrival:
                made = 0 if values[v].carried else self._end[values[v].src]
                length = instance.send[v][source][device]
                wire = self._wires[source, device]
                begin = made if self._is_plain else wire.book(made, length)
                self._arrival[v, device] = begin + length
        ready = self._ready(task, device)
        if device in self._left:
            self._left[device] -= self._new_crossbars(task, mode)
        if self._ledger is not None:
            self._ledger.place(task, mode, self._at)
        row = instance.resource[task][mode]
        self._used.add(row)
        length = instance.duration[task][mode]
        self._end[task] = book(self._rows[row], ready, length) + length
        self.modes[task], self._at[task] = mode, device

    def _ready(self, task: int, device: int) -> int:
        """Return when all inputs would be on a device, each as if it were sent alone, in ns."""
        instance, values, ready = self.instance, self.instance.problem.values, 0
        for v in instance.inputs[task]:
            source = self._at[values[v].src]
            there = 0 if values[v].carried else self._end[values[v].src]
            if source not in (-1, device):
                known = self._arrival.get((v, device))
                if known is None:
                    length = instance.send[v][source][device]
                    wire = self._wires[source, device]
                    begin = there if self._is_plain else wire.find(there, length)
                    known = begin + length
                there = known
            ready = max(ready, there)
        return ready

    def _new_crossbars(self, task: int, mode: int) -> int:
        row = self.instance.resource[task][mode]
        return 0 if row in self._used else self.instance.crossbars_of(row)

    def _ways(self, task: int, device: int) -> Iterator[tuple[int, int, int]]:
        """Yield (value, source, device) of what goes between a task there and those placed."""
        values = self.instance.problem.values
        for v in self.instance.inputs[task]:
            if self._at[values[v].src] >= 0:
                yield v, self._at[values[v].src], device
        for v in self.instance.outputs[task]:
            for reader in values[v].readers:
                if self._at[reader] >= 0:
                    yield v, device, self._at[reader]
