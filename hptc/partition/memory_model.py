"""Memory of devices in CP-SAT: when each copy of a value is alive, and that all fit at any time."""

from collections import defaultdict

from ortools.sat.python import cp_model

from hptc.partition.model import ScheduleModel
from hptc.partition.room import total_bytes

LARGEST_BYTES = 1 << 58
"""More could leave CP-SAT's 64-bit integers: sizes are then rounded down, which only relaxes."""


def add_memory(built: ScheduleModel, horizon: int) -> None:
    """Keep every device of a model of the whole problem within its memory; `horizon` in ns."""
    _Memory(built, horizon).add()


class _Memory:
    """Intervals of the copies of values, by device."""

    def __init__(self, built: ScheduleModel, horizon: int) -> None:
        self._built = built
        self._horizon = horizon
        self._spans: dict[int, list[tuple[cp_model.IntervalVar, int]]] = defaultdict(list)

    def add(self) -> None:
        """Add the intervals and the limits."""
        instance, built = self._built.instance, self._built
        unit = 1 + total_bytes(instance.problem) // LARGEST_BYTES
        for v, value in enumerate(instance.problem.values):
            for mode, lit in built.chosen[value.src].items():
                device = instance.device[value.src][mode]
                if device in instance.memories and value.bytes:
                    self._add_home(v, device, lit)
        for (v, source, device), sent in built.sent.items():
            if device in instance.memories and instance.problem.values[v].bytes:
                done = self._done(v, source, device)
                last = self._last(v, device, sent, [(done, sent)])
                self._hold(v, device, built.sent_at[v, source, device], last, sent)
        self._add_residents()
        for device, spans in self._spans.items():
            intervals, sizes = [span for span, _ in spans], [size // unit for _, size in spans]
            built.model.add_cumulative(intervals, sizes, instance.memories[device] // unit)

    def _add_residents(self) -> None:
        """Residents lie where a chosen mode of a reader puts them."""
        instance, model = self._built.instance, self._built.model
        for resident in instance.problem.residents:
            users: dict[int, list[cp_model.IntVar]] = defaultdict(list)
            for reader in set(resident.readers):
                for mode, lit in self._built.chosen[reader].items():
                    users[instance.device[reader][mode]].append(lit)
            for device in users.keys() & instance.memories.keys():
                lies = model.new_bool_var("")
                model.add_bool_or([lies.negated(), *users[device]])
                for lit in users[device]:
                    model.add_implication(lit, lies)
                self._hold_always(device, resident.bytes, lies)

    def _hold_always(self, device: int, size: int, lit: cp_model.IntVar) -> None:
        length = max(1, self._horizon)
        span = self._built.model.new_optional_fixed_size_interval_var(0, length, lit, "")
        self._spans[device].append((span, size))

    def _add_home(self, v: int, device: int, lit: cp_model.IntVar) -> None:
        value, built = self._built.instance.problem.values[v], self._built
        if value.carried:
            self._hold_always(device, value.bytes, lit)
            return
        uses: list[tuple[cp_model.LinearExprT, cp_model.IntVar]] = [(built.end[value.src], lit)]
        uses += [
            (self._done(v, device, target), sent)
            for (u, source, target), sent in built.sent.items()
            if (u, source) == (v, device)
        ]
        last = self._last(v, device, lit, uses)
        self._hold(v, device, built.start[value.src], last, lit)

    def _done(self, v: int, source: int, device: int) -> cp_model.LinearExpr:
        instance = self._built.instance
        length = instance.send[v][source * instance.devices + device]
        return self._built.sent_at[v, source, device] + length

    def _last(
        self,
        v: int,
        device: int,
        here: cp_model.IntVar,
        uses: list[tuple[cp_model.LinearExprT, cp_model.IntVar]],
    ) -> cp_model.IntVar:
        """Return a variable no earlier than the given uses and those of readers on the device."""
        built, instance = self._built, self._built.instance
        last = built.model.new_int_var(0, self._horizon, "")
        for end, lit in uses:
            built.model.add(last >= end).only_enforce_if(lit)
        for reader in set(instance.problem.values[v].readers):
            for mode, lit in built.chosen[reader].items():
                if instance.device[reader][mode] == device:
                    built.model.add(last >= built.end[reader]).only_enforce_if(lit, here)
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
        self._spans[device].append((span, self._built.instance.problem.values[v].bytes))
