"""Memory of devices in CP-SAT: when each copy of a value is alive, and that all fit at any time.

In a window, copies that no free task makes or reads stay where and when they are; those that do lie
there for at least as long as the tasks around the window need them now.
"""

from collections import defaultdict
from collections.abc import Sequence

from ortools.sat.python import cp_model

from hptc.partition.decode import Schedule
from hptc.partition.instance import Instance
from hptc.partition.memory.held import alive
from hptc.partition.memory.lasting import total_bytes
from hptc.partition.sat.model import ScheduleModel

LARGEST_BYTES = 1 << 58
"""More could leave CP-SAT's 64-bit integers: sizes are then rounded down, which only relaxes."""

Use = tuple[cp_model.LinearExprT, cp_model.IntVar]
"""When a use of a copy ends, and whether it happens."""


def add_memory(built: ScheduleModel, horizon: int, around: Schedule | None = None) -> None:
    """Keep every device of a model within its memory.

    Args:
        built: The model of the whole problem, or of a window.
        horizon: In ns.
        around: The schedule that a window is part of.
    """
    _Memory(built, horizon, around).add()


class _Memory:
    """Intervals of the copies of values, by device."""

    def __init__(self, built: ScheduleModel, horizon: int, around: Schedule | None) -> None:
        self._built, self._around = built, around
        self._horizon = horizon if around is None else max(horizon, around.makespan)
        self._spans: dict[int, list[tuple[cp_model.IntervalVar, int]]] = defaultdict(list)
        self._certain: dict[int, int] = defaultdict(int)
        """Bytes that lie on each device throughout, whatever is chosen."""
        self._always = built.model.new_constant(1)

    @property
    def _surroundings(self) -> Schedule:
        """The schedule around a window; every task is free or in it."""
        if self._around is None:
            raise LookupError("a task is neither free nor in a schedule")
        return self._around

    @property
    def _instance(self) -> Instance:
        return self._built.instance

    def add(self) -> None:
        """Add the intervals and the limits."""
        instance, built = self._instance, self._built
        unit = 1 + total_bytes(instance.problem) // LARGEST_BYTES
        for v, value in enumerate(instance.problem.values):
            if value.bytes and (value.carried or self._is_touched(v)):
                self._add_home(v)
        for (v, source, device), sent in built.sent.items():
            if device in instance.memories and instance.problem.values[v].bytes:
                done = self._done(v, source, device)
                last = self._last(v, device, sent, [(done, sent)])
                self._hold(v, device, built.sent_at[v, source, device], last, sent)
        self._add_arrived()
        self._add_residents()
        self._add_background()
        for device, spans in self._spans.items():
            intervals, sizes = [span for span, _ in spans], [size // unit for _, size in spans]
            room = max(0, instance.memories[device] - self._certain[device])
            built.model.add_cumulative(intervals, sizes, room // unit)

    def _is_touched(self, v: int) -> bool:
        value, free = self._instance.problem.values[v], self._built.chosen
        return value.src in free or any(reader in free for reader in value.readers)

    def _places(self, task: int) -> Sequence[tuple[int, cp_model.IntVar]]:
        """Return the devices where a task may run, each with whether it does."""
        row = self._instance.device[task]
        if task in self._built.chosen:
            return [(row[mode], lit) for mode, lit in self._built.chosen[task].items()]
        return [(row[self._surroundings.modes[task]], self._always)]

    def _add_arrived(self) -> None:
        """Values that were sent before the window, or stay in place, and free tasks read."""
        instance = self._instance
        for (v, source, device), done in self._built.scope.arrival.items():
            size = instance.problem.values[v].bytes
            if device in instance.memories and size and self._is_touched(v):
                last = self._last(v, device, self._always, [(done, self._always)])
                begin = done - instance.send[v][source][device]
                self._hold(v, device, begin, last, self._always)

    def _add_residents(self) -> None:
        """Residents lie where a chosen mode of a reader puts them."""
        model, memories = self._built.model, self._instance.memories
        for resident in self._instance.problem.residents:
            users: dict[int, list[cp_model.IntVar]] = defaultdict(list)
            for reader in set(resident.readers):
                for device, lit in self._places(reader):
                    users[device].append(lit)
            for device in users.keys() & memories.keys():
                if any(lit is self._always for lit in users[device]):
                    self._certain[device] += resident.bytes
                    continue
                lies = model.new_bool_var("")
                model.add_bool_or([lies.negated(), *users[device]])
                for lit in users[device]:
                    model.add_implication(lit, lies)
                self._hold_always(device, resident.bytes, lies)

    def _add_background(self) -> None:
        """Copies that lie there as the window begins, and that it does not touch."""
        if self._around is None:
            return
        origin = self._built.scope.origin
        for v, device, (begin, end, size) in alive(self._instance, self._around):
            if begin < origin < end and size and not self._is_touched(v):
                span = self._built.model.new_fixed_size_interval_var(begin, end - begin, "")
                self._spans[device].append((span, size))

    def _hold_always(self, device: int, size: int, lit: cp_model.IntVar) -> None:
        if lit is self._always:
            self._certain[device] += size
            return
        length = max(1, self._horizon)
        span = self._built.model.new_optional_fixed_size_interval_var(0, length, lit, "")
        self._spans[device].append((span, size))

    def _add_home(self, v: int) -> None:
        instance, built = self._instance, self._built
        value = instance.problem.values[v]
        for device, lit in self._places(value.src):
            if device not in instance.memories:
                continue
            if value.carried:
                self._hold_always(device, value.bytes, lit)
                continue
            begin, end = self._times(value.src)
            uses: list[Use] = [(end, lit)]
            uses += [
                (self._done(v, device, target), sent)
                for (u, source, target), sent in built.sent.items()
                if (u, source) == (v, device)
            ]
            uses += [
                (done, self._always)
                for (u, source, _), done in built.scope.arrival.items()
                if (u, source) == (v, device)
            ]
            self._hold(v, device, begin, self._last(v, device, lit, uses), lit)

    def _times(self, task: int) -> tuple[cp_model.LinearExprT, cp_model.LinearExprT]:
        """Return start and end of a task."""
        if task in self._built.chosen:
            return self._built.start[task], self._built.end[task]
        return self._surroundings.start[task], self._surroundings.end[task]

    def _done(self, v: int, source: int, device: int) -> cp_model.LinearExpr:
        length = self._instance.send[v][source][device]
        return self._built.sent_at[v, source, device] + length

    def _last(
        self, v: int, device: int, here: cp_model.IntVar, uses: Sequence[Use]
    ) -> cp_model.IntVar:
        """Return a variable no earlier than the given uses and those of readers on the device."""
        model = self._built.model
        last = model.new_int_var(0, self._horizon, "")
        for end, lit in uses:
            model.add(last >= end).only_enforce_if(lit)
        for reader in set(self._instance.problem.values[v].readers):
            for place, lit in self._places(reader):
                if place == device:
                    model.add(last >= self._times(reader)[1]).only_enforce_if(lit, here)
        return last

    def _hold(
        self,
        v: int,
        device: int,
        begin: cp_model.LinearExprT,
        last: cp_model.IntVar,
        lit: cp_model.IntVar,
    ) -> None:
        model = self._built.model
        length = model.new_int_var(0, self._horizon, "")
        span = model.new_optional_interval_var(begin, length, last, lit, "")
        self._spans[device].append((span, self._instance.problem.values[v].bytes))
