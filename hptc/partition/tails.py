"""Tails: the longest path from the start of each item of a schedule to the end of the step."""

from collections.abc import Sequence

from hptc.partition.decode import Schedule, dealt, sequence
from hptc.partition.instance import Instance
from hptc.partition.tables import Pair


class Tails:
    """Tails in ns, device and sequence of everything kept.

    Args:
        instance: The problem.
        schedule: One of its schedules.
        at: The device of each task.
    """

    def __init__(self, instance: Instance, schedule: Schedule, at: Sequence[int]) -> None:
        self.unit = dealt(instance, schedule)
        """Of the tasks that take time on rows of several units."""
        self.task = [0] * instance.tasks
        self.sent: dict[tuple[int, int], int] = {}
        """Of the transfer of each (value, device)."""
        self._instance, self._modes, self._at = instance, schedule.modes, at
        self._row: dict[tuple[int, int], int] = {}
        self._wire: dict[Pair, int] = {}
        self._read: dict[tuple[int, int], int] = {}
        for task, v, device in reversed(sequence(instance, schedule)):
            if v < 0:
                self._pass_task(task)
            else:
                self._pass_transfer(task, v, device)

    def _pass_task(self, task: int) -> None:
        instance, at = self._instance, self._at
        values, mode = instance.problem.values, self._modes[task]
        device, row = at[task], instance.resource[task][mode]
        length, line = instance.duration[task][mode], (row, self.unit.get(task, 0))
        needs_unit = bool(length) or instance.units[row] == 1
        tail = self._row.get(line, 0) if needs_unit else 0
        for v in instance.outputs[task]:
            if not values[v].carried:
                for reader in values[v].readers:
                    path = self._read if at[reader] == device else self.sent
                    tail = max(tail, path[v, at[reader]])
        tail += length
        self.task[task] = tail
        if needs_unit:
            self._row[line] = tail
        for v in instance.inputs[task]:
            self._read[v, device] = max(self._read.get((v, device), 0), tail)

    def _pass_transfer(self, src: int, v: int, device: int) -> None:
        source = self._at[src]
        tail = max(self._wire.get((source, device), 0), self._read[v, device])
        tail += self._instance.send[v][source][device]
        self.sent[v, device] = self._wire[source, device] = tail
